"""Compare the graph with what the ledger implies, and repair it."""

DIGEST_BYTES = 16
MODULUS = 1 << 8 * DIGEST_BYTES  # of sums of digests

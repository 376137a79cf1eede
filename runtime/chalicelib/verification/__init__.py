"""Compare the graph with what the ledger implies, and repair it."""

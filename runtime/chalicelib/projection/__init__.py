"""From the ledger into the graph: live, catching up, and rebuilding."""

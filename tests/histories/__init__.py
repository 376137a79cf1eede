"""Generated histories over the real stores, with kills, and an oracle that knows nothing of the product's code."""

"""The tables of `stats` and its HTML page."""

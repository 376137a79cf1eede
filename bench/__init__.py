"""Measures how fast the code is, each figure beside its ceiling: `make bench`."""

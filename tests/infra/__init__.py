"""Promises of the synthesised templates."""

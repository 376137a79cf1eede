"""The figures of `stats`, and its page."""

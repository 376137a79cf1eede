"""`make load`: how much the system takes, and whether it stays the same under it."""

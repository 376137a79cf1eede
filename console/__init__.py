"""The console: pages on loopback where people look at the tracker and mend what failed."""

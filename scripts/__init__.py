"""The commands, one module each, thin over `target`."""

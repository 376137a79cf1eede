"""The environments and the options that they choose."""

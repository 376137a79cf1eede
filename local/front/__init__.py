"""The loopback front: what a browser may reach of the laptop's cloud, on a port of its own."""

"""The AWS side: an environment, its stacks, and one module per construct that they are made of."""

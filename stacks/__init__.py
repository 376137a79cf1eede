"""The AWS side: the environments, and the two stacks that each of them consists of."""

"""What both stacks use."""

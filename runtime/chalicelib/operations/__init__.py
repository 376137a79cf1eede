"""What operators ask of the functions that reach the private stores."""

"""Read, report on and move dead-lettered messages."""

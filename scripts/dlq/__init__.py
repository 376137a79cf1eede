"""Reading, reporting on and moving dead-lettered messages."""

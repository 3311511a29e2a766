"""The notebook of the four steps, and what executes it."""

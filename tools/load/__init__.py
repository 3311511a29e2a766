"""Load test of the deployed endpoint: the highest rate one instance sustains, and how auto-scaling follows a load."""

"""`python -m tools.load`: what rate one instance of the endpoint bears, and how the endpoint follows a load."""

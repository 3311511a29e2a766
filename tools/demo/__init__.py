"""`python -m tools.demo`: real images to a served model, on the local AWS, with one command."""

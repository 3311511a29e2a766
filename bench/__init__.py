"""`python -m bench [NAME …]`: each benchmark runs a named peer and us in one run and prints the ratio."""

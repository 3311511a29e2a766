"""Container images without Docker: built from a Dockerfile, kept in ECR, run by this machine's Python."""

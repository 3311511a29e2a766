"""What we are compared with, where it is not a program of its own."""

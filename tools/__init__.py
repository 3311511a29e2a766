"""What people run: each folder is one command."""

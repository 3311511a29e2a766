"""Image folders: make one of digits, check one, name its content, upload it."""

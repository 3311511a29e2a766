"""The stacks of the system: one file a stack or construct, composed by app.py."""

"""The root of the gate's errors."""


class GateError(Exception):
    """The gate cannot read its input; the message names the input and the fix."""

"""Error response to a caller: an HTTP status, a code for programs, and a message for people."""


class ErrorResponse(Exception):
    """Ends a request with this response. Its message never names account, role, address or stack."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code

"""An answer that is no classification: an HTTP status, a code to program against, and a sentence for people."""


class Refusal(Exception):
    """What the caller is told; never anything about account, role, address or stack."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code

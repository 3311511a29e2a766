"""The log: JSON lines on stdout, which SageMaker sends to CloudWatch."""

import json
import logging
import sys
from typing import Any


def write(event: str, **fields: Any) -> None:
    """Write one line, in one piece: processes share stdout."""
    sys.stdout.write(json.dumps({"event": event, **fields}) + "\n")
    sys.stdout.flush()


class JsonLines(logging.Formatter):
    """Formats the server's own messages as lines like those of `write`."""

    def format(self, record: logging.LogRecord) -> str:
        line = {"event": "server", "level": record.levelname.lower(), "message": record.getMessage()}
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps(line)


UVICORN: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": JsonLines}},
    "handlers": {"stdout": {"class": "logging.StreamHandler", "stream": "ext://sys.stdout", "formatter": "json"}},
    "loggers": {"uvicorn": {"handlers": ["stdout"], "level": "INFO", "propagate": False}},
}

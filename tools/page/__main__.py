"""Try the deployed function on a page of your browser: drop, paste, choose or photograph an image.

    make try                               a page on this machine alone; the address is printed
    make try PORT=9000                     on another port
    make try SETTINGS="stage=prod"         another deployment

An image goes to the function and nowhere else, by the credentials of this terminal. Ctrl-C ends it.
"""

import argparse
import errno
import socket
import sys
from collections.abc import Sequence

import uvicorn
from starlette.types import ASGIApp

from settings.names import resource_name
from tools.classify import ask, event_with
from tools.classify_client import ClassifyClient
from tools.cli import chosen_settings, command, make_parser
from tools.page.app import make_app
from tools.page.guard import Guard
from tools.preflight import on_local_aws, require_aws
from tools.stack import outputs
from training.errors import InputError

DEFAULT_PORT = 8765


@command
def main(arguments: Sequence[str] | None = None) -> None:
    parser = make_parser("try", __doc__)
    parser.add_argument(
        "--port", type=_port, default=DEFAULT_PORT, metavar="N", help="port of the page; 0: any; default: %(default)s"
    )
    given = parser.parse_args(arguments)
    settings = chosen_settings(given)
    account, region = require_aws()
    serving = outputs(resource_name(settings.prefix, "serving"))
    client = ClassifyClient(serving["FunctionName"])
    with listen(given.port) as listening:
        guard = Guard.at(listening.getsockname()[1])
        local = "the local AWS" if on_local_aws() else f"AWS, account {account}"
        app = make_app(
            guard,
            lambda content: ask(client, event_with(content), serving, settings),
            max_bytes=settings.max_image_mb * 2**20,
            about={"name": settings.prefix, "function": serving["FunctionName"], "where": f"{local}, {region}"},
        )
        print(f"Open {guard.address}\nOnly this machine can. Ctrl-C ends it.", flush=True)
        make_server(app).run(sockets=[listening])


def make_server(app: ASGIApp) -> uvicorn.Server:
    """A server without a log. After Ctrl-C, answers under way have a second; then it raises KeyboardInterrupt."""
    config = uvicorn.Config(
        app,
        log_level="critical",
        access_log=False,
        lifespan="off",
        ws="none",
        server_header=False,
        timeout_graceful_shutdown=1,
    )
    return uvicorn.Server(config)


def listen(port: int) -> socket.socket:
    """A listening socket on loopback.

    Raises:
        InputError: the port is taken.
    """
    try:
        return socket.create_server(("127.0.0.1", port))
    except OSError as error:
        if error.errno not in (errno.EADDRINUSE, errno.EACCES):
            raise
        taken = "is taken" if error.errno == errno.EADDRINUSE else "is kept for the administrator"
        raise InputError(f"port {port} {taken}: give another one, or PORT=0, which takes a free one") from error


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text} is no port: give a number from 0 to 65535")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())

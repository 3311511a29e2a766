"""Server process of local AWS: MiniStack with our plug-in, on loopback, with TLS and authentication.

local_aws.supervisor starts it.
"""

import asyncio
import logging
import os
import sys

from local_aws.processes import MARKER, end_when_closed


def main() -> None:
    end_when_closed(int(sys.argv[1]), os.environ[MARKER])  # when the supervisor has ended

    from hypercorn.asyncio import serve
    from hypercorn.config import Config
    from ministack import app as ministack
    from ministack.core import tls

    from local_aws import heartbeat, plugin
    from local_aws.front_door import guarded

    plugin.install()
    config = Config()
    config.bind = [f"fd://{sys.argv[2]}"]
    config.certfile, config.keyfile = tls.resolve_tls_material()
    config.keep_alive_timeout = 75
    logging.getLogger("hypercorn.access").setLevel(logging.WARNING)

    async def run() -> None:
        beating = asyncio.create_task(heartbeat.beat(plugin.steps()))
        await serve(guarded(ministack.app), config)
        beating.cancel()

    asyncio.run(run())


if __name__ == "__main__":
    main()

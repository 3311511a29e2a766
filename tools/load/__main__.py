"""Load on the deployed endpoint, on the AWS that the environment names.

    python -m tools.load                       the highest rate that one instance sustains with p99 under the limit,
                                         and the targets of auto-scaling that follow from it
    python -m tools.load --rate 20             20 requests a second for --duration, however long the answers take
    python -m tools.load --trace FILE.csv      a curve of seconds and requests a second, to see the scaling follow it
    python -m tools.load --concurrency 32      32 clients that ask again when they are answered, for --duration

Latency counts from when a request was due, so that queueing shows. Each run writes out/load/<mode>.json, with every
call's seconds, and out/load/<mode>.png: load, instances and latency over time.
"""

import argparse
import asyncio
import signal
import sys
from collections.abc import Coroutine, Sequence
from contextlib import nullcontext
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console

from settings import SettingsError
from tools.assembly import describe
from tools.cli import chosen_settings
from tools.load.curve import Curve, read_curve
from tools.load.endpoint import Endpoint, deployed
from tools.load.images import read_images
from tools.load.invoke import Invoker
from tools.load.picture import draw
from tools.load.record import FOLDER, Record
from tools.load.report import show_run, show_step, show_sustained
from tools.load.run import Run
from tools.load.search import NotSustained
from tools.load.target import target
from tools.numbers import count, positive
from tools.preflight import NotReady, require_aws
from training.errors import InputError

_LEAST_STEP_SECONDS = 10.0
_STEP_PER_LIMIT = 20  # a rate 5 % over the capacity then exceeds the limit by the end of a step


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    console = Console()
    try:
        return asyncio.run(_unwinding(_run(options, console)))
    except (KeyboardInterrupt, asyncio.CancelledError):
        print("stopped", file=sys.stderr)
        return 130
    except (NotReady, InputError, SettingsError, NotSustained, BotoCoreError, ClientError) as error:
        for line in describe(error):
            print(f"error: {line}", file=sys.stderr)
        return 1


async def _unwinding(run: Coroutine[None, None, int]) -> int:
    """Cancels the run on SIGTERM and SIGHUP, which by default end a program at once and leave scaling suspended."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup's wish
            loop.add_signal_handler(number, task.cancel)
    return await run


async def _run(options: argparse.Namespace, console: Console) -> int:
    curve = read_curve(options.trace) if options.trace else None
    images = read_images(options.images)
    settings = chosen_settings(options)
    require_aws()
    name = options.endpoint or deployed(f"{settings.prefix}-serving")
    endpoint = Endpoint(name)
    serving = endpoint.require_in_service()
    limit = options.p99 / 1000
    if options.rate:
        curve = Curve.constant(options.rate, options.duration)
    mode = "trace" if options.trace else "rate" if curve else "concurrency" if options.concurrency else "search"
    used = {"limit_seconds": limit, "spacing": options.spacing, "seed": options.seed, "images": len(images)}
    record = Record(mode, name, endpoint.instance_type(), used)
    console.print(f"{name}: {serving.instances} × {record.instance_type}, {len(images)} images in turn")
    async with Invoker(name, images, timeout=options.timeout) as send:
        run = Run(send, endpoint, record, console)
        if curve:
            show_run(console, record, await run.follow(curve, options.spacing, options.seed))
        elif options.concurrency:
            show_run(console, record, await run.ask(options.concurrency, options.duration))
        else:
            await _search(run, options, serving.instances)
    console.print(f"Written: {record.write(FOLDER)}, {draw(record, limit, FOLDER / f'{mode}.png')}")
    return 0


async def _search(run: Run, options: argparse.Namespace, instances: int) -> None:
    limit, record = options.p99 / 1000, run.record
    record.options |= {"lowest": options.lowest, "highest": options.highest}
    held = nullcontext() if options.scaling else run.endpoint.scaling_held(run.console.print)
    with held:
        steps = await run.search(
            limit=limit,
            lowest=options.lowest,
            highest=options.highest,
            seconds=options.step or max(_LEAST_STEP_SECONDS, _STEP_PER_LIMIT * limit),
            spacing=options.spacing,
            seed=options.seed,
            on_step=lambda step: show_step(run.console, step),
        )
    found = steps[-1]
    rate = found.rate / instances
    aim = target(rate, found.summary.mean)
    record.result |= {
        "instances": instances,
        "rate": round(rate, 3),
        "peak_rate": round(max(step.summary.served for step in steps) / instances, 3),
        "mean_seconds": round(found.summary.mean, 5),
        "p99_seconds": round(found.summary.p99, 5),
        "target_concurrency": aim.concurrency,
        "target_invocations": aim.invocations,
    }
    show_sustained(run.console, record, found, aim)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tools.load", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--endpoint", metavar="NAME", help="the endpoint; default: what `make deploy` made")
    parser.add_argument("--images", type=Path, metavar="FOLDER", help="images to send; default: handwritten digits")
    modes = parser.add_mutually_exclusive_group()
    modes.add_argument("--rate", type=positive, metavar="N", help="requests a second")
    modes.add_argument("--trace", type=Path, metavar="FILE.csv", help="lines of seconds,requests a second")
    modes.add_argument("--concurrency", type=count, metavar="N", help="clients that wait for their answers")
    parser.add_argument(
        "--duration", type=positive, default=60, metavar="SECONDS", help="of --rate and --concurrency; default: 60"
    )
    parser.add_argument(
        "--p99", type=positive, default=500, metavar="MS", help="limit of the p99 latency; default: 500"
    )
    parser.add_argument(
        "--spacing", choices=("poisson", "constant"), default="poisson",
        help="of the requests; poisson, the default: as many independent callers send",
    )  # fmt: skip
    parser.add_argument("--seed", type=int, default=0, help="of the spacing; default: 0")
    parser.add_argument("--lowest", type=positive, default=1, metavar="N", help="lowest rate to try; default: 1")
    parser.add_argument(
        "--highest", type=positive, default=2000, metavar="N", help="highest rate to try; default: 2000"
    )
    parser.add_argument(
        "--step", type=positive, metavar="SECONDS",
        help=f"length of a step of the search; default: {_LEAST_STEP_SECONDS:g}, or {_STEP_PER_LIMIT} times the limit",
    )  # fmt: skip
    parser.add_argument("--timeout", type=positive, default=60, metavar="SECONDS", help="for an answer; default: 60")
    parser.add_argument("--scaling", action="store_true", help="search without suspending auto-scaling first")
    parser.add_argument(
        "-c", "--context", action="append", default=[], metavar="NAME=VALUE", help="a setting, over cdk.json's"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())

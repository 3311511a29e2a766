"""Load-tests the deployed endpoint, on the AWS that the environment names.

    make load                              finds the highest rate that one instance sustains with p99 under the
                                           limit, and the auto-scaling targets that follow from it
    make load ARGS="--rate 20"             sends 20 requests a second for --duration, whether or not earlier
                                           requests are answered (open loop)
    make load ARGS="--trace traffic.csv"   follows a curve of seconds and requests a second, to watch auto-scaling
    make load ARGS="--concurrency 32"      runs 32 clients for --duration; each waits for its answer before it
                                           sends again (closed loop)

Latency is measured from the time a request was due, so that it includes queueing. Each run writes
out/load/<mode>.json, with the times of every call, and out/load/<mode>.png: load, instances and latency over time.
"""

import argparse
import asyncio
import signal
import sys
from collections.abc import Coroutine, Sequence
from contextlib import nullcontext
from pathlib import Path

from rich.console import Console

from settings import Settings
from settings.names import resource_name
from tools.cli import add_json, chosen_settings, command, count, data_path, make_parser, positive, print_json
from tools.deployment import deployment
from tools.load.curve import Curve, read_curve
from tools.load.endpoint import EndpointUnderTest
from tools.load.images import read_images
from tools.load.invoke import Invoker
from tools.load.picture import draw
from tools.load.record import FOLDER, Record
from tools.load.report import show_run, show_step, show_sustained
from tools.load.run import LoadRun
from tools.load.target import target
from tools.preflight import require_aws
from tools.stack import outputs
from training.errors import InputError
from training.writing import require_writable

_MIN_STEP_SECONDS = 10.0
_STEP_PER_LIMIT = 20  # long enough for a rate 5 % above capacity to exceed the latency limit within the step


@command
def main(arguments: Sequence[str] | None = None) -> int:
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.lowest > options.highest:
        parser.error(f"--lowest {options.lowest:g} is above --highest {options.highest:g}")
    try:
        return asyncio.run(_unwinding(_run(options, Console(stderr=options.json))))
    except asyncio.CancelledError:  # SIGTERM or SIGHUP
        raise KeyboardInterrupt from None


async def _unwinding(run: Coroutine[None, None, int]) -> int:
    """Cancel the run on SIGTERM and SIGHUP; their default ends the program at once and leaves scaling suspended."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # ignored under nohup
            loop.add_signal_handler(number, task.cancel)
    return await run


async def _run(options: argparse.Namespace, console: Console) -> int:
    curve = read_curve(options.trace) if options.trace else None
    images = read_images(options.images)
    settings = chosen_settings(options)
    require_writable(FOLDER)
    require_aws()
    name = options.endpoint or outputs(resource_name(settings.prefix, "serving")).get("EndpointName")
    if not name:
        raise InputError(f"the endpoint is off: make wake{deployment(settings)} switches it on")
    endpoint = EndpointUnderTest(name)
    serving = endpoint.require_in_service()
    limit = options.p99 / 1000
    if options.rate:
        curve = Curve.constant(options.rate, options.duration)
    mode = "trace" if options.trace else "rate" if curve else "concurrency" if options.concurrency else "search"
    used = {"limit_seconds": limit, "spacing": options.spacing, "seed": options.seed, "images": len(images)}
    record = Record(mode, name, endpoint.instance_type(), used)
    console.print(f"{name}: {serving.instances} × {record.instance_type}, {len(images)} images in turn")
    async with Invoker(name, images, timeout=options.timeout) as send:
        run = LoadRun(send, endpoint, record, console)
        if mode == "search":
            await _search(run, options, serving.instances, settings)
        else:
            following = run.follow(curve, options.spacing, options.seed) if curve else None
            summary = await (following or run.ask(options.concurrency, options.duration))
            record.result |= vars(summary)
            show_run(console, record, summary)
    console.print(f"Written: {record.write(FOLDER)}, {draw(record, limit, FOLDER / f'{mode}.png')}")
    if options.json:
        print_json(record.figures())
    return 0


async def _search(run: LoadRun, options: argparse.Namespace, instances: int, settings: Settings) -> None:
    limit, record = options.p99 / 1000, run.record
    record.options |= {"lowest": options.lowest, "highest": options.highest}
    suspended = run.endpoint.scaling_suspended(deployment(settings), run.console.print)
    with nullcontext() if options.scaling else suspended:
        steps = await run.search(
            limit=limit,
            lowest=options.lowest,
            highest=options.highest,
            seconds=options.step or max(_MIN_STEP_SECONDS, _STEP_PER_LIMIT * limit),
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
    show_sustained(run.console, record, found, aim, settings)


def _parser() -> argparse.ArgumentParser:
    parser = make_parser("load", __doc__)
    parser.add_argument("--endpoint", metavar="NAME", help="endpoint to test; default: the one `make deploy` created")
    parser.add_argument(
        "--images", type=data_path, metavar="FOLDER", help="folder of images to send; default: handwritten digits"
    )
    modes = parser.add_mutually_exclusive_group()
    modes.add_argument("--rate", type=positive, metavar="N", help="requests a second, open loop")
    modes.add_argument(
        "--trace", type=Path, metavar="FILE.csv", help="curve to follow: lines of seconds,requests a second"
    )
    modes.add_argument("--concurrency", type=count, metavar="N", help="number of clients, closed loop")
    parser.add_argument(
        "--duration",
        type=positive,
        default=60,
        metavar="SECONDS",
        help="length of --rate and --concurrency; default: 60",
    )
    parser.add_argument(
        "--p99", type=positive, default=500, metavar="MS", help="limit for the p99 latency; default: 500"
    )
    parser.add_argument(
        "--spacing", choices=("poisson", "constant"), default="poisson",
        help="spacing of requests; poisson, the default, is the traffic of many independent callers",
    )  # fmt: skip
    parser.add_argument("--seed", type=int, default=0, help="seed of poisson spacing; default: 0")
    parser.add_argument(
        "--lowest", type=positive, default=1, metavar="N", help="lowest rate the search tries; default: 1"
    )
    parser.add_argument(
        "--highest", type=positive, default=2000, metavar="N", help="highest rate the search tries; default: 2000"
    )
    parser.add_argument(
        "--step", type=positive, metavar="SECONDS",
        help="length of one step of the search; "
        f"default: {_MIN_STEP_SECONDS:g}, or {_STEP_PER_LIMIT} times the p99 limit if that is longer",
    )  # fmt: skip
    parser.add_argument(
        "--timeout", type=positive, default=60, metavar="SECONDS", help="timeout of a call; default: 60"
    )
    parser.add_argument("--scaling", action="store_true", help="leave auto-scaling on during the search")
    add_json(parser, "mode, endpoint, instance_type, options and result")
    return parser


if __name__ == "__main__":
    sys.exit(main())

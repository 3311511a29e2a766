"""What the declared scaling policy makes of a traffic: latency, dropped requests, cost; and the cheapest that holds.

    python -m tools.capacity                                 a day's curve, with what `make load` measured
    python -m tools.capacity --trace flash                   a crowd that comes within a minute
    python -m tools.capacity --trace FILE.csv                your own, lines of seconds,requests a second
    python -m tools.capacity --rate 40 --service-time 50     without a measurement: 40 requests a second, 50 ms each

It needs no AWS. Writes out/capacity/<trace>.json and .png. The same arguments give the same output.
"""

import argparse
import json
import math
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn

from aws.prices import instance_hour
from tools.assembly import describe, synthesize
from tools.capacity.instance import Instance
from tools.capacity.picture import draw
from tools.capacity.policy import Policy, declared
from tools.capacity.report import as_json, show
from tools.capacity.search import Limits, cheapest, pareto, search
from tools.capacity.simulation import MONDAY, Outcome, simulate
from tools.capacity.traces import BUILT_IN
from tools.cdk import CdkFailed
from tools.cli import settings_of
from tools.load.curve import read_curve
from tools.load.record import FOLDER as MEASURED
from tools.numbers import count, positive
from training.errors import InputError

FOLDER = Path("out/capacity")
_START_SECONDS = 300.0
_PEAK_SHARE = 0.75  # of what the declared maximum answers: the highest rate of a built-in trace
_LEAST_UTILIZATION = 0.5  # at the peak: more instances than that are not tried


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    console = Console()
    try:
        return _run(options, console)
    except (InputError, CdkFailed, ValueError) as error:
        for line in describe(error):
            print(f"error: {line}", file=sys.stderr)
        return 1


def _run(options: argparse.Namespace, console: Console) -> int:
    instance, limits = _measured(options)
    given = None if options.trace in BUILT_IN else read_curve(Path(options.trace))
    assembly = synthesize(settings_of(options))
    policy, instance_type = declared(assembly.template("serving"))
    dollars = instance_hour(instance_type) if options.price is None else options.price
    curve = given or BUILT_IN[options.trace](options.peak or _PEAK_SHARE * policy.maximum * instance.rate)
    console.print(
        f"{options.trace}: {curve.duration / 3600:.2g} h, up to {curve.rates.max():.4g} requests/s. "
        f"One {instance_type} answers {instance.rate:.4g}/s, a single request in {1000 * instance.latency:.0f} ms, and "
        f"serves {options.start_seconds:g} s after it is asked for."
    )

    def run(policy: Policy) -> Outcome:
        return simulate(
            curve, policy, instance, start_seconds=options.start_seconds, seed=options.seed, begin=options.begin
        )

    current = run(policy)
    most = options.most or max(policy.maximum, math.ceil(curve.rates.max() / instance.rate / _LEAST_UTILIZATION))
    hours = curve.duration / 3600
    search_ = search(run, policy, instance, limits=limits, most=most, hours=hours)
    tried = _told(search_, limits, dollars, console)
    best = cheapest([*tried, current], limits)
    show(console, current, best, [o for o in pareto(tried, limits) if o is not best], limits, dollars)

    name = options.trace if options.trace in BUILT_IN else Path(options.trace).stem
    drawn = best or current
    title = (
        f"{name}: {drawn.policy.minimum} to {drawn.policy.maximum} × {instance_type}, target {drawn.policy.target:g}"
    )
    picture = draw(drawn, instance.rate, limits, title, FOLDER / f"{name}.png")
    results = {
        "instance_type": instance_type,
        "instance": vars(instance),
        "limits": vars(limits),
        "start_seconds": options.start_seconds,
        "seed": options.seed,
        "declared": as_json(current, dollars),
        "cheapest": best and as_json(best, dollars),
        "tried": [as_json(outcome, dollars) for outcome in tried],
    }
    (FOLDER / f"{name}.json").write_text(json.dumps(results, indent=2) + "\n")
    console.print(f"Written: {FOLDER / name}.json, {picture}")
    if best is None:
        print(
            f"error: none of the {len(tried)} policies tried, of up to {most} instances, holds the limits: "
            "raise --most, --p99 or --dropped, or take a faster instance",
            file=sys.stderr,
        )
        return 1
    if best is current:
        console.print("The declared policy is the cheapest that holds.")
    else:
        console.print(f'make deploy SETTINGS="{best.policy.settings(policy)}"', soft_wrap=True, highlight=False)
    return 0


def _measured(options: argparse.Namespace) -> tuple[Instance, Limits]:
    """The instance and the limits, as given or as `make load` left them."""
    found: dict[str, Any] = {}
    if options.rate is None or options.service_time is None:
        try:
            found = json.loads(options.measured.read_text())
            found = {**found["result"], **found["options"]}
            found["peak_rate"], found["service_seconds"], found["limit_seconds"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(
                f"no measurement in {options.measured} ({type(error).__name__}: {error}): run `make load` first, or "
                "give --rate and --service-time"
            ) from None
    rate = options.rate or found["peak_rate"]
    latency = options.service_time / 1000 if options.service_time else found["service_seconds"]
    limit = options.p99 / 1000 if options.p99 else found.get("limit_seconds", 0.5)
    return Instance.measured(rate, latency, options.queue), Limits(limit, options.dropped / 100)


def _told(outcomes: Iterator[Outcome], limits: Limits, dollars: float, console: Console) -> list[Outcome]:
    """All of the search's outcomes; on a terminal, how far it is."""
    tried: list[Outcome] = []
    columns = SpinnerColumn(), TextColumn("{task.description}")
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("searching")
        for outcome in outcomes:
            tried.append(outcome)
            best = cheapest(tried, limits)
            so_far = f", cheapest that holds: {best.instance_hours * dollars:.2f} $" if best else ""
            bar.update(task, description=f"{len(tried)} policies simulated{so_far}")
    return tried


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tools.capacity", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--trace", default="day", metavar="|".join((*BUILT_IN, "FILE.csv")), help="default: day")
    parser.add_argument(
        "--peak", type=positive, metavar="N",
        help="highest rate of day and flash, requests a second;\n"
        f"default: {_PEAK_SHARE:g} of what the declared maximum answers",
    )  # fmt: skip
    parser.add_argument(
        "--measured", type=Path, default=MEASURED / "search.json", metavar="FILE", help="default: %(default)s"
    )
    parser.add_argument("--rate", type=positive, metavar="N", help="requests a second that an instance answers at most")
    parser.add_argument("--service-time", type=positive, metavar="MS", help="latency of a single request")
    parser.add_argument(
        "--queue", type=positive, metavar="N",
        help="requests that wait on an instance at most, more are dropped;\n"
        "default: as many as the server lets in, 64 with those it works on",
    )  # fmt: skip
    parser.add_argument(
        "--start-seconds", type=positive, default=_START_SECONDS, metavar="N",
        help="from asking for an instance until it serves; default: %(default)g.\n"
        "Yours: the length of the activities of aws application-autoscaling describe-scaling-activities",
    )  # fmt: skip
    parser.add_argument("--p99", type=positive, metavar="MS", help="limit of the p99; default: make load's, or 500")
    parser.add_argument(
        "--dropped", type=float, default=0.1, metavar="PERCENT", help="of the requests at most; default: %(default)g"
    )
    parser.add_argument("--most", type=count, metavar="N", help="instances to try; default: twice what the peak takes")
    parser.add_argument("--price", type=positive, metavar="DOLLARS", help="an hour; default: aws/prices.yaml's")
    parser.add_argument(
        "--begin", type=_moment, default=MONDAY, metavar="TIME",
        help="when the traffic begins, for endpoint_schedule: 2026-12-24T00:00, UTC; default: a Monday's midnight",
    )  # fmt: skip
    parser.add_argument("--seed", type=int, default=0, help="of the random arrivals; default: 0")
    parser.add_argument(
        "-c", "--context", action="append", default=[], metavar="NAME=VALUE", help="a setting, over cdk.json's"
    )
    return parser


def _moment(text: str) -> float:
    """Epoch seconds of a date and time, UTC unless it says otherwise."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text} is not a date and time such as 2026-12-24T00:00") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


if __name__ == "__main__":
    sys.exit(main())

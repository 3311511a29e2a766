"""Simulates your scaling policy under a traffic curve: latency, drops, cost; and finds the cheapest policy that holds.

    make capacity                                           one day's curve
    make capacity ARGS="--trace flash"                      a flash crowd that arrives within a minute
    make capacity ARGS="--trace FILE.csv"                   your own curve: lines of seconds,requests a second
    make capacity ARGS="--rate 40 --service-time 50"        without a measurement: 40 requests a second, 50 ms each

Run `make load` first: it measures one instance of the deployed endpoint. Or give --rate and --service-time. The
simulation itself needs no AWS. It writes out/capacity/<trace>.json and .png. The same arguments give the same output.
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
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from aws.prices import instance_hour
from settings.schedule import MAX_INSTANCES
from tools.assembly import synthesize
from tools.capacity.instance import InstanceQueue
from tools.capacity.picture import draw
from tools.capacity.policy import SimulatedPolicy, declared
from tools.capacity.report import as_json, show
from tools.capacity.search import ServiceLimits, cheapest, pareto, search
from tools.capacity.simulation import MONDAY, SimulationResult, simulate
from tools.capacity.traces import BUILT_IN
from tools.cli import (
    add_json,
    add_region,
    chosen_settings,
    command,
    count,
    make_parser,
    positive,
    print_json,
    settings_of,
)
from tools.deployment import deployment
from tools.load.curve import read_curve
from tools.load.record import FOLDER as MEASURED
from training.errors import InputError
from training.writing import require_writable

FOLDER = Path("out/capacity")
_START_SECONDS = 300.0
_PEAK_SHARE = 0.75  # peak of a built-in trace, as a share of the capacity of the declared maximum of instances
_MIN_UTILIZATION = 0.5  # at the peak; fleets with a lower one are not tried


@command
def main(arguments: Sequence[str] | None = None) -> None:
    options = _parser().parse_args(arguments)
    console = Console(stderr=options.json)
    settings = chosen_settings(options)  # a mistake is told before anything else
    instance, limits = _measured(options)
    require_writable(FOLDER)
    given = None if options.trace in BUILT_IN else read_curve(Path(options.trace))
    console.print("Synthesizing the app, to read its scaling policy")
    # An endpoint that is off has no policy; what it would have once it is on is simulated.
    assembly = synthesize(settings_of(options) | {"endpoint": "on"})
    policy, instance_type = declared(assembly.template("serving"))
    dollars = instance_hour(instance_type, options.region) if options.price is None else options.price
    curve = given or BUILT_IN[options.trace](options.peak or _PEAK_SHARE * policy.maximum * instance.rate)
    console.print(
        f"{options.trace}: {curve.duration / 3600:.2g} h, up to {curve.rates.max():.4g} requests/s. "
        f"One {instance_type} answers {instance.rate:.4g} requests/s, a single request in "
        f"{1000 * instance.latency:.0f} ms, and takes {options.start_seconds:g} s to start."
    )

    def run(policy: SimulatedPolicy) -> SimulationResult:
        return simulate(
            curve, policy, instance, start_seconds=options.start_seconds, seed=options.seed, begin=options.begin
        )

    current = run(policy)
    fit = max(policy.maximum, math.ceil(curve.rates.max() / instance.rate / _MIN_UTILIZATION))
    max_instances = min(options.max_instances or fit, MAX_INSTANCES)
    console.print(f"Searching policies of up to {max_instances} instances: some minutes")
    hours = curve.duration / 3600
    outcomes = search(run, policy, instance, limits=limits, max_instances=max_instances, hours=hours)
    tried = _with_progress(outcomes, limits, dollars, max_instances, hours, console)
    best = cheapest([*tried, current], limits)
    show(console, current, best, [o for o in pareto(tried, limits) if o is not best], limits, dollars)

    name = options.trace if options.trace in BUILT_IN else Path(options.trace).stem
    drawn = best or current
    title = (
        f"{name}: {drawn.policy.minimum} to {drawn.policy.maximum} × {instance_type}, target {drawn.policy.target:g}"
    )
    picture = draw(drawn, instance.rate, limits, title, FOLDER / f"{name}.png")
    results = {
        "trace": name,
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
    if options.json:
        print_json(results)
    if best is None:
        raise InputError(
            f"none of the {len(tried)} policies tried, of up to {max_instances} instances, holds the limits: "
            "raise --max-instances, --p99 or --dropped, or take a faster instance"
        )
    if best is current:
        console.print("The declared policy is the cheapest that holds.")
    else:
        console.print("To deploy the cheapest policy:")
        console.print(
            f"  make deploy{deployment(settings, best.policy.settings(policy))}", soft_wrap=True, highlight=False
        )


def _measured(options: argparse.Namespace) -> tuple[InstanceQueue, ServiceLimits]:
    """Instance and limits, from the arguments or else from the file that `make load` wrote.

    Raises:
        InputError: neither the arguments nor the file give them.
    """
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
    return InstanceQueue.measured(rate, latency, options.queue), ServiceLimits(limit, options.dropped / 100)


def _with_progress(
    outcomes: Iterator[SimulationResult],
    limits: ServiceLimits,
    dollars: float,
    max_instances: int,
    hours: float,
    console: Console,
) -> list[SimulationResult]:
    """Run the search with a progress bar over the minimums that it tries; without a terminal, with a line for each."""
    tried: list[SimulationResult] = []
    description = "simulating"
    columns = TextColumn("  {task.description}"), BarColumn(20), TimeElapsedColumn()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(description, total=max_instances)
        for outcome in outcomes:
            minimum = outcome.policy.minimum
            if tried and minimum > tried[-1].policy.minimum and not console.is_terminal:
                console.print(f"  minimum {minimum}, {description}", highlight=False)
            tried.append(outcome)
            best = cheapest(tried, limits)
            so_far = f", cheapest that holds: {best.instance_hours * dollars:.2f} $" if best else ""
            description = f"{len(tried)} policies simulated{so_far}"
            # A minimum dearer than the cheapest valid policy ends the search.
            total = min(max_instances, math.ceil(best.instance_hours / hours)) if best else max_instances
            bar.update(task, description=description, completed=minimum - 1, total=total)
    return tried


def _parser() -> argparse.ArgumentParser:
    parser = make_parser("capacity", __doc__)
    parser.add_argument(
        "--trace", default="day", metavar="|".join((*BUILT_IN, "FILE.csv")), help="traffic curve; default: day"
    )
    parser.add_argument(
        "--peak", type=positive, metavar="N",
        help="peak of the curves day and flash, in requests a second;\n"
        f"default: {_PEAK_SHARE:g} of the capacity of the declared maximum of instances",
    )  # fmt: skip
    parser.add_argument(
        "--measured",
        type=Path,
        default=MEASURED / "search.json",
        metavar="FILE",
        help="measurement of one instance by `make load`; default: %(default)s",
    )
    parser.add_argument("--rate", type=positive, metavar="N", help="maximum rate of one instance, requests a second")
    parser.add_argument("--service-time", type=positive, metavar="MS", help="latency of a single request")
    parser.add_argument(
        "--queue", type=positive, metavar="N",
        help="maximum number of waiting requests of an instance, more are dropped;\n"
        "default: the server's own, which lets nothing wait for over a second, nor more than 64 be in flight",
    )  # fmt: skip
    parser.add_argument(
        "--start-seconds", type=positive, default=_START_SECONDS, metavar="N",
        help="time that a new instance takes to start; default: %(default)g.\n"
        "Measure yours: the duration of an activity in\n"
        "aws application-autoscaling describe-scaling-activities --service-namespace sagemaker",
    )  # fmt: skip
    parser.add_argument("--p99", type=positive, metavar="MS", help="limit for p99; default: make load's, or 500")
    parser.add_argument(
        "--dropped", type=float, default=0.1, metavar="PERCENT", help="limit for dropped requests; default: %(default)g"
    )
    parser.add_argument(
        "--max-instances",
        type=count,
        metavar="N",
        help=f"largest fleet to try, {MAX_INSTANCES} at most; default: twice what the peak needs",
    )
    parser.add_argument("--price", type=positive, metavar="DOLLARS", help="price an hour; default: aws/prices.yaml")
    add_region(parser)
    parser.add_argument(
        "--begin", type=_moment, default=MONDAY, metavar="TIME",
        help="start of the traffic, which decides when endpoint_schedule applies, such as 2026-12-24T00:00 (UTC);\n"
        "default: midnight of a Monday",
    )  # fmt: skip
    parser.add_argument("--seed", type=int, default=0, help="seed of the random arrivals; default: 0")
    add_json(parser, "the file's content")
    return parser


def _moment(text: str) -> float:
    """Epoch seconds of an ISO 8601 date and time; UTC without an offset."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text} is not a date and time such as 2026-12-24T00:00") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


if __name__ == "__main__":
    sys.exit(main())

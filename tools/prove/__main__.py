"""Ask the AWS that the environment names what its documents leave open, and write the answers down.

    make prove                      asks first; YES=1 does not
    make prove ONLY=no-change       one row, or several with commas between, and the steps that they take
    make prove MAX_USD=10           ends in time: no step begins that would lead over it

It deploys a stage of its own, `prove`, with the digits, asks each row of docs/live-checks.md, removes everything, and
writes out/proof.json and out/proof.md. An interrupted proof goes on with the same command. Exit code 1 if an answer is
not the expected one, a step failed, or something is left.
"""

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from aws.prices import UnknownPrice
from local_aws.home import ACCOUNT
from settings import read_settings
from tools.cli import add_yes, agreed, command, make_parser, positive, settings_of
from tools.dataset.check import checked
from tools.dataset.digits import write as write_digits
from tools.deploy.inventory import Deployment
from tools.preflight import NotReady, require_aws
from tools.prove import report, rows, state
from tools.prove.money import Bill, priced_region, standing_hour, step_usd
from tools.prove.row import ROWS, ProofRow
from tools.prove.run import Proof, needed
from tools.prove.state import ProofState
from tools.prove.steps import DESTROY
from tools.prove.steps.base import SETTINGS
from tools.prove.system import ProvedSystem
from training.errors import InputError
from training.folder import digest

_DIGITS = Path("out") / "digits"
_BILLED = ("endpoint", "instance", "notebook instance", "training job", "tuning job")  # by the hour


@command
def main(arguments: Sequence[str] | None = None) -> int:
    assert rows  # imported, so that they are declared
    options = _parser().parse_args(arguments)
    os.environ["SLIPWAY_STAGES"] = os.devnull  # the proof is no stage of yours
    chosen = _chosen(options.only)
    given = {**SETTINGS, **settings_of(options)}
    settings = read_settings(given)
    account, region = require_aws()
    if not _DIGITS.exists():
        write_digits(_DIGITS)
    images = checked(_DIGITS)
    given["dataset"] = digest(images)
    system = ProvedSystem(given, images, account, region, account == ACCOUNT, Console())
    of = Deployment(settings.app, settings.stage, account)
    known = _known(system, of)
    assembly = system.assembly()
    steps = [(step, read_settings({**given, **step.changes})) for step in needed(chosen, local=system.local)]
    prices = priced_region(assembly, steps, region)
    hour = standing_hour(assembly, prices)
    if not known.done:
        _say_cost(system, chosen, hour, prices)
        if not agreed("Deploy it, ask, and remove it?", yes=options.yes):
            print("nothing was deployed")
            return 1
    bill = Bill(known, hour, options.max_usd, prices)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        Proof(system, chosen, known, bill, state.FILE).run()
    except BaseException:
        _say_what_runs(of, hour)
        raise
    return _report(known, chosen, prices, local=system.local)


def _report(known: ProofState, chosen: Sequence[ProofRow], prices: str, *, local: bool) -> int:
    """Write and print what was found; returns the exit code."""
    left = known.facts[DESTROY]["left"]
    report.write(known, [row.name for row in chosen], left, prices=prices, local=local)
    print(f"Written: {report.JSON_FILE}, {report.MARKDOWN_FILE}")
    for each in left:
        print(f"left: {each}: run make prove again to remove it")
    if left:
        known.done.remove(DESTROY)
        known.save(state.FILE)
    else:
        state.FILE.unlink()
    print("stays: CDK's bootstrap stack (CDKToolkit), with files and images, which other apps may use: cents")
    answers = {row: known.answers[row.name] for row in chosen}
    wrong = [row for row, it in answers.items() if it["ok"] is False]
    unread = [row for row, it in answers.items() if it["why"] == "later" != row.why]
    told = sum(it["ok"] is not None for it in answers.values())
    print(f"{told} of {len(chosen)} rows answered, {len(wrong)} of them not as expected, {len(unread)} not read")
    return 1 if wrong or unread or left else 0


def _parser() -> argparse.ArgumentParser:
    parser = make_parser("prove", __doc__)
    parser.add_argument("--only", default="", metavar="NAME,…", help="rows to ask (docs/live-checks.md); default: all")
    parser.add_argument("--max-usd", type=positive, metavar="N", help="dollars that it may cost")
    add_yes(parser)
    return parser


def _chosen(only: str) -> list[ProofRow]:
    names = [name for name in only.replace(",", " ").split() if name]
    if unknown := [name for name in names if name not in ROWS]:
        raise InputError(f"no row {', '.join(unknown)}: take some of {', '.join(ROWS)}")
    return [row for row in ROWS.values() if not names or row.name in names]


def _known(system: ProvedSystem, of: Deployment) -> ProofState:
    """The state of an interrupted proof of this deployment, or a new one.

    Raises:
        NotReady: something else deployed this stage, or the interrupted proof is another one.
    """
    fresh = ProofState(system.account, system.region, dict(system.given))
    found = of.find()
    known = state.read(state.FILE)
    if known is None or _is_gone(known, fresh):
        if found:
            raise NotReady(
                f"stage {of.stage} is deployed in account {of.account} already ({len(found)} resources, {found[0]} "
                f"among them), and not by an interrupted proof of this folder: prove another stage, "
                f"SETTINGS=stage=…, or remove it: {_end(of)}"
            )
        return fresh
    if (known.account, known.region, known.settings) != (fresh.account, fresh.region, fresh.settings):
        raise NotReady(
            f"{state.FILE} is of an interrupted proof in account {known.account}, region {known.region}, with other "
            f"settings or another version of this one: go on with that one, or remove it ({_end(_of(known))}) and "
            f"delete {state.FILE}"
        )
    print(f"going on with the interrupted proof: {len(known.answers)} rows are answered")
    return known


def _is_gone(known: ProofState, here: ProofState) -> bool:
    """True if nothing stands any more of what that proof deployed: it was removed, or its local AWS has ended."""
    if (known.account, known.region) != (here.account, here.region):
        return known.account == ACCOUNT
    return DESTROY not in known.done and not _of(known).find()


def _of(known: ProofState) -> Deployment:
    settings = read_settings(known.settings)
    return Deployment(settings.app, settings.stage, known.account)


def _say_cost(system: ProvedSystem, chosen: Sequence[ProofRow], hour: float, prices: str) -> None:
    """Say how long it takes, and what it costs; a step without a price is named, and will be left out."""
    dollars, minutes, unpriced = 0.0, 0.0, []
    for step in needed(chosen, local=False):
        try:
            dollars += step_usd(step, read_settings({**system.given, **step.changes}), hour, prices)
            minutes += step.minutes
        except UnknownPrice as error:
            unpriced.append(f"  without the step {step.name}: {error}")
    print(
        f"{len(chosen)} rows, in account {system.account}, region {system.region}, as stage {system.settings.stage}:\n"
        f"  in an account an estimated {minutes / 60:.1f} hours and {dollars:.2f} $ at list prices of {prices}; "
        f"what stands costs {hour:.2f} $ an hour"
    )
    if prices != system.region:
        print(f"  aws/prices.yaml lacks some prices of {system.region}, where it may cost more: MAX_USD counts these")
    print(*unpriced, sep="\n", end="\n" if unpriced else "")
    if system.local:
        seconds = sum(step.seconds for step in needed(chosen, local=True))
        print(f"  on this local AWS nothing, and about {seconds / 60:.0f} minutes")


def _say_what_runs(of: Deployment, hour: float) -> None:
    """Say in one line what an interrupted proof leaves, and how to end it."""
    try:
        billed: Any = [str(each) for each in of.find() if each.kind in _BILLED]
    except Exception:  # whatever ended the proof, such as an AWS that has gone, may end this too
        billed = ["what it had deployed"]
    if billed:
        print(f"still runs, about {hour:.2f} $ an hour: {', '.join(billed)}. Go on: make prove. End it: {_end(of)}")


def _end(of: Deployment) -> str:
    return f'make destroy YES=1 SETTINGS="app={of.app} stage={of.stage} keep_data=false"'


if __name__ == "__main__":
    sys.exit(main())

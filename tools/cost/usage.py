"""Usage that an estimate assumes, since no template states it; printed with every estimate."""

import argparse
from dataclasses import Field, dataclass, field, fields
from typing import Any

from tools.cli import positive


def _assumed(default: float, unit: str, help: str) -> Any:
    return field(default=default, metadata={"unit": unit, "help": help})


@dataclass(frozen=True, kw_only=True)
class Usage:
    """Assumed usage. Each field is a number in the unit of its metadata, and a command-line argument."""

    predictions: float = _assumed(100_000, "N", "predictions a month")
    trainings: float = _assumed(2, "N", "training runs a month")
    training_minutes: float = _assumed(30, "MINUTES", "billed for each instance of a training")
    image_kib: float = _assumed(100, "KIB", "per image")
    call_ms: float = _assumed(150, "MS", "per call of the function, the endpoint's answer included")
    log_kib: float = _assumed(1, "KIB", "written to each log by a prediction")
    stored_gib: float = _assumed(10, "GIB", "stored in the bucket: images, weights, models, jobs' output")
    container_gb: float = _assumed(0.15, "GB", "of the endpoint's image in the registry, compressed")
    host_hours: float = _assumed(1, "HOURS", "per training run on the EC2 host")
    notebook_hours: float = _assumed(20, "HOURS", "of notebook use a month")

    @property
    def sentences(self) -> list[str]:
        """Assumptions as text, one for each field."""
        return [f"{getattr(self, each.name):,.10g} {_words(each)}" for each in fields(self)]


_UNITS = {"N": "", "MINUTES": "minutes ", "HOURS": "hours ", "KIB": "KiB ", "GIB": "GiB ", "GB": "GB ", "MS": "ms "}


def _words(each: Field[float]) -> str:
    return _UNITS[each.metadata["unit"]] + each.metadata["help"]


def _amount(text: str) -> float:
    """Parse a number of 0 or more."""
    return 0.0 if text == "0" else positive(text)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    for each in fields(Usage):
        parser.add_argument(
            f"--{each.name.replace('_', '-')}",
            type=positive if each.name == "predictions" else _amount,
            default=each.default,
            metavar=each.metadata["unit"],
            help=f"{each.metadata['help']}; default: %(default)g",
        )


def usage_of(options: argparse.Namespace) -> Usage:
    return Usage(**{each.name: getattr(options, each.name) for each in fields(Usage)})

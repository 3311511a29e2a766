"""The command-line arguments that deploying and the demo have in common."""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path

from settings import Settings, read_settings
from tools.cdk import ROOT
from training.settings import parse


def make_parser(program: str, description: str) -> argparse.ArgumentParser:
    """A parser that knows --data FOLDER and -c NAME=VALUE."""
    parser = argparse.ArgumentParser(
        prog=program, description=description, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="your images: {train,valid,test}/<class>/<image>")
    parser.add_argument(
        "-c", "--context", action="append", default=[], metavar="NAME=VALUE", help="a setting, over cdk.json's"
    )
    return parser


def settings_of(arguments: argparse.Namespace) -> dict[str, str]:
    """The settings given with -c, by name; the app checks them."""
    return dict(item.partition("=")[::2] for item in arguments.context)


def chosen_settings(arguments: argparse.Namespace) -> Settings:
    """cdk.json's settings, with those given with -c over them.

    Raises:
        SettingsError: with all mistakes.
    """
    defaults = json.loads((ROOT / "cdk.json").read_text())["context"]
    return read_settings(defaults | settings_of(arguments))


def max_unreadable(settings: Mapping[str, str]) -> float:
    """Share of the images that the training may leave out: as given with -c, else cdk.json's.

    Raises:
        InputError: no number from 0 to 1.
    """
    defaults = json.loads((ROOT / "cdk.json").read_text())["context"]
    return parse({"max-unreadable": str(settings.get("max_unreadable", defaults["max_unreadable"]))}).max_unreadable

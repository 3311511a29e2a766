"""Image folders for training: FOLDER/{train,valid,test}/<class>/<image>."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from tools.cli import command
from training.folder import digest, inspect


@command
def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m tools.dataset", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    digits = commands.add_parser("digits", help="write scikit-learn's handwritten digits as an image folder")
    digits.add_argument("folder", type=Path, metavar="OUT")
    for name, help_ in (
        ("check", "report everything that would stop a training, unreadable images included"),
        ("digest", "print the 64 hex digits that name the folder's content"),
        ("upload", "check the folder, upload it to S3, print its digest as the last line"),
    ):
        chosen = commands.add_parser(name, help=help_)
        chosen.add_argument("folder", type=Path, metavar="FOLDER")
    chosen.add_argument("--bucket", required=True, metavar="NAME", help="the storage stack's bucket")
    options = parser.parse_args(arguments)
    match options.command:
        case "digits":
            from tools.dataset.digits import write

            write(options.folder)
        case "check":
            from tools.dataset.check import checked

            folder = checked(options.folder)
            print(f"{len(folder.files)} images of {len(folder.classes)} classes: nothing wrong")
        case "digest":
            print(digest(inspect(options.folder)))
        case "upload":
            from tools.dataset.check import checked
            from tools.dataset.upload import upload

            print(upload(checked(options.folder), options.bucket))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

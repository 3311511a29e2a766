"""Image folders for training: FOLDER/{train,valid,test}/<class>/<image>."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from training.errors import InputError
from training.folder import digest, inspect


def main(arguments: Sequence[str]) -> int:
    """Exit code: 0, or 1 with every problem on stderr."""
    parser = argparse.ArgumentParser(prog="python -m tools.dataset", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    digits = commands.add_parser("digits", help="write scikit-learn's handwritten digits as an image folder")
    digits.add_argument("folder", type=Path, metavar="OUT")
    for name, help_ in (
        ("check", "report everything that would stop a training, unreadable images included"),
        ("digest", "print the 64 hex digits that name the folder's content"),
        ("upload", "check the folder, upload it to S3, print its digest as the last line"),
    ):
        command = commands.add_parser(name, help=help_)
        command.add_argument("folder", type=Path, metavar="FOLDER")
    command.add_argument("--bucket", required=True, metavar="NAME", help="the storage stack's bucket")
    chosen = parser.parse_args(arguments)
    try:
        match chosen.command:
            case "digits":
                from tools.dataset.digits import write

                write(chosen.folder)
            case "check":
                from tools.dataset.check import checked

                folder = checked(chosen.folder)
                print(f"{len(folder.files)} images of {len(folder.classes)} classes: nothing wrong")
            case "digest":
                print(digest(inspect(chosen.folder)))
            case "upload":
                from tools.dataset.check import checked
                from tools.dataset.upload import upload

                print(upload(checked(chosen.folder), chosen.bucket))
    except (InputError, OSError) as error:
        problems = error.problems if isinstance(error, InputError) else [str(error)]
        for problem in problems:
            print(f"error: {problem}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Check, split, name and upload folders of images for training: FOLDER/{train,valid,test}/<class>/<image>.

A zip or tar of a folder does as well.
"""

import argparse
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from settings.names import resource_name
from tools.cli import add_json, add_settings, chosen_settings, command, data_path, print_json, usage
from tools.dataset.check import checked
from tools.dataset.listing import with_list
from tools.dataset.split import split
from tools.dataset.upload import manifest, upload
from tools.deployment import deployment
from tools.preflight import require_aws
from tools.stack import outputs
from training.flags import user_path
from training.folder import digest, inspect


@command
def main(arguments: Sequence[str] | None = None) -> None:
    options = _parser().parse_args(arguments)
    match options.command:
        case "digits":
            from tools.dataset.digits import write  # scikit-learn takes seconds to import

            write(options.folder)
        case "check":
            folder = checked(options.folder)
            print(f"{len(folder.files)} images of {len(folder.classes)} classes: nothing wrong")
        case "unpack":
            print(options.folder)
        case "split":
            target = options.out or Path("out") / f"{options.folder.name}-split"
            counts = split(options.folder, target, valid=options.valid, test=options.test, seed=options.seed)
            print(f"{target}: " + ", ".join(f"{count} images in {name}" for name, count in counts.items()))
            print(f"Train on them: make deploy DATA={shlex.quote(str(target))}")
        case "digest":
            print(digest(with_list(inspect(options.folder))))
        case "upload":
            settings = chosen_settings(options)
            folder = checked(options.folder, max_unreadable=settings.max_unreadable)
            require_aws()
            bucket = outputs(resource_name(settings.prefix, "storage"))["BucketName"]
            name = upload(folder, bucket, settings.image_layout)
            print(f"Train on it: make deploy{deployment(settings, f'dataset={name}')}", file=sys.stderr)
            if options.json:
                print_json(manifest(folder))
            else:
                print(name)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    digits = commands.add_parser("digits", help="write scikit-learn's handwritten digits as an image folder")
    digits.add_argument("folder", type=Path, metavar="OUT")
    for name, help_ in (
        ("check", "report everything that would stop a training, unreadable images included"),
        ("digest", "print the 64 hex digits that name the folder's content"),
        ("unpack", "print the folder that a zip or tar is unpacked to; a folder is printed as it is"),
    ):
        commands.add_parser(name, help=help_).add_argument("folder", type=data_path, metavar="FOLDER")
    flat = commands.add_parser(
        "split", prog="make split", usage=usage("split"), help="copy <class>/<image> into train, valid and test"
    )
    flat.add_argument("folder", type=data_path, metavar="FOLDER")
    flat.add_argument("--out", type=user_path, metavar="FOLDER", help="new folder; out/<name>-split without it")
    for name in ("valid", "test"):
        flat.add_argument(f"--{name}", type=float, default=0.2, metavar="SHARE", help="of each class; default 0.2")
    flat.add_argument("--seed", type=int, default=0, help="another one splits in another way; default 0")
    last = commands.add_parser(
        "upload",
        prog="make upload",
        usage=usage("upload"),
        help="check the folder, upload it to the stage's bucket, print its digest",
    )
    last.add_argument("folder", type=data_path, metavar="FOLDER")
    add_settings(last)
    add_json(last, "the manifest that was uploaded: digest, classes, and the number of images in each split")
    return parser


if __name__ == "__main__":
    sys.exit(main())

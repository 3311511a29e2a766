"""Splits a folder <class>/<image> into train, valid and test."""

import hashlib
import shutil
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from tools.dataset.contents import same_images
from tools.dataset.whole_folder import whole_folder
from training.errors import InputError, shorten
from training.folder import images_by_class
from training.listing import SPLITS

MIN_IMAGES = len(SPLITS)  # of a class, different ones


def split(flat: Path, target: Path, *, valid: float, test: float, seed: int) -> dict[str, int]:
    """Copy all images of a folder into a new one with splits, or none; returns the number in each split.

    Each class has the same shares in every split. The same image under several names is in one split. Content and
    seed decide, not names: the same images are split in the same way anywhere.

    Args:
        valid, test: share of each class's images, above 0; the rest is for training.

    Raises:
        InputError: the folder has splits, problems or too few images of a class, or `target` exists.
    """
    if target.exists():
        raise InputError(f"{target} exists: remove it, or give another folder, OUT=…")
    if not valid > 0 or not test > 0 or not valid + test < 1:
        raise InputError(f"shares of {valid:g} and {test:g} leave nothing for a split: give some as 0.2 and 0.2")
    classes = _classes(flat)
    groups = same_images(path for paths in classes.values() for path in paths)
    _warn(flat, groups)
    chosen = _chosen(classes, groups, {"valid": valid, "test": test}, seed)
    with whole_folder(target) as unfinished:
        for name, paths in classes.items():
            for path in paths:
                copy = unfinished / chosen[path] / name / path.name
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, copy)
    return {name: sum(found == name for found in chosen.values()) for name in SPLITS}


def _classes(flat: Path) -> dict[str, list[Path]]:
    if not flat.is_dir():
        raise InputError(f"no folder {flat}: give one that holds <class>/<image>")
    if any((flat / name).is_dir() for name in SPLITS):
        raise InputError(f"{flat} is split already: use it as it is")
    problems: list[str] = []
    classes = images_by_class(flat, problems)
    if not problems and len(classes) < 2:
        problems.append(f"{flat} has {len(classes)} classes: there is nothing to tell apart; give <class>/<image>")
    if problems:
        raise InputError(problems)
    return classes


def _warn(flat: Path, groups: dict[str, list[Path]]) -> None:
    """Name images that are in two classes: one of them is wrong."""
    lines = [
        f"the same image is in several classes: {', '.join(path.relative_to(flat).as_posix() for path in paths)}"
        for paths in groups.values()
        if len({path.parent for path in paths}) > 1
    ]
    for line in shorten(lines, "such images"):
        print(f"warning: {line}", file=sys.stderr)


def _chosen(
    classes: dict[str, list[Path]], groups: dict[str, list[Path]], shares: dict[str, float], seed: int
) -> dict[Path, str]:
    """The split of each image.

    Raises:
        InputError: with a line for each class of too few different images.
    """
    digests = {path: digest for digest, paths in groups.items() for path in paths}
    of_group: dict[str, str] = {}
    problems = []
    for name, paths in classes.items():
        sizes = Counter(digests[path] for path in paths)
        if len(sizes) < MIN_IMAGES:
            problems.append(f"class {name} has {len(sizes)} different images: add some, it needs {MIN_IMAGES}")
        else:
            wanted = {name: max(1, round(share * len(paths))) for name, share in shares.items()}
            of_group = _assigned(sizes, wanted, seed) | of_group
    if problems:
        raise InputError(problems)
    return {path: of_group[digest] for path, digest in digests.items()}


def _assigned(sizes: Mapping[str, int], wanted: Mapping[str, int], seed: int) -> dict[str, str]:
    """The split of each group of the same images of one class: at random, and at least one group in each.

    Args:
        sizes: number of images by group.
        wanted: number of images by split; the rest, and the largest group, are for training.
    """
    order = sorted(sizes, key=lambda group: hashlib.sha256(f"{seed} {group}".encode()).digest())
    largest = max(order, key=sizes.__getitem__)
    left = [group for group in order if group != largest]
    found: dict[str, str] = {}
    for place, (split, count) in enumerate(wanted.items(), 1):
        for group in list(left):
            reserved = len(wanted) - place  # groups, one for each split that has none yet
            if len(left) > reserved and (split not in found.values() or sizes[group] <= count):
                found[group] = split
                count -= sizes[group]
                left.remove(group)
            if count <= 0:
                break
    return {group: found.get(group, "train") for group in order}

"""The data set on disk: its layout, what is wrong with it, and its digest.

FOLDER/train/<class>/<image>, FOLDER/valid/<class>/<image>, FOLDER/test/<class>/<image>
"""

import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path

from training.digests import sha256_of
from training.errors import InputError, shorten
from training.listing import (
    LIST,
    MANIFEST,
    SHARDS,
    SPLITS,
    ListedFile,
    ListedImage,
    digest_of,
    files_of,
    read_list,
    require_listed,
)

# A suffix says that a file is meant as an image, its content of which format. With another suffix the content decides.
SUFFIXES = (
    ".jpg", ".jpeg", ".jpe", ".jfif", ".pjpeg", ".mpo", ".png", ".apng", ".webp", ".gif", ".bmp", ".dib",
    ".tif", ".tiff", ".avif",
)  # fmt: skip
TO_CONVERT = (".heic", ".heif", ".jp2", ".jxl", ".psd", ".svg", ".ico", ".raw", ".dng", ".cr2", ".nef", ".arw", ".pdf")
_SYSTEM = (".DS_Store", ".AppleDouble", ".Spotlight-V100", ".Trashes", ".ipynb_checkpoints", ".thumbnails")


@dataclass(frozen=True)
class Split:
    """Images of one split: `files[i]` has the class `labels[i]`, an index into the folder's classes."""

    files: list[Path]
    labels: list[int]


@dataclass(frozen=True)
class Folder:
    """A complete data set: every class has an image in every split. Everything is in the order of names.

    Attributes:
        listed: images of the list that an upload wrote, by path; empty without a list. With one, an image may lie in a
            shard, and only `read` has its bytes.
    """

    root: Path
    classes: list[str]
    splits: dict[str, Split]
    listed: Mapping[str, ListedImage] = field(default_factory=dict)

    @property
    def files(self) -> list[Path]:
        return [path for split in self.splits.values() for path in split.files]

    def sources(self, files: Sequence[Path]) -> Sequence[Path | ListedFile]:
        """Where the bytes of these files come from; with a list, `read_bytes` compares them with it."""
        if not self.listed:
            return files
        return [ListedFile(self.root, path, self.listed[relative_name(self, path)]) for path in files]

    def read(self, path: Path) -> bytes:
        """Bytes of one of the files.

        Raises:
            InputError: the file is not the one of the list, or its shard is cut off.
            OSError: it cannot be read.
        """
        [source] = self.sources([path])
        return source.read_bytes()


def inspect(root: Path) -> Folder:
    """The data set under `root`, by names alone: no image is opened.

    Raises:
        InputError: with a line for each missing or empty split, class without images, class missing in a
            split, and file or folder that does not belong there.
    """
    if not root.is_dir():
        raise InputError(f"no data set at {root}: give a folder that holds {', '.join(SPLITS)}")
    listed = read_list(root)
    if any(image.shard for image in listed.values()):
        problems, found = _misplaced(root, [SHARDS]), files_of(listed, root)
    else:
        problems = _misplaced(root)
        found = {split: images_by_class(root / split, problems) for split in SPLITS if (root / split).is_dir()}
    classes = sorted({name for names in found.values() for name in names})
    problems += _incomplete(root, classes, found)
    if problems:
        raise InputError(problems)
    folder = Folder(root, classes, {split: _split(classes, names) for split, names in found.items()}, listed)
    if listed:
        require_listed(root, {relative_name(folder, path) for path in folder.files}, listed)
    return folder


def images_by_class(split: Path, problems: list[str]) -> dict[str, list[Path]]:
    """Images of a split, or of a folder without splits, by class; adds a problem for each entry that is neither."""
    classes: dict[str, list[Path]] = {}
    misplaced = _hidden(split, split.name)
    for entry in _visible(split):
        if not entry.is_dir():
            misplaced.append(f"{split.name}/{entry.name} lies outside a class folder: move or remove it")
        elif not _is_name(entry.name):
            misplaced.append(f"{split.name}/{entry.name!r} has a control character in its name: rename it")
        elif (name := _composed(entry.name)) in classes:
            misplaced.append(
                f"{split.name}/{name} is there twice, with its accents written in two ways: move them into one folder"
            )
        else:
            classes[name] = _images(entry, misplaced)
            if not classes[name]:
                problems.append(f"class {entry.name} has no images in {split.name}: add some or remove the folder")
    problems += shorten(misplaced, f"such files in {split.name}")
    return {name: images for name, images in classes.items() if images}


def without(folder: Folder, files: Collection[Path]) -> Folder:
    """The data set without some of its files.

    Raises:
        InputError: with a line for each class that has no image left in a split.
    """
    splits, problems = {}, []
    for name, split in folder.splits.items():
        kept = [pair for pair in zip(split.files, split.labels, strict=True) if pair[0] not in files]
        labels = [label for _, label in kept]
        bare = set(range(len(folder.classes))) - set(labels)
        problems += [
            f"class {folder.classes[label]} has no readable image in {name}: add some" for label in sorted(bare)
        ]
        splits[name] = Split([path for path, _ in kept], labels)
    if problems:
        raise InputError(problems)
    return replace(folder, splits=splits)


def digest(folder: Folder) -> str:
    """Digest of the data set's content, 64 hex digits: the same on every machine and for any file times.

    Without a list every image is read.
    """
    return digest_of(folder.listed.values() or (listed_image(folder, path) for path in folder.files))


def listed_image(folder: Folder, path: Path) -> ListedImage:
    """Entry of the list for one of the files, which is read."""
    return ListedImage(relative_name(folder, path), path.stat().st_size, sha256_of(path))


def relative_name(folder: Folder, path: Path) -> str:
    """Path under the root, parts joined by `/`; in Unicode's NFC, as macOS may return the decomposed form."""
    return _composed(path.relative_to(folder.root).as_posix())


def _misplaced(root: Path, expected: Collection[str] = SPLITS) -> list[str]:
    """Problems at the top of the data set: folders that are missing, and entries that are no part of it."""
    unexpected = [entry.name for entry in _visible(root) if entry.name not in (*expected, MANIFEST, LIST)]
    problems = []
    for split in expected:
        if not (root / split).is_dir():
            near = get_close_matches(split, unexpected, n=1)
            hint = f"rename {near[0]} to {split}" if near else f"add {split}/<class>/<image>"
            problems.append(f"{root.name}/{split} is missing: {hint}")
    return problems + [f"unexpected {root.name}/{name}: expected {', '.join(expected)}" for name in unexpected]


def _incomplete(root: Path, classes: list[str], found: dict[str, dict[str, list[Path]]]) -> list[str]:
    """Problems between the splits: empty ones, classes that one of them lacks, and a single class."""
    problems = []
    for split, names in found.items():
        if not names:
            problems.append(f"{root.name}/{split} is empty: add {split}/<class>/<image>")
            continue
        for name in classes:
            if name not in names:
                others = ", ".join(other for other in found if name in found[other])
                problems.append(f"class {name} is in {others} but not in {split}: add images or remove it")
    if len(classes) == 1:
        problems.append(f"only one class, {classes[0]}: there is nothing to tell apart; add another")
    return problems


def _split(classes: list[str], names: dict[str, list[Path]]) -> Split:
    files = [path for name in classes for path in names[name]]
    return Split(files, [label for label, name in enumerate(classes) for _ in names[name]])


def _images(folder: Path, misplaced: list[str]) -> list[Path]:
    """Images of a class folder; adds a line for each entry that is none."""
    images: dict[str, Path] = {}
    misplaced += _hidden(folder, f"{folder.parent.name}/{folder.name}")
    for path in _visible(folder):
        name, suffix = f"{folder.parent.name}/{folder.name}/{path.name}", path.suffix.lower()
        if not _is_name(path.name):
            misplaced.append(f"{name!r} has a control character in its name: rename it")
        elif path.is_dir():
            misplaced.append(f"{name} is a folder in a class folder: move the images up, into {folder.name}")
        elif not path.is_file() or not (suffix in SUFFIXES or _starts_as_image(path)):
            convert = suffix in TO_CONVERT
            mend = (
                "of a format that is not read: convert it to JPEG or PNG" if convert else "not an image file: remove it"
            )
            misplaced.append(f"{name} is {mend}")
        elif _composed(path.name) in images:
            misplaced.append(f"{name} is there twice, with its accents written in two ways: rename one")
        else:
            images[_composed(path.name)] = path
    return list(images.values())


def _hidden(folder: Path, name: str) -> list[str]:
    """A line for each image, or folder of images, whose name begins with a dot. Systems' own are no part of it."""
    lines = []
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith(".") and not entry.name.startswith("._") and entry.name not in _SYSTEM:
            files = entry.iterdir() if entry.is_dir() else [entry]
            if any(path.suffix.lower() in SUFFIXES for path in files):
                lines.append(f"{name}/{entry.name} begins with a dot, which hides it: rename it")
    return lines


def _starts_as_image(path: Path) -> bool:
    from serving.preprocessing import recognised  # late: most folders are listed without Pillow

    with path.open("rb") as file:
        return recognised(file.read(12))


def _is_name(name: str) -> bool:
    """False for a control character, or half of a pair of UTF-16, which a file system may hold and a log or S3 not."""
    return not any(unicodedata.category(letter) in ("Cc", "Cs") for letter in name)


def _composed(name: str) -> str:
    """The name in Unicode's NFC, as in the data set's digest."""
    return unicodedata.normalize("NFC", name)


def _visible(folder: Path) -> list[Path]:
    """Entries by name, without hidden ones such as .DS_Store."""
    return sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))

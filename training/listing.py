"""List of an uploaded data set's images, a line of JSON each: path, size and sha256, and the place in a shard.

    {"path": "train/cat/1.jpg", "size": 41238, "sha256": "9f86d0…"}
    {"path": "train/cat/1.jpg", "size": 41238, "sha256": "9f86d0…", "shard": "shards/00000.tar", "offset": 1536}

With it, a job knows the data set's digest without reading the images, and checks each one when it is read. A shard is a
plain tar of many images: fewer and larger objects, the same digest.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Set
from dataclasses import asdict, dataclass
from pathlib import Path

from training.errors import InputError, shorten

SPLITS = ("train", "valid", "test")
LIST = "files.jsonl"
MANIFEST = "manifest.json"  # marks a finished upload, in which it comes last
SHARDS = "shards"
_SHARD = re.compile(rf"{SHARDS}/[0-9]+\.tar")
_SHA256 = re.compile(r"[0-9a-f]{64}")
AGAIN = "remove the folder of the data set from the bucket, and upload the images again"


@dataclass(frozen=True, slots=True)
class ListedImage:
    """An image of the list.

    Attributes:
        path: <split>/<class>/<image>, in Unicode's NFC.
        size: bytes.
        shard: path of the tar that has the image, from byte `offset` on; "" for a file of its own.
    """

    path: str
    size: int
    sha256: str
    shard: str = ""
    offset: int = 0

    def __str__(self) -> str:
        fields = asdict(self)
        if not self.shard:
            del fields["shard"], fields["offset"]
        return json.dumps(fields, ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class ListedFile:
    """An image of the list below `root`; `path` is its own file, if it is in no shard. It can be sent to a process."""

    root: Path
    path: Path
    image: ListedImage

    def read_bytes(self) -> bytes:
        """Bytes of the image, compared with the list.

        Raises:
            InputError: it is missing, cut off, or not the one of the list.
        """
        image, shard = self.image, self.image.shard
        try:
            with (self.root / shard if shard else self.path).open("rb") as source:
                source.seek(image.offset)
                content = source.read(image.size if shard else -1)
        except FileNotFoundError:
            raise InputError(f"{shard or image.path} is in {LIST}, but not in the data set: {AGAIN}") from None
        if shard and len(content) < image.size:
            raise InputError(f"{shard} is cut off: it ends in {image.path}; {AGAIN}")
        if hashlib.sha256(content).hexdigest() != image.sha256:
            raise InputError(f"{image.path} is not the image of {LIST}: it was changed afterwards; {AGAIN}")
        return content


def digest_of(images: Iterable[ListedImage]) -> str:
    """Digest of a data set, 64 hex digits: `sha256sum` of what `sha256sum` prints for the images, sorted by path."""
    lines = sorted((image.path, image.sha256) for image in images)
    return hashlib.sha256("".join(f"{sha}  {path}\n" for path, sha in lines).encode()).hexdigest()


def read_list(root: Path) -> dict[str, ListedImage]:
    """Images of the list in the folder, by path; none if the folder has no list, as after an upload of old.

    Raises:
        InputError: a line is damaged, or a shard is missing or cut off.
    """
    path = root / LIST
    if not path.is_file():
        return {}
    found: dict[str, ListedImage] = {}
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            try:
                image = ListedImage(**json.loads(line))
                _require_sound(image)
            except (TypeError, ValueError):
                raise InputError(f"{path} is damaged in line {number}: {AGAIN}") from None
            found[image.path] = image
    _require_whole_shards(root, found.values())
    return found


def files_of(listed: Iterable[str], root: Path) -> dict[str, dict[str, list[Path]]]:
    """Paths of the images below `root`, by split and class, in the order of names."""
    found: dict[str, dict[str, list[Path]]] = {split: {} for split in SPLITS}
    for name in sorted(listed, key=lambda name: name.split("/")):
        split, label, _ = name.split("/")
        found[split].setdefault(label, []).append(root / name)
    return found


def require_listed(root: Path, names: Set[str], listed: Mapping[str, ListedImage]) -> None:
    """Compare a list with the images that are there, and with the digest of its upload.

    Raises:
        InputError: they differ, or the upload's mark is damaged.
    """
    mend = f"remove {LIST} if the images are meant to differ, or {AGAIN}"
    problems = [f"{name} is not in {LIST}: {mend}" for name in sorted(names - listed.keys())]
    problems += [f"{name} is in {LIST}, but not in the data set: {AGAIN}" for name in sorted(listed.keys() - names)]
    mark = root / MANIFEST
    if not problems and mark.is_file():
        try:
            same = json.loads(mark.read_text(encoding="utf-8"))["digest"] == digest_of(listed.values())
        except (KeyError, TypeError, ValueError):
            raise InputError(f"{mark} is damaged: {AGAIN}") from None
        problems = [] if same else [f"{LIST} is not the list of the data set in {MANIFEST}: {AGAIN}"]
    if problems:
        raise InputError(shorten(problems, "such images"))


def _require_sound(image: ListedImage) -> None:
    """ValueError for values that no upload writes, such as a path that leads out of the folder."""
    parts = str(image.path).split("/")
    whole = all(isinstance(number, int) and number >= 0 for number in (image.size, image.offset))
    if (
        len(parts) != 3
        or parts[0] not in SPLITS
        or {"", ".", ".."} & {*parts}
        or not whole
        or not _SHA256.fullmatch(image.sha256)
        or (image.shard and not _SHARD.fullmatch(image.shard))
    ):
        raise ValueError


def _require_whole_shards(root: Path, images: Iterable[ListedImage]) -> None:
    """Raises InputError with a line for each shard that ends before the last of its images does."""
    ends: dict[str, int] = {}
    for image in images:
        if image.shard:
            ends[image.shard] = max(ends.get(image.shard, 0), image.offset + image.size)
    problems = []
    for shard, end in ends.items():
        try:
            size = (root / shard).stat().st_size
        except FileNotFoundError:
            problems.append(f"{shard} is in {LIST}, but not in the data set: {AGAIN}")
            continue
        if size < end:
            problems.append(f"{shard} is cut off: it has {size:,} bytes of {end:,} or more; {AGAIN}")
    if problems:
        raise InputError(problems)

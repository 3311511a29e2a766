"""Builds an image from a Dockerfile, as far as this machine can without a base image.

Source: "Dockerfile reference", Docker's documentation. Of RUN it takes the installation of locked packages, for which
it requires that this machine has them in the same versions; an instruction that it does not know fails the build.
"""

import json
import posixpath
import re
import shlex
from collections.abc import Callable
from pathlib import Path

from local_aws.ec2.packages import unmet
from local_aws.images.image import ContainerImage

_INSTALL, _REMOVE = ("pip", "install"), ["pip", "uninstall", "--yes", "pip"]


class BuildError(Exception):
    """The image cannot be built; the message names the line of the Dockerfile."""


def build(context: Path, *, architecture: str) -> ContainerImage:
    """Build the Dockerfile of the folder `context`.

    Raises:
        BuildError: no Dockerfile, an instruction that is wrong or unknown here, or packages that this machine lacks.
    """
    file = context / "Dockerfile"
    if not file.is_file():
        raise BuildError(f"{context} has no Dockerfile")
    building = _Build(context)
    for number, name, rest in _instructions(file.read_text()):
        step = building.steps.get(name)
        if step is None:
            known = ", ".join(building.steps)
            raise BuildError(f"Dockerfile, line {number}: local AWS does not know {name}; it knows {known}")
        try:
            step(rest)
        except (BuildError, ValueError) as error:
            raise BuildError(f"Dockerfile, line {number}: {name}: {error}") from None
    if not building.entrypoint:
        raise BuildError("the Dockerfile has no ENTRYPOINT")
    settings = {
        "Env": [f"{name}={value}" for name, value in building.environment.items()],
        "Entrypoint": building.entrypoint,
        "WorkingDir": building.folder,
    }
    return ContainerImage.of(building.files, architecture=architecture, settings=settings)


class _Build:
    """The state that instructions change."""

    def __init__(self, context: Path) -> None:
        self._context = context
        self.files: dict[str, bytes] = {}
        self.environment: dict[str, str] = {}
        self.entrypoint: list[str] = []
        self.folder = "/"
        self.steps: dict[str, Callable[[str], None]] = {
            "FROM": self._from,
            "WORKDIR": self._workdir,
            "COPY": self._copy,
            "RUN": self._run,
            "ENV": self._env,
            "ENTRYPOINT": self._entrypoint,
        }

    def _from(self, rest: str) -> None:
        if not re.fullmatch(r"python:\S+", rest):
            raise BuildError(f"{rest}: in place of the base is this machine's Python, so it must be one of python:…")

    def _workdir(self, rest: str) -> None:
        self.folder = posixpath.join(self.folder, rest)

    def _copy(self, rest: str) -> None:
        *sources, target = rest.split()
        if not sources or rest.startswith(("-", "[")):
            raise BuildError("give SOURCE… TARGET, without options")
        place = posixpath.join(self.folder, target)
        for source in sources:
            found = [path for path in sorted(self._context.glob(source)) if path.is_file()]
            if not found:
                raise BuildError(f"{source} matches no file")
            if len(found) > 1 and not place.endswith("/"):
                raise BuildError(f"several files need a folder as target: {target}/")
            for path in found:
                name = posixpath.join(place, path.name) if place.endswith("/") else place
                self.files[posixpath.normpath(name)] = path.read_bytes()

    def _run(self, rest: str) -> None:
        for command in rest.split("&&"):
            words = shlex.split(command)
            if tuple(words[:2]) == _INSTALL and words[-2] == "-r":
                self._require(posixpath.join(self.folder, words[-1]))
            elif words != _REMOVE:
                raise BuildError(f"{command.strip()}: local AWS runs `pip install … -r LOCK` alone")

    def _require(self, lock: str) -> None:
        """Require what the lock pins: those packages run here that would run in the image."""
        if lock not in self.files:
            raise BuildError(f"no {lock} has been copied")
        if wrong := unmet(self.files[lock].decode()):
            raise BuildError(f"this machine lacks packages of the lock: {', '.join(wrong)}; run `make setup`")

    def _env(self, rest: str) -> None:
        self.environment |= dict(word.split("=", 1) for word in shlex.split(rest))

    def _entrypoint(self, rest: str) -> None:
        try:
            self.entrypoint = [str(word) for word in json.loads(rest)]
        except ValueError:
            raise BuildError('give the exec form, ["program", "argument"]: a shell would not pass signals on') from None


def _instructions(text: str) -> list[tuple[int, str, str]]:
    """Number of the first line, name and rest of each instruction; continued lines are joined."""
    found, begun, collected = [], 0, ""
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        begun = begun or number
        collected += line.strip().removesuffix("\\") + " "
        if not line.rstrip().endswith("\\"):
            name, _, rest = collected.strip().partition(" ")
            found.append((begun, name.upper(), rest.strip()))
            begun, collected = 0, ""
    return found

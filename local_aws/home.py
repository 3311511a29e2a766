"""Folder of one local AWS: `.local/`, or $SLIPWAY_LOCAL_HOME. All its files are disposable."""

import os
import shlex
from dataclasses import dataclass
from pathlib import Path

_OTHERS = ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_DEFAULT_PROFILE")  # would win over the variables of a local AWS
ACCOUNT = "000000000000"
ACCOUNT_KIND = "SLIPWAY_ACCOUNT"  # variable of the server: ESTABLISHED, or NEW, with a new account's quotas
ESTABLISHED, NEW = "established", "new"
DEFAULT_PORT = 4566
DEFAULT_REGION = "us-east-1"


@dataclass(frozen=True)
class Home:
    """The folder of one local AWS and the files in it."""

    root: Path

    @classmethod
    def from_environment(cls) -> "Home":
        return cls(Path(os.environ.get("SLIPWAY_LOCAL_HOME") or ".local").resolve())

    @property
    def env_file(self) -> Path:
        """Shell file to source: endpoint, credentials and certificate of the running server."""
        return self.root / "aws.env"

    @property
    def run_file(self) -> Path:
        """JSON file of the running local AWS: run id, process id of the supervisor, endpoint."""
        return self.root / "run.json"

    @property
    def log_file(self) -> Path:
        return self.root / "server.log"

    @property
    def calls(self) -> Path:
        """JSON lines of the API calls of roles, denied ones included; emptied at each start, kept at the end."""
        return self.root / "calls.jsonl"

    @property
    def scratch(self) -> Path:
        """Folder of job folders, endpoint folders and Lambda code; emptied at every start and end."""
        return self.root / "scratch"


def private(path: Path) -> Path:
    """The path of a file that exists from now on, and that this user alone can read."""
    path.touch(mode=0o600)
    path.chmod(0o600)  # of an older file
    return path


def write_private(path: Path, text: str) -> None:
    """Write a file that this user alone can read, whole or not at all."""
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        private(scratch).write_text(text)
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)


def write_env(path: Path, variables: dict[str, str]) -> None:
    """Write `variables` as shell exports, readable by this user only (it holds a secret key)."""
    lines = [f"unset {' '.join(_OTHERS)}"]
    lines += [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
    write_private(path, "\n".join(lines) + "\n")


def read_env(path: Path) -> dict[str, str]:
    """Read the variables from a file that `write_env` wrote."""
    exports = (line.removeprefix("export ") for line in path.read_text().splitlines() if "=" in line)
    return {name: shlex.split(value)[0] for name, value in (line.split("=", 1) for line in exports)}


def use(home: Home) -> None:
    """Point this process, and those that it starts, to the local AWS that runs in `home`."""
    for name in _OTHERS:
        os.environ.pop(name, None)
    os.environ.update(read_env(home.env_file))

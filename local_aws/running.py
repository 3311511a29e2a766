"""Finds the local AWS of a home folder: by its record, and by its processes, which no lost file hides."""

import json
import ssl
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from local_aws.home import DEFAULT_REGION, ESTABLISHED, Home
from local_aws.processes import marked, runs
from training.errors import ReportedError


class LocalAwsError(ReportedError):
    """The local AWS cannot start, or its record be read; the message says why and what to do."""


@dataclass(frozen=True)
class LocalAwsRun:
    """A local AWS that runs, or did: its run id, process id of its supervisor, endpoint and certificate file."""

    run_id: str
    supervisor: int
    endpoint: str
    certificate: str
    time_factor: float = 1.0
    account: str = ESTABLISHED
    doubts: str = ""  # as doubts.parse gives them
    region: str = DEFAULT_REGION

    @property
    def port(self) -> int:
        return urlsplit(self.endpoint).port or 0

    def healthy(self) -> bool:
        """True if the server answers its health check within 5 s."""
        try:
            context = ssl.create_default_context(cafile=self.certificate)  # an error while it is half written
            without_proxy = urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
            opener = urllib.request.build_opener(*without_proxy)  # a proxy does not reach this machine
            with opener.open(f"{self.endpoint}/_ministack/health", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False


def current(home: Home) -> LocalAwsRun | None:
    """Run recorded in the home folder, alive or not; None without one.

    Raises:
        LocalAwsError: the record is damaged, or gone while its local AWS runs.
    """
    try:
        return LocalAwsRun(**json.loads(home.run_file.read_text()))
    except FileNotFoundError:
        if not run_ids(home):
            return None
        problem = "is gone, and its local AWS runs"
    except (ValueError, TypeError, OSError) as error:
        problem = f"cannot be read ({error})"
    raise LocalAwsError(f"{home.run_file} {problem}: end it with everything in it, `make down`, then start it again")


def run_ids(home: Home) -> set[str]:
    """Ids of the runs of this home folder whose supervisor or server lives."""
    return {run_id for run_id, folder in runs().items() if folder == str(home.root)}


def homes(home: Home) -> list[Home]:
    """This home folder if it has a local AWS, and those in it that have one, such as the demo's."""
    recorded = {home.run_file, *home.root.glob("*/run.json")}
    folders = {file.parent for file in recorded if file.exists()}
    folders |= {folder for folder in map(Path, runs().values()) if folder.is_relative_to(home.root)}
    return [Home(folder) for folder in sorted(folders)]


def processes(run: LocalAwsRun) -> list[psutil.Process]:
    """All processes of a run."""
    return marked(run.run_id)

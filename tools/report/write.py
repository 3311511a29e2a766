"""Writes the report of a deployment: by itself, and as the last line of a deploy."""

from pathlib import Path

from settings import Settings
from tools.cli import problems
from tools.deployment import deployment
from tools.preflight import require_aws
from tools.report.content import read_content
from tools.report.page import render

PATH = Path("out/report.html")


def write(settings: Settings, path: Path = PATH) -> Path:
    """Write the report of the deployment that the environment and these settings name; returns its path.

    Raises:
        NotDeployed: there is no such deployment.
        NotReady, ClientError: AWS does not answer, or refused.
        OSError: the file cannot be written.
    """
    page = render(read_content(settings, *require_aws()))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page, encoding="utf-8")
    return path


def report_line(settings: Settings) -> str:
    """Write the report, and say where it is, or why there is none: what was deployed is deployed all the same."""
    try:
        return f"Report: {write(settings)}"
    except Exception as error:  # whatever goes wrong here must not fail a deploy that succeeded
        return f"Report: not made: {'; '.join(problems(error))} (make report{deployment(settings)} tries again)"

"""Tells of a deploy in a line or two a stack, and a line an epoch, with the time passed."""

import re
import time
from collections.abc import Callable

from botocore.exceptions import BotoCoreError, ClientError

from tools.deploy.inventory import pages
from tools.stack import is_own

# Lines of the CDK's output.
_BEGUN = re.compile(r"(\S+): creating CloudFormation changeset")
_DONE = re.compile(r"✅\s+(\S+)( \(no changes\))?$")
FAILED_EVENT = re.compile(r"(\S+) +\|.*\| \w+_FAILED +\|")
# Lines of a training job's output (training/report.py): the end of an epoch or of the features, the result, a class
# that is not recognised, a mistake.
_SHOWN_OF_JOB = re.compile(r" │ (epoch=\d+ train:loss|features=\w+ images=(\d+)/\2 |test:accuracy=|warning: |error: )")
# Of a tuning job's training jobs, which begin with a number (tools/deploy/progress.py), the results are enough.
_IN_TUNING = re.compile(r"\d{3} \S+ │ (?:epoch|features)=")
# A line that the deploy itself passes on.
NOTE = "▸ "


class Narration:
    """Takes each line of the CDK's and of training jobs' output, and passes those that tell something to `say`.

    Args:
        last_change: seconds that the last change of a stack took; None if that is not known.
        clock: in seconds; the time passed counts from here.
    """

    def __init__(
        self,
        say: Callable[[str], None],
        *,
        last_change: Callable[[str], float | None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._say, self._clock = say, clock
        self._last_change = last_change or seconds_of_last_change
        self._start = clock()
        self._begun: dict[str, float] = {}
        self._done: set[str] = set()

    def __call__(self, line: str) -> None:
        line = line.strip()
        if found := _BEGUN.search(line):
            self._begin(found[1])
        elif found := _DONE.search(line):
            self._end(found[1], unchanged=bool(found[2]))
        elif (found := FAILED_EVENT.match(line)) and found[1] in self._begun and "| DELETE_FAILED" not in line:
            del self._begun[found[1]]
            self._tell(f"✗ {found[1]} failed: CloudFormation puts back what it changed")
        elif (_SHOWN_OF_JOB.search(line) and not _IN_TUNING.match(line)) or line.startswith(NOTE):
            self._tell(line.partition(" train:images_per_second=")[0])  # so that an epoch fits into 100 columns

    def _begin(self, stack: str) -> None:
        self._begun[stack] = self._clock()
        took = self._last_change(stack)
        self._tell(f"{NOTE}{stack}" + ("" if took is None else f": its last change took {minutes(took)}"))

    def _end(self, stack: str, *, unchanged: bool) -> None:
        begun = self._begun.pop(stack, None)
        if unchanged:
            if stack not in self._done:
                self._tell(f"= {stack}: unchanged")
        else:
            self._tell(f"✅ {stack}" + ("" if begun is None else f": in {minutes(self._clock() - begun)}"))
        self._done.add(stack)

    def _tell(self, line: str) -> None:
        self._say(f"{minutes(self._clock() - self._start):>5}  {line}")


def minutes(seconds: float) -> str:
    """Minutes and seconds, such as 9:05, with hours before them from one on."""
    whole, rest = divmod(int(seconds), 60)
    hours, whole = divmod(whole, 60)
    return f"{hours}:{whole:02}:{rest:02}" if hours else f"{whole}:{rest:02}"


def seconds_of_last_change(stack: str) -> float | None:
    """Seconds from begin to end of the last change of a stack that succeeded, by its events; None if none is known."""
    end = None
    try:
        for event in pages("cloudformation", "describe_stack_events", "StackEvents", StackName=stack):
            if not is_own(event):
                continue
            status = event["ResourceStatus"]
            if end is None and status in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
                end = event["Timestamp"]
            elif end is not None and status in ("CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS"):
                return float((end - event["Timestamp"]).total_seconds())
    except (BotoCoreError, ClientError):  # a new stack, or nobody may ask: nothing is expected then
        return None
    return None

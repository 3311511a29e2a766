"""Follows the log of jobs while a command waits for them."""

import re
import threading
import time
from collections.abc import Callable
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from aws.log_groups import TRAINING_JOBS

_SECONDS = 2.0
# Name of a tuning job's training job as SageMaker makes it: the tuning job's, a number, and what makes it unique.
_OF_TUNING = re.compile(r"-(\d{3})-\w+$")


class JobLog:
    """Context manager that passes each new log line of the jobs named `prefix…` to `say`; `group` is their log."""

    def __init__(self, prefix: str, say: Callable[[str], None], *, group: str = TRAINING_JOBS) -> None:
        self._prefix, self._say, self._group = prefix, say, group
        self._logs = boto3.client("logs")
        self._since = int(time.time() * 1000)
        self._tokens: dict[str, str] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def __enter__(self) -> "JobLog":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(timeout=10)

    def _follow(self) -> None:
        while not self._stop.wait(_SECONDS):
            try:
                self._read()
            except (BotoCoreError, ClientError):
                continue  # no log yet, or no permission to read it; the command reports how the job ends

    def _read(self) -> None:
        pages = self._logs.get_paginator("describe_log_streams")  # AWS lists 50 by name, those of old jobs too
        for page in pages.paginate(logGroupName=self._group, logStreamNamePrefix=self._prefix):
            for stream in page["logStreams"]:
                if stream["creationTime"] >= self._since:
                    self._read_stream(stream["logStreamName"])

    def _read_stream(self, name: str) -> None:
        where: dict[str, Any] = {"nextToken": self._tokens[name]} if name in self._tokens else {}
        page = self._logs.get_log_events(logGroupName=self._group, logStreamName=name, startFromHead=True, **where)
        for event in page["events"]:
            self._say(f"{source(name)} │ {event['message']}")
        self._tokens[name] = page["nextForwardToken"]


def source(stream: str) -> str:
    """Short name of a log stream: the job's instance, after its number if the job is one of a tuning job."""
    job, _, instance = stream.partition("/")
    host, number = instance.rpartition("-")[0], _OF_TUNING.search(job)
    return f"{number[1]} {host}" if number else host

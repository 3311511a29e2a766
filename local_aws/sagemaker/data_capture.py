"""Data capture: stores a sample of an endpoint's calls as JSON lines in S3.

Source: "Data capture" and "View captured data", SageMaker developer guide; DataCaptureConfig, API reference.
"""

import base64
import datetime
import json
import logging
import random
import threading
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlparse

from ministack.core.concurrency import spawn_background

from local_aws.iam.principal import RoleSession
from local_aws.keys import key_arn

_GATHER_SECONDS = 1.0  # calls of this long go into one file; AWS gathers for up to some minutes
_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class CapturedCall:
    """Request and response of one call, with their content types."""

    content_type: str
    body: bytes
    answer_type: str
    answer: bytes
    identity: str = field(default_factory=lambda: str(uuid.uuid4()))


def line(call: CapturedCall, config: Mapping[str, Any], at: datetime.datetime) -> str:
    """One line (JSON) of a capture file, for a call at the time `at`."""
    headers = config.get("CaptureContentTypeHeader", {})
    modes = {option["CaptureMode"] for option in config["CaptureOptions"]}
    data = {}
    if modes & {"Input", "InputAndOutput"}:
        data["endpointInput"] = {"mode": "INPUT", **_content(call.content_type, call.body, headers)}
    if modes & {"Output", "InputAndOutput"}:
        data["endpointOutput"] = {"mode": "OUTPUT", **_content(call.answer_type, call.answer, headers)}
    metadata = {"eventId": call.identity, "inferenceTime": f"{at:%Y-%m-%dT%H:%M:%SZ}"}
    return json.dumps({"captureData": data, "eventMetadata": metadata, "eventVersion": "0"})


def _content(type_: str, body: bytes, headers: Mapping[str, list[str]]) -> dict[str, str]:
    """Captured body: as text if the configuration lists its content type as CSV or JSON, else as base64."""
    bare = type_.partition(";")[0].strip()
    for encoding, name in (("CSV", "CsvContentTypes"), ("JSON", "JsonContentTypes")):
        if bare in headers.get(name, []):
            return {"observedContentType": type_, "data": body.decode(errors="replace"), "encoding": encoding}
    return {"observedContentType": type_, "data": base64.b64encode(body).decode(), "encoding": "BASE64"}


def summary(config: Mapping[str, Any]) -> dict[str, Any] | None:
    """DataCaptureConfig in DescribeEndpoint; None if the configuration has none."""
    capture = config.get("DataCaptureConfig")
    if not capture:
        return None
    enabled = capture.get("EnableCapture", True)
    return {
        "EnableCapture": enabled,
        "CaptureStatus": "Started" if enabled else "Stopped",
        "CurrentSamplingPercentage": capture["InitialSamplingPercentage"],
        "DestinationS3Uri": capture["DestinationS3Uri"],
        "KmsKeyId": capture.get("KmsKeyId", ""),
    }


class DataCapture:
    """Captures calls of one fleet, as its role, under `DESTINATION/ENDPOINT/VARIANT/yyyy/mm/dd/hh/`."""

    def __init__(self, endpoint: str, variant: str, config: Mapping[str, Any], role: RoleSession) -> None:
        self._config, self._role = config, role
        location = urlparse(config["DestinationS3Uri"])
        self._bucket = location.netloc
        self._prefix = f"{location.path.strip('/')}/{endpoint}/{variant}".lstrip("/")
        self._lines: list[str] = []
        self._lock = threading.Lock()

    @classmethod
    def of(cls, endpoint: str, config: Mapping[str, Any], role: RoleSession) -> "DataCapture | None":
        """Create the capture for an endpoint configuration; None if it enables none."""
        capture = config.get("DataCaptureConfig")
        if not capture or not capture.get("EnableCapture", True):
            return None
        return cls(endpoint, config["ProductionVariants"][0]["VariantName"], capture, role)

    def offer(self, call: CapturedCall) -> None:
        """Capture the call if it is in the sample; never delays or fails the call itself."""
        if random.random() * 100 >= self._config["InitialSamplingPercentage"]:
            return
        with self._lock:
            first = not self._lines
            self._lines.append(line(call, self._config, datetime.datetime.now(datetime.UTC)))
        if first:
            spawn_background(self._write, thread_name="data-capture")

    def _write(self) -> None:
        """Gather calls for _GATHER_SECONDS and store them as one file."""
        time.sleep(_GATHER_SECONDS)
        with self._lock:
            lines, self._lines = self._lines, []
        at = datetime.datetime.now(datetime.UTC)
        key = f"{self._prefix}/{at:%Y/%m/%d/%H}/{at:%M-%S-%f}-{uuid.uuid4()}.jsonl"
        key_id = self._config.get("KmsKeyId")
        encryption = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key_arn(key_id)} if key_id else {}
        try:
            self._role.client("s3").put_object(
                Bucket=self._bucket, Key=key, Body="".join(f"{each}\n" for each in lines).encode(), **encryption
            )
        except Exception as error:  # as on AWS, the calls themselves are not affected
            _logger.warning("data capture lost %d calls of s3://%s/%s: %s", len(lines), self._bucket, key, error)

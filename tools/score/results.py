"""Results of a scoring: fetched, merged, and summarized."""

import heapq
import json
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aws.prices import UnknownPrice, instance_hour
from training.errors import ReportedError

_SHOWN_LABELS = 10


class MissingResults(ReportedError):
    """The job completed, and not every image has a result."""


@dataclass
class ScoringSummary:
    """Counts of one scoring."""

    images: int = 0
    labels: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    model: str = ""

    def add(self, line: dict[str, Any]) -> None:
        """Count the result of one image."""
        self.images += 1
        self.model = line["model"]
        if "error" in line:
            self.errors[line["error"]["code"]] += 1
        else:
            self.labels[line["predictions"][0]["label"]] += 1


def fetch(client: Any, bucket: str, prefix: str, target: Path, *, expected: int) -> ScoringSummary:
    """Write the results below a prefix to one file, in the order of the images' names.

    Raises:
        MissingResults: there are not as many as images.
    """
    summary = ScoringSummary()
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".") as folder, ExitStack() as files:
        parts = []
        for number, key in enumerate(_keys(client, bucket, prefix)):
            part = Path(folder) / str(number)
            client.download_file(bucket, key, str(part))
            parts.append(files.enter_context(part.open(encoding="ascii")))
        merged = Path(folder) / "merged"
        with merged.open("w", encoding="utf-8") as output:
            # each file is in this order already: serving/scoring.py
            for line in heapq.merge(*(map(json.loads, part) for part in parts), key=lambda line: line["image"]):
                summary.add(line)
                output.write(json.dumps(line) + "\n")
        if summary.images != expected:
            raise MissingResults(
                f"{summary.images:,} of {expected:,} images have a result below s3://{bucket}/{prefix}: "
                "images that were added or removed meanwhile count too; run make score again"
            )
        merged.replace(target)
    return summary


def _keys(client: Any, bucket: str, prefix: str) -> Iterator[str]:
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for item in page.get("Contents", []):
            yield item["Key"]


def facts(summary: ScoringSummary, job: dict[str, Any], region: str) -> dict[str, Any]:
    """The summary as JSON, with time and cost of the job; `usd` is None where the price is unknown."""
    cluster = job["ProcessingResources"]["ClusterConfig"]
    seconds = (job["ProcessingEndTime"] - job["ProcessingStartTime"]).total_seconds()
    usd = usd_an_hour(cluster, region)
    return {
        "job": job["ProcessingJobName"],
        "images": summary.images,
        "classified": summary.labels.total(),
        "labels": dict(summary.labels.most_common()),
        "errors": dict(summary.errors.most_common()),
        "model": summary.model,
        "seconds": round(seconds, 1),
        "images_per_second": round(summary.images / seconds, 1) if seconds else None,
        "instance_type": cluster["InstanceType"],
        "instance_count": cluster["InstanceCount"],
        "usd": None if usd is None else seconds / 3600 * usd,
    }


def usd_an_hour(cluster: dict[str, Any], region: str) -> float | None:
    """Price of an hour of a processing job's instances; None where it is unknown."""
    try:
        return float(cluster["InstanceCount"] * instance_hour(cluster["InstanceType"], region))
    except UnknownPrice:
        return None


def lines(known: dict[str, Any]) -> Iterator[str]:
    """The summary for people."""
    cost = "price unknown" if known["usd"] is None else f"{known['usd']:.4f} $"
    rate = f", {known['images_per_second']:g} a second" if known["images_per_second"] else ""
    on = f"{known['instance_count']} × {known['instance_type']}"
    yield f"{known['images']:,} images in {known['seconds']:g} s on {on}{rate}; {cost}"
    if labels := known["labels"]:
        shown = list(labels.items())[:_SHOWN_LABELS]
        more = f", and {len(labels) - len(shown)} more labels" if len(labels) > len(shown) else ""
        counts = ", ".join(f"{label} {count:,}" for label, count in shown)
        yield f"{known['classified']:,} classified: {counts}{more}"
    if errors := known["errors"]:
        counts = ", ".join(f"{code} {count:,}" for code, count in errors.items())
        yield f"{sum(errors.values()):,} refused: {counts} (docs/api.md#errors)"
    yield f"model file {known['model'][:12]}; results: {known['results']}"

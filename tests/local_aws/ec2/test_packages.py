"""The stand-ins of an instance's programs do what the programs do."""

import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest

from local_aws.ec2.packages import main

OBJECTS = {"data/": b"", "data/cat/": b"", "data/cat/1.jpg": b"a cat", "data/empty": b""}


def test_sync_leaves_out_the_folders_that_the_console_makes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are empty objects, left out by list_objects in awscli/customizations/s3/filegenerator.py of aws/aws-cli."""
    page = {"Contents": [{"Key": key, "Size": len(body)} for key, body in OBJECTS.items()]}
    s3: Any = SimpleNamespace(
        get_paginator=lambda _: SimpleNamespace(paginate=lambda **_: [page]),
        get_object=lambda *, Bucket, Key: {"Body": io.BytesIO(OBJECTS[Key])},
    )
    monkeypatch.setattr(boto3, "client", lambda _: s3)
    main("aws", ["s3", "sync", "s3://bucket/data/", str(tmp_path)])
    assert {path.name: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == {
        "1.jpg": b"a cat",
        "empty": b"",
    }

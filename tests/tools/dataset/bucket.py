"""The calls of S3 that an upload makes, on a dictionary."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

NAME = "pictures"


class Bucket:
    """A bucket; `refuse` names a key part that fails.

    Attributes:
        objects: contents by key.
        order: keys in the order in which they came.
        lists: number of listings.
    """

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.order: list[str] = []
        self.lists = 0
        self.refuse: str | None = None
        self.meta = type("Meta", (), {"endpoint_url": "https://s3"})

    def list_objects_v2(self, *, Bucket: str, Prefix: str, MaxKeys: int = 1000) -> dict[str, Any]:
        self.lists += 1
        if Bucket != NAME:
            raise ClientError({"Error": {"Code": "NoSuchBucket"}}, "ListObjectsV2")
        found = [{"Key": key, "Size": len(body)} for key, body in self.objects.items() if key.startswith(Prefix)]
        return {"KeyCount": min(MaxKeys, len(found)), "Contents": found[:MaxKeys]}

    def get_paginator(self, operation: str) -> "Bucket":
        assert operation == "list_objects_v2"
        return self

    def paginate(self, *, Bucket: str, Prefix: str) -> Iterator[dict[str, Any]]:
        yield self.list_objects_v2(Bucket=Bucket, Prefix=Prefix, MaxKeys=len(self.objects) + 1)

    def put_object(self, *, Bucket: str, Key: str, Body: Any) -> None:
        if self.refuse and self.refuse in Key:
            raise ClientError({"Error": {"Code": "AccessDenied"}}, "PutObject")
        self.objects[Key] = Body if isinstance(Body, bytes) else Body.read()
        self.order.append(Key)

    def download(self, prefix: str, target: Path) -> Path:
        """Write the objects under the prefix into the folder, as a job's channel has them."""
        for key, body in self.objects.items():
            if key.startswith(prefix):
                file = target / key.removeprefix(prefix)
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(body)
        return target

"""An image: its configuration, and one layer with the files that the Dockerfile copies.

The base image's layers are left out: in their place is this machine, whose Python and packages run the files.
Source: "Image Manifest Version 2, Schema 2", the distribution registry's specification.
"""

import gzip
import hashlib
import io
import json
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aws.containers import MANIFEST_TYPE

_CONFIG_TYPE = "application/vnd.docker.container.image.v1+json"
_LAYER_TYPE = "application/vnd.docker.image.rootfs.diff.tar.gzip"


@dataclass(frozen=True)
class ContainerImage:
    """`config` is the image's JSON, `layer` a tar.gz of its files."""

    config: bytes
    layer: bytes

    @classmethod
    def of(cls, files: dict[str, bytes], *, architecture: str, settings: dict[str, Any]) -> "ContainerImage":
        """Pack `files` (content by path in the image); the same files give the same image."""
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as packed:
            for path, content in sorted(files.items()):
                entry = tarfile.TarInfo(path.lstrip("/"))
                entry.size = len(content)
                packed.addfile(entry, io.BytesIO(content))
        config = {
            "architecture": architecture,
            "os": "linux",
            "config": settings,
            "rootfs": {"type": "layers", "diff_ids": [digest(buffer.getvalue())]},
        }
        return cls(json.dumps(config).encode(), gzip.compress(buffer.getvalue(), mtime=0))

    @property
    def manifest(self) -> bytes:
        """The manifest, by whose digest the image is known."""

        def part(media_type: str, content: bytes) -> dict[str, Any]:
            return {"mediaType": media_type, "size": len(content), "digest": digest(content)}

        config, layer = part(_CONFIG_TYPE, self.config), part(_LAYER_TYPE, self.layer)
        manifest = {"schemaVersion": 2, "mediaType": MANIFEST_TYPE, "config": config, "layers": [layer]}
        return json.dumps(manifest).encode()

    @property
    def architecture(self) -> str:
        """amd64 or arm64."""
        return str(json.loads(self.config)["architecture"])

    @property
    def command(self) -> list[str]:
        """The ENTRYPOINT, to which a container's arguments are added."""
        return list(json.loads(self.config)["config"]["Entrypoint"])

    @property
    def environment(self) -> dict[str, str]:
        """Variables of ENV."""
        return dict(each.split("=", 1) for each in json.loads(self.config)["config"]["Env"])

    @property
    def working_folder(self) -> str:
        return str(json.loads(self.config)["config"]["WorkingDir"])

    def unpack(self, root: Path) -> None:
        """Write the files below the folder `root`."""
        with tarfile.open(fileobj=io.BytesIO(self.layer)) as packed:
            packed.extractall(root, filter="data")


def digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"

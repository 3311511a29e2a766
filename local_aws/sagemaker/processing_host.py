"""Processing instance: the folders of its container, and the container.

Sources: "How to Build Your Own Processing Container", SageMaker developer guide, and SageMaker's service model.
"""

import codecs
import json
import os
from pathlib import Path
from typing import Any

from local_aws.container import RunningContainer, namespaces
from local_aws.images.image import ContainerImage

BASE = "/opt/ml"
INPUTS = f"{BASE}/processing/"  # where every local path begins
_MESSAGE_BYTES = 1024


class ProcessingHost:
    """Instance `rank` (from 0) of a job."""

    def __init__(self, folder: Path, rank: int) -> None:
        self.name = f"algo-{rank + 1}"
        self.folder = folder / self.name
        self._base = self.folder / "root" / BASE.lstrip("/")
        for part in ("config", "processing", "output"):
            (self._base / part).mkdir(parents=True)

    def place(self, local_path: str) -> Path:
        """Folder on this machine that stands for a local path of the request."""
        return self._base / local_path.removeprefix(f"{BASE}/")

    def configure(self, request: dict[str, Any], description: dict[str, Any], hosts: list[str]) -> None:
        """Write the container's config files, and make the folders of its outputs."""
        files = {"resourceconfig": {"current_host": self.name, "hosts": hosts}, "processingjobconfig": description}
        for name, content in files.items():
            (self._base / f"config/{name}.json").write_text(json.dumps(content, default=str, indent=1))
        for output in request.get("ProcessingOutputConfig", {}).get("Outputs", []):
            self.place(output["S3Output"]["LocalPath"]).mkdir(parents=True, exist_ok=True)

    def start(self, image: ContainerImage, request: dict[str, Any], credentials: dict[str, str]) -> RunningContainer:
        """Start the container; `credentials` are empty under network isolation, as on AWS."""
        application = request["AppSpecification"]
        isolated = request.get("NetworkConfig", {}).get("EnableNetworkIsolation", False)
        return RunningContainer(
            image,
            self.folder,
            environment={**credentials, **request.get("Environment", {})},
            # A sandbox has no network; without isolation a container may call AWS.
            sandboxed=isolated and namespaces(),
            command=[
                *application.get("ContainerEntrypoint", image.command),
                *application.get("ContainerArguments", []),
            ],
            base=self._base,
            parts=("config", "processing", "output"),
        )

    def message(self) -> str:
        """Text of output/message, which becomes the job's ExitMessage; "" without the file.

        Raises:
            UnicodeDecodeError: it is not UTF-8.
        """
        path = self._base / "output/message"
        content = path.read_bytes() if path.exists() else b""
        decoder = codecs.getincrementaldecoder("utf-8")()  # leaves out a letter that the limit cuts
        return decoder.decode(content[:_MESSAGE_BYTES], final=len(content) <= _MESSAGE_BYTES)

    def files(self, local_path: str) -> list[tuple[Path, str]]:
        """Files of an output, with their names below it."""
        folder = self.place(local_path)
        found = sorted(Path(root, name) for root, _, names in os.walk(folder) for name in names)
        return [(path, path.relative_to(folder).as_posix()) for path in found]

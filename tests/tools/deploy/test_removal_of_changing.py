"""`make destroy` removes an endpoint and a notebook instance that are changing when it comes."""

from typing import Any

import boto3
import pytest

from tools.deploy import removal
from tools.deploy.inventory import DeployedResource


class SageMaker:
    """SageMaker with one resource, which has these statuses in turn; `log` has what was done, and in which status."""

    def __init__(self, statuses: list[str]) -> None:
        self.statuses = statuses
        self.log: list[str] = []

    def _status(self) -> str:
        return self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]

    def describe_endpoint(self, EndpointName: str) -> dict[str, str]:
        return {"EndpointStatus": self._status()}

    def describe_notebook_instance(self, NotebookInstanceName: str) -> dict[str, str]:
        return {"NotebookInstanceStatus": self._status()}

    def stop_notebook_instance(self, NotebookInstanceName: str) -> None:
        self.log.append("stop")

    def delete_endpoint(self, EndpointName: str) -> None:
        self.log.append(f"delete {self.statuses[0]}")

    def delete_notebook_instance(self, NotebookInstanceName: str) -> None:
        self.log.append(f"delete {self.statuses[0]}")

    def get_waiter(self, name: str) -> "SageMaker":
        assert name in boto3.session.Session().client("sagemaker", region_name="us-east-1").waiter_names
        self.log.append(name)
        return self

    def wait(self, **_: Any) -> None:
        pass


@pytest.mark.parametrize(
    ("kind", "statuses", "done"),
    [
        ("notebook instance", ["InService", "Stopping", "Stopped"], ["stop", "delete Stopped"]),
        ("notebook instance", ["Pending", "InService", "Stopping", "Stopped"], ["stop", "delete Stopped"]),
        ("notebook instance", ["Stopping", "Stopped"], ["delete Stopped"]),
        ("notebook instance", ["Failed"], ["delete Failed"]),
        ("notebook instance", ["Deleting"], []),
        ("endpoint", ["InService"], ["delete InService"]),
        ("endpoint", ["SystemUpdating", "InService"], ["delete InService"]),
        ("endpoint", ["Updating", "RollingBack", "Failed"], ["delete Failed"]),
        ("endpoint", ["Deleting"], []),
    ],
)
def test_it_is_deleted_once_when_it_has_settled_and_waited_for(
    kind: str, statuses: list[str], done: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """SystemUpdating: "cannot be updated or deleted or re-scaled until it has completed", DescribeEndpoint, SageMaker
    API reference. "Before you can delete a notebook instance, you must call the StopNotebookInstance API":
    DeleteNotebookInstance."""
    sagemaker = SageMaker(statuses)
    monkeypatch.setattr(removal.boto3, "client", lambda _: sagemaker)
    monkeypatch.setattr(removal.time, "sleep", lambda _: None)
    removal.remove(DeployedResource(kind, "app-dev-1"))
    assert sagemaker.log == [*done, f"{kind.replace(' ', '_')}_deleted"]

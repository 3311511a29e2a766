"""What exists in this SageMaker: named resources, scoped to account and region like MiniStack's own."""

from typing import Any, Generic, TypeVar

from ministack.core.responses import AccountRegionScopedDict, get_account_id, get_region

from local_aws.service import ApiError

T = TypeVar("T")

# Which parameter names the resource that an operation acts on, and the ARN's resource type.
KIND_NAMED_BY = {
    "TrainingJobName": "training-job",
    "HyperParameterTuningJobName": "hyper-parameter-tuning-job",
    "ModelName": "model",
    "EndpointName": "endpoint",
    "EndpointConfigName": "endpoint-config",
    "NotebookInstanceName": "notebook-instance",
    "NotebookInstanceLifecycleConfigName": "notebook-instance-lifecycle-config",
}


def arn_of(kind: str, name: str) -> str:
    """The ARN of something of this account in the request's region."""
    return f"arn:aws:sagemaker:{get_region()}:{get_account_id()}:{kind}/{name.lower()}"


class Registry(Generic[T]):
    """The resources of one kind, by name.

    `kind` is the ARN's resource type ("training-job"); errors speak as SageMaker does.
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._items: Any = AccountRegionScopedDict()

    def arn(self, name: str) -> str:
        return arn_of(self.kind, name)

    def add(self, name: str, item: T) -> None:
        if name in self._items:
            raise ApiError("ValidationException", f"Cannot create already existing {self.kind} {self.arn(name)!r}.")
        self._items[name] = item

    def get(self, name: str) -> T:
        """The resource. Raises `ApiError` when there is none of that name."""
        if name not in self._items:
            # SageMaker's own words differ by resource; callers match the code and "Could not find".
            message = (
                "Requested resource not found."
                if self.kind == "training-job"
                else f'Could not find {self.kind} "{self.arn(name)}".'
            )
            code = "ResourceNotFound" if self.kind == "hyper-parameter-tuning-job" else "ValidationException"
            raise ApiError(code, message)
        return self._items[name]

    def remove(self, name: str) -> T:
        item = self.get(name)
        del self._items[name]
        return item

    def all(self) -> list[T]:
        return list(self._items.values())

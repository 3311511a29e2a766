"""Registries of SageMaker resources by name, scoped to account and region like MiniStack's own."""

from typing import Any, Generic, TypeVar

from ministack.core.responses import AccountRegionScopedDict, get_account_id, get_region

from local_aws.service import ApiError, invalid

T = TypeVar("T")

# Parameter that names the resource of an operation -> resource type in its ARN.
KIND_NAMED_BY = {
    "TrainingJobName": "training-job",
    "ProcessingJobName": "processing-job",
    "HyperParameterTuningJobName": "hyper-parameter-tuning-job",
    "ModelName": "model",
    "EndpointName": "endpoint",
    "EndpointConfigName": "endpoint-config",
    "NotebookInstanceName": "notebook-instance",
    "NotebookInstanceLifecycleConfigName": "notebook-instance-lifecycle-config",
}

# Kinds whose operations name this error, in SageMaker's model.
_WITH_RESOURCE_NOT_FOUND = ("hyper-parameter-tuning-job", "processing-job")


def arn_of(kind: str, name: str) -> str:
    """ARN of a SageMaker resource of this account in the request's region."""
    return f"arn:aws:sagemaker:{get_region()}:{get_account_id()}:{kind}/{name.lower()}"


class Registry(Generic[T]):
    """Resources of one kind by name; `kind` is the resource type in the ARN, such as training-job.

    Error messages are SageMaker's.
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._items: Any = AccountRegionScopedDict()

    def arn(self, name: str) -> str:
        return arn_of(self.kind, name)

    def add(self, name: str, item: T) -> None:
        if name in self._items:
            raise invalid(f"Cannot create already existing {self.kind} {self.arn(name)!r}.")
        self._items[name] = item

    def get(self, name: str) -> T:
        """Resource of that name.

        Raises:
            ApiError: it does not exist.
        """
        if name not in self._items:
            # SageMaker's messages differ by resource; callers match the code and "Could not find".
            message = (
                "Requested resource not found."
                if self.kind == "training-job"
                else f'Could not find {self.kind} "{self.arn(name)}".'
            )
            code = "ResourceNotFound" if self.kind in _WITH_RESOURCE_NOT_FOUND else "ValidationException"
            raise ApiError(code, message)
        return self._items[name]

    def remove(self, name: str) -> T:
        item = self.get(name)
        del self._items[name]
        return item

    def all(self) -> list[T]:
        return list(self._items.values())

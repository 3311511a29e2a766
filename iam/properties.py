"""Read properties of the resources of one template, as far as a template can tell."""

from collections.abc import Iterator, Mapping
from typing import Any

Resources = Mapping[str, Mapping[str, Any]]  # of one template, by logical id


def of_type(resources: Resources, kind: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    return ((id, found.get("Properties", {})) for id, found in resources.items() if found["Type"] == kind)


def statements(value: Any) -> Iterator[Mapping[str, Any]]:
    """Statements in any property, since policies have other names in each resource type."""
    if isinstance(value, Mapping):
        if "Effect" in value:
            yield value
        else:
            for inner in value.values():
                yield from statements(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from statements(inner)


def training_job(request: Mapping[str, Any]) -> Mapping[str, Any]:
    """The training job of a request: the request itself, or the definition in that for a tuning job."""
    job: Mapping[str, Any] = request.get("TrainingJobDefinition", request)
    return job


def is_true(value: Any) -> bool:
    return value in (True, "true")


def as_text(value: Any) -> str:
    """`value` as text; a part that only AWS can resolve becomes `${…}`, without colons, since they divide an ARN."""
    match value:
        case str():
            return value
        case {"Fn::Join": [separator, [*parts]]}:
            return str(separator.join(map(as_text, parts)))
        case {"Fn::GetAtt": [str(name), str(attribute)]}:
            return f"${{{name}.{attribute}}}"
        case {"Ref": str(name)}:
            return f"${{{name.replace('::', '-')}}}"
    return "${…}"

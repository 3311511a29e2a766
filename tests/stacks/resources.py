"""Reading templates: resources by type, and intrinsic functions as the text they stand for."""

import json
from typing import Any

from aws_cdk.assertions import Template

# Of an EC2 training that fits the default instance type: most others need more memory.
ON_EC2: dict[str, Any] = {"ec2_training": True, "weights": "1" * 64, "trainable": "head"}


def of_type(template: Template, kind: str) -> list[dict[str, Any]]:
    """The properties of every resource of a type."""
    return [found.get("Properties", {}) for found in template.find_resources(kind).values()]


def only(template: Template, kind: str) -> dict[str, Any]:
    """The properties of the one resource of a type."""
    (properties,) = of_type(template, kind)
    return properties


def roles(templates: dict[str, Template]) -> dict[str, dict[str, Any]]:
    """The properties of every role, by the suffix in its name `<app>-<stage>-<suffix>-<region>`."""
    found = {text(role["RoleName"]): role for role in of_type(templates["roles"], "AWS::IAM::Role")}
    return {"-".join(name.split("-")[2:]).removesuffix("-${AWS::Region}"): role for name, role in found.items()}


def scaling(template: Template, service: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The one scalable target of a service (its namespace), as a resource, and its policy's properties."""
    targets = template.find_resources("AWS::ApplicationAutoScaling::ScalableTarget").items()
    [(id, target)] = [(id, found) for id, found in targets if found["Properties"]["ServiceNamespace"] == service]
    policies = of_type(template, "AWS::ApplicationAutoScaling::ScalingPolicy")
    [policy] = [found for found in policies if found["ScalingTargetId"] == {"Ref": id}]
    return target, policy


def text(value: Any) -> str:
    """A string with its intrinsic functions written out: `${AWS::Region}` for a Ref to it."""
    match value:
        case str():
            return value
        case {"Ref": name}:
            return f"${{{name}}}"
        case {"Fn::Join": [separator, parts]}:
            return str(separator.join(text(part) for part in parts))
        case {"Fn::Sub": template}:
            return str(template)
        case {"Fn::GetAtt": [name, attribute]}:
            return f"${{{name}.{attribute}}}"
        case {"Fn::FindInMap": [name, *keys]}:
            return f"${{{'.'.join([name, *map(text, keys)])}}}"
        case {"Fn::ImportValue": name}:
            return f"${{import {name}}}"
    raise ValueError(f"not a string: {value}")


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def statements(role: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """A role's statements by their Sid, actions and resources as lists of text."""
    return {
        statement["Sid"]: {
            **statement,
            "Action": as_list(statement["Action"]),
            "Resource": [text(resource) for resource in as_list(statement["Resource"])],
        }
        for policy in role.get("Policies", [])
        for statement in policy["PolicyDocument"]["Statement"]
    }


def training_request(template: Template) -> dict[str, Any]:
    """The CreateTrainingJob request that the trained model's resource carries."""
    return dict(json.loads(text(only(template, "Custom::TrainedModel")["Request"])))

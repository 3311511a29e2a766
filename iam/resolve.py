"""Resolve CloudFormation's intrinsic functions as far as possible without an account.

Values that only a deployment knows stay as `${…}`: pseudo parameters (`${AWS::AccountId}`) and names that
CloudFormation generates (`${<stack>.<logical id>}`).
"""

import contextlib
import hashlib
import json
import re
from collections.abc import Callable
from typing import Any

Template = dict[str, Any]
_HERE = "${AWS::Region}:${AWS::AccountId}"
_ARN = "arn:${AWS::Partition}"


class Unresolvable(Exception):
    """A value that cannot be resolved; the message names the function."""


UNREADABLE = (Unresolvable, AttributeError, IndexError, KeyError, RecursionError, TypeError, ValueError)
"""Errors of reading a value that has an unexpected form. The reader of such a value makes a finding of them."""


# By resource type: the property with its physical name, if any, and its ARN with %s for that name.
_TYPES = {
    "AWS::IAM::Role": ("RoleName", f"{_ARN}:iam::${{AWS::AccountId}}:role/%s"),
    "AWS::KMS::Key": ("", f"{_ARN}:kms:{_HERE}:key/%s"),
    "AWS::S3::Bucket": ("BucketName", f"{_ARN}:s3:::%s"),
    "AWS::Lambda::Function": ("FunctionName", f"{_ARN}:lambda:{_HERE}:function:%s"),
    "AWS::Logs::LogGroup": ("LogGroupName", f"{_ARN}:logs:{_HERE}:log-group:%s:*"),
    "AWS::Events::Rule": ("Name", f"{_ARN}:events:{_HERE}:rule/%s"),
    "AWS::SNS::Topic": ("TopicName", f"{_ARN}:sns:{_HERE}:%s"),
    "AWS::IAM::InstanceProfile": ("InstanceProfileName", f"{_ARN}:iam::${{AWS::AccountId}}:instance-profile/%s"),
    "AWS::SageMaker::NotebookInstance": ("NotebookInstanceName", f"{_ARN}:sagemaker:{_HERE}:notebook-instance/%s"),
}


def shown(value: Any) -> str:
    """`value` as a message shows it: its beginning."""
    text = repr(value)
    return text if len(text) < 80 else f"{text[:77]}..."


def readable(text: str) -> str:
    """`text` with pseudo parameters as words: `${AWS::Region}` as REGION."""
    names = {"AWS::Partition": "aws", "AWS::Region": "REGION", "AWS::AccountId": "ACCOUNT"}
    names["AWS::URLSuffix"] = "amazonaws.com"
    return re.sub(r"\$\{([^}]+)\}", lambda match: names.get(match[1], match[1]), text)


class Resolver:
    """Values in the templates of stacks that refer to each other."""

    def __init__(self, templates: dict[str, Template]) -> None:
        self._templates = templates
        self._functions: dict[str, Callable[[Any, str], str]] = {
            "Ref": self._ref,
            "Fn::GetAtt": self._attribute,
            "Fn::Join": self._join,
            "Fn::Sub": self._sub,
            "Fn::ImportValue": self._import,
            "Fn::FindInMap": self._map,
        }
        self._exports: dict[str, list[tuple[str, Any]]] = {}
        for stack, template in templates.items():
            for output in template.get("Outputs", {}).values():
                with contextlib.suppress(*UNREADABLE):  # an import of it then finds nothing, and says so
                    name = self.text(output["Export"]["Name"], stack)
                    self._exports.setdefault(name, []).append((stack, output["Value"]))

    def text(self, value: Any, stack: str) -> str:
        """`value`, from the template of `stack`, as text.

        Raises:
            Unresolvable: for a function or reference that is not known here.
        """
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, str | int | float):
            return str(value)
        if not isinstance(value, dict) or len(value) != 1:
            raise Unresolvable(f"{shown(value)} is no text and no intrinsic function")
        [(function, argument)] = value.items()
        if function not in self._functions:
            raise Unresolvable(f"the intrinsic function {function} is not known to the gate")
        return self._functions[function](argument, stack)

    def name(self, stack: str, logical_id: str) -> str:
        """Physical name of a resource."""
        resource = self._resource(stack, logical_id)
        name_property, _ = _TYPES.get(resource["Type"], ("", ""))
        given = resource.get("Properties", {}).get(name_property)
        return f"${{{stack}.{logical_id}}}" if given is None else self.text(given, stack)

    def kind(self, stack: str, logical_id: str) -> str:
        """Type of a resource."""
        return str(self._resource(stack, logical_id)["Type"])

    def _ref(self, target: str, stack: str) -> str:
        """Value of a Ref: a topic's ARN. That of a function's alias is its ARN on AWS; here `<function>:<alias>`."""
        if target == "AWS::NoValue":
            raise Unresolvable("AWS::NoValue is no value")
        if not target.startswith("AWS::"):
            resource = self._resource(stack, target)
            if resource["Type"] == "AWS::Lambda::Alias":
                return ":".join(self.text(resource["Properties"][name], stack) for name in ("FunctionName", "Name"))
            if resource["Type"] == "AWS::SNS::Topic":
                return self._attribute([target, "Arn"], stack)
        return f"${{{target}}}" if target.startswith("AWS::") else self.name(stack, target)

    def _attribute(self, target: list[str] | str, stack: str) -> str:
        logical_id, attribute = target.split(".", 1) if isinstance(target, str) else target
        resource = self._resource(stack, logical_id)
        if attribute != "Arn":
            return f"${{{stack}.{logical_id}.{attribute}}}"
        if resource["Type"] not in _TYPES:
            raise Unresolvable(f"the ARN of {resource['Type']} ({logical_id}) is not known to the gate")
        path = self.text(resource.get("Properties", {}).get("Path", "/"), stack)  # a role's
        return _TYPES[resource["Type"]][1] % (path[1:] + self.name(stack, logical_id))

    def _join(self, argument: list[Any], stack: str) -> str:
        separator, parts = argument
        if isinstance(parts, dict):
            return self._without(separator, parts, stack)
        return str(separator).join(self.text(part, stack) for part in parts)

    def _without(self, separator: str, parts: Template, stack: str) -> str:
        """Text without the separator that Fn::Split and Fn::Join take out, as in `${AWS::Region less -}`."""
        [(function, (by, whole))] = parts.items()
        if function != "Fn::Split" or separator:
            raise Unresolvable(f"Fn::Join of {shown(parts)} is not known to the gate")
        text = self.text(whole, stack)
        return "".join(
            f"${{{part[2:-1]} less {by}}}" if part.startswith("${") else part.replace(str(by), "")
            for part in re.split(r"(\$\{[^}]*\})", text)
        )

    def _sub(self, argument: str | list[Any], stack: str) -> str:
        text, given = (argument, {}) if isinstance(argument, str) else argument

        def replace(match: re.Match[str]) -> str:
            name = match[1]
            if name in given:
                return self.text(given[name], stack)
            return self._attribute(name, stack) if "." in name else self._ref(name, stack)

        return re.sub(r"\$\{([^!}][^}]*)\}", replace, text).replace("${!", "${")

    def _map(self, argument: list[Any], stack: str) -> str:
        """A value of a mapping; where a pseudo parameter is a key, a name for the mapping's whole content.

        The gate knows no region. Equal names mean equal mappings.
        """
        name, first, second = (self.text(part, stack) for part in argument)
        known = self._templates[stack].get("Mappings", {}).get(name, {})
        if first.startswith("${AWS::") and known:
            content = hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()[:12]
            return f"${{{name}-{content}-{first[2:-1]}-{second}}}"
        if second not in known.get(first, {}):
            raise Unresolvable(f"the mapping {name!r} of {stack} has no {first}, {second}")
        return str(known[first][second])

    def _import(self, argument: Any, stack: str) -> str:
        name = self.text(argument, stack)
        if name not in self._exports:
            raise Unresolvable(f"no stack exports {name!r}")
        if len(self._exports[name]) > 1:
            raise Unresolvable(f"{name!r} is exported twice")
        [(owner, value)] = self._exports[name]
        return self.text(value, owner)

    def _resource(self, stack: str, logical_id: str) -> Template:
        resources = self._templates[stack].get("Resources", {})
        if logical_id not in resources:
            raise Unresolvable(f"{logical_id!r} is no resource of {stack}")
        return dict(resources[logical_id])

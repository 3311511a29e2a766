"""Small changes to policies: each makes a role able to do more or less, or be taken on by someone else."""

import copy
import json
from collections.abc import Callable, Iterator
from typing import Any

from iam.policy import listed
from tests.iam.conftest import ROLES, Templates

Statement = dict[str, Any]

_OTHER_ACTION = "s3:DeleteBucket"
_FOREIGN = "arn:aws:s3:::someone-elses-bucket/*"


def mutants(templates: Templates) -> Iterator[tuple[str, Templates]]:
    """(what was done, the templates with it done), for every statement, action, resource, condition and principal."""
    yield from _of_callers(templates)
    for logical_id, resource in templates[ROLES]["Resources"].items():
        if resource["Type"] != "AWS::IAM::Role":
            continue
        for at, statement in enumerate(_grants(resource)):
            for what, changed in _of_grant(statement):
                yield f"{logical_id}.{statement['Sid']}: {what}", _with(templates, logical_id, _grants, at, changed)
        for at, statement in enumerate(_trusts(resource)):
            for what, changed in _of_trust(statement):
                yield f"{logical_id} trust: {what}", _with(templates, logical_id, _trusts, at, changed)
        managed = copy.deepcopy(templates[ROLES])
        managed["Resources"][logical_id]["Properties"]["ManagedPolicyArns"] = ["arn:aws:iam::aws:policy/ReadOnlyAccess"]
        yield f"{logical_id}: managed policy", templates | {ROLES: managed}
        more = {"Sid": "More", "Effect": "Allow", "Action": _OTHER_ACTION, "Resource": "*"}
        end = len(_grants(resource))
        yield f"{logical_id}: statement more", _with(templates, logical_id, _grants, end, more)


def _of_callers(templates: Templates) -> Iterator[tuple[str, Templates]]:
    """Changes to the permissions of services to call a function."""
    for stack, template in templates.items():
        for logical_id, resource in template["Resources"].items():
            if resource["Type"] != "AWS::Lambda::Permission":
                continue
            given = resource["Properties"]
            for what, properties in {
                "other service": given | {"Principal": "sns.amazonaws.com"},
                "anyone": given | {"Principal": "*"},
                "other action": given | {"Action": "lambda:*"},
                "any source": {name: value for name, value in given.items() if name != "SourceArn"},
                "longer source": given | {"SourceArn": _then(given["SourceArn"], "*")},
                "other source": given | {"SourceArn": "arn:aws:s3:::someone-elses-bucket"},
                "an account": given | {"SourceAccount": {"Ref": "AWS::AccountId"}},
                "other function": given | {"FunctionName": "another"},
                "a token": given | {"EventSourceToken": "token"},
            }.items():
                changed = {**template["Resources"], logical_id: {**resource, "Properties": properties}}
                yield f"{logical_id}: {what}", templates | {stack: {**template, "Resources": changed}}
            rest = {id: found for id, found in template["Resources"].items() if id != logical_id}
            yield f"{logical_id}: dropped", templates | {stack: {**template, "Resources": rest}}


def _of_grant(statement: Statement) -> Iterator[tuple[str, Statement | None]]:
    yield "dropped", None
    yield "denies", statement | {"Effect": "Deny"}
    yield "NotAction", {k: v for k, v in statement.items() if k != "Action"} | {"NotAction": statement["Action"]}
    yield "NotResource", {k: v for k, v in statement.items() if k != "Resource"} | {"NotResource": _FOREIGN}
    actions, resources = listed(statement["Action"]), listed(statement["Resource"])
    yield "action more", statement | {"Action": [*actions, _OTHER_ACTION]}
    yield "resource more", statement | {"Resource": [*resources, _FOREIGN]}
    for action in actions:
        rest = [other for other in actions if other != action]
        if rest:
            yield f"without {action}", statement | {"Action": rest}
        yield f"{action} as pattern", statement | {"Action": [*rest, action[:-1] + "*"]}
        yield f"{action} misspelt", statement | {"Action": [*rest, action + "s"]}
    for resource in resources:
        rest = [other for other in resources if other != resource]
        if rest:
            yield f"without {resource}", statement | {"Resource": rest}
        if resource != "*":
            yield f"wide {resource}", statement | {"Resource": [*rest, "*"]}
        if not json.dumps(resource).rstrip('"]}').endswith("*"):  # else it would say the same
            yield f"longer {resource}", statement | {"Resource": [*rest, _then(resource, "*")]}
        yield f"narrow {resource}", statement | {"Resource": [*rest, _then(resource, "narrow")]}
    yield from _of_conditions(statement)
    yield (
        "condition more",
        statement | {"Condition": statement.get("Condition", {}) | {"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}},
    )


def _of_trust(statement: Statement) -> Iterator[tuple[str, Statement | None]]:
    yield "dropped", None
    yield "anyone", statement | {"Principal": "*"}
    yield "any AWS", statement | {"Principal": {"AWS": "*"}}
    yield "other service", statement | {"Principal": {"Service": "glue.amazonaws.com"}}
    services = [*listed(statement["Principal"]["Service"]), "glue.amazonaws.com"]
    yield "one service more", statement | {"Principal": {"Service": services}}
    yield "other action", statement | {"Action": "sts:AssumeRoleWithWebIdentity"}
    yield "action more", statement | {"Action": ["sts:AssumeRole", "sts:TagSession"]}
    yield "NotPrincipal", {k: v for k, v in statement.items() if k != "Principal"} | {"NotPrincipal": {"AWS": "1"}}
    yield from _of_conditions(statement)


def _of_conditions(statement: Statement) -> Iterator[tuple[str, Statement]]:
    block = statement.get("Condition")
    if not block:
        return
    yield "no conditions", {k: v for k, v in statement.items() if k != "Condition"}
    for operator, keys in block.items():
        for key, values in keys.items():

            def changed(to: Any, operator: str = operator, key: str = key) -> Statement:
                others = {k: v for k, v in block[operator].items() if k != key} | ({} if to is None else {key: to})
                conditions = {o: ks for o, ks in block.items() if o != operator} | (
                    {operator: others} if others else {}
                )
                return statement | {"Condition": conditions}

            if len(keys) > 1 or len(block) > 1:
                yield f"without {key}", changed(None)
            yield f"{key} anything", changed("*")
            yield f"{key} a value more", changed([*listed(values), "another"])
            yield f"{key} other value", changed("another")
            if len(listed(values)) > 1:
                yield f"{key} a value less", changed(listed(values)[1:])
            other = {o: ks for o, ks in block.items() if o != operator} | {f"{operator}IfExists": keys}
            yield f"{key} IfExists", statement | {"Condition": other}
            for_all = {o: ks for o, ks in block.items() if o != operator} | {f"ForAllValues:{operator}": keys}
            yield f"{key} ForAllValues", statement | {"Condition": for_all}


def _then(resource: Any, text: str) -> Any:
    return resource + text if isinstance(resource, str) else {"Fn::Join": ["", [resource, text]]}


def _grants(resource: Any) -> list[Statement]:
    return resource["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]  # type: ignore[no-any-return]


def _trusts(resource: Any) -> list[Statement]:
    return resource["Properties"]["AssumeRolePolicyDocument"]["Statement"]  # type: ignore[no-any-return]


def _with(
    templates: Templates, logical_id: str, statements: Callable[[Any], list[Statement]], at: int, new: Statement | None
) -> Templates:
    """The templates with the statement at that place replaced, or dropped."""
    changed = copy.deepcopy(templates[ROLES])
    statements(changed["Resources"][logical_id])[at : at + 1] = [] if new is None else [new]
    return templates | {ROLES: changed}

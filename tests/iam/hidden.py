"""Kinds of change, from tables: templates that hide what they hold, or say it twice."""

import copy
from collections.abc import Iterator
from functools import partial
from typing import Any

from tests.iam.conftest import Templates
from tests.iam.kinds import (
    ADMIN,
    EC2,
    NOTEBOOK,
    OPERATIONS,
    ROLES,
    SERVING,
    STORAGE,
    TRAINED,
    Change,
    add,
    found,
    put,
)  # fmt: skip

_ROLE, _BUCKET, _FUNCTION = "AWS::IAM::Role", "AWS::S3::Bucket", "AWS::Lambda::Function"
# Sections of a template, in serving.
SECTIONS: dict[str, Any] = {
    "Transform": "AWS::Serverless-2016-10-31", "Transform.": ["Macro"], "Hooks": {"H": {"Type": "AWS::CodeDeploy"}},
    "Fn::Transform": {"Name": "AWS::Include"}, "Resources.Fn::ForEach::R": ["x", ["a"], {"${x}": {"Type": "T"}}],
    "Resources.Fn::Transform": {"Name": "M"}, "Resources.New": [], "Resources.New ": {"Type": "AWS::SNS::Topic"},
    "Resources": [], "Parameters.Role": {"Type": "String", "Default": "x"}, "Parameters.List": {"Type": "List<String>"},
    "Parameters.BootstrapVersion.Default": "/someone/elses", "Mappings.M": {"a": {"b": "c"}}, "Outputs": "x",
    "Outputs.Fn::ForEach::O": ["x", ["a"], {}], "Unknown": {},
}  # fmt: skip


# Attributes of the first role, and of the bucket.
ROLE: list[tuple[str, Any]] = [
    ("Type", 1),
    ("Type", None),
    ("Properties", []),
    ("Condition", {}),
    ("DependsOn", [1]),
    ("Unknown", 1),
]
BUCKET = [
    ("DeletionPolicy", "Delete"),
    ("UpdateReplacePolicy", "Delete"),
    ("DeletionPolicy", "Snapshot"),
    ("DeletionPolicy", "Retain"),
]


def kinds() -> Iterator[tuple[str, Change]]:
    """Pairs of a description and the change that it describes."""
    for path, new in SECTIONS.items():
        yield f"section {path} = {new}"[:110], partial(_section, path=path.rstrip("."), new=new)
    for stack, kind, at, attributes in ((ROLES, _ROLE, 0, ROLE), (STORAGE, _BUCKET, 1, BUCKET)):
        for name, new in attributes:
            yield f"{kind} {name} = {new}", partial(_attribute, stack=stack, kind=kind, at=at, name=name, new=new)
    for stack in (ROLES, STORAGE, SERVING, TRAINED, OPERATIONS, NOTEBOOK, EC2):
        for name, new in (("nothing", None), ("a list", []), ("empty", {}), ("text", "x")):
            yield f"{stack} is {name}", partial(put, path=stack, new=new)
    yield "second role of one name", _second_role
    yield "second role, in capitals", _role_in_capitals
    yield "second key", partial(_again, stack=STORAGE, kind="AWS::KMS::Key")
    yield "second topic policy", partial(_again, stack=OPERATIONS, kind="AWS::SNS::TopicPolicy")
    yield "second function", partial(_again, stack=SERVING, kind=_FUNCTION, name={"FunctionName": "other"})
    yield "second subscription", partial(_again, stack=OPERATIONS, kind="AWS::SNS::Subscription")
    yield "second model", partial(_again, stack=SERVING, kind="AWS::SageMaker::Model")
    yield "second route", partial(_again, stack=SERVING, kind="AWS::ApiGatewayV2::Route")
    yield "second host", partial(_again, stack=EC2, kind="AWS::EC2::Instance")
    yield "many wildcards", _many_wildcards
    yield "second rule", partial(_again, stack=TRAINED, kind="AWS::Events::Rule", name={"Name": "slipway-dev-other"})
    yield "role under a condition", partial(_under_condition, stack=ROLES, kind=_ROLE)
    yield "policy under a condition", partial(_under_condition, stack=STORAGE, kind="AWS::S3::BucketPolicy")
    yield "more in one case", _more_in_one_case
    yield "export twice", _export_twice
    yield "TLS not required", _without_tls
    yield "registry of someone else", partial(_registry, account="999999999999")


def _section(templates: Templates, *, path: str, new: Any) -> None:
    put(templates[SERVING], path, copy.deepcopy(new))


def _attribute(templates: Templates, *, stack: str, kind: str, at: int, name: str, new: Any) -> None:
    put(found(templates, stack, kind, at), name, new)


def _again(templates: Templates, *, stack: str, kind: str, name: Any = None) -> None:
    again = copy.deepcopy(found(templates, stack, kind))
    again["Properties"] |= name or {}
    add(templates, stack=stack, resource=again)


def _second_role(templates: Templates) -> None:
    """The last of one name would have counted: here one without its statements."""
    again = copy.deepcopy(found(templates, ROLES, _ROLE))
    found(templates, ROLES, _ROLE)["Properties"]["Policies"][0]["PolicyDocument"]["Statement"].append(
        {"Sid": "More", "Effect": "Allow", "Action": "s3:DeleteBucket", "Resource": "*"}
    )
    add(templates, stack=ROLES, resource=again)


def _role_in_capitals(templates: Templates) -> None:
    name = {"Fn::Join": ["", ["SLIPWAY-DEV-TRAINING-", {"Ref": "AWS::Region"}]]}
    _again(templates, stack=ROLES, kind=_ROLE, name={"RoleName": name})


def _under_condition(templates: Templates, *, stack: str, kind: str) -> None:
    templates[stack]["Conditions"] = {"Ours": {"Fn::Equals": ["a", {"Ref": "AWS::Region"}]}}
    found(templates, stack, kind)["Condition"] = "Ours"


def _more_in_one_case(templates: Templates) -> None:
    templates[ROLES]["Conditions"] = {"Ours": {"Fn::Equals": ["a", {"Ref": "AWS::Region"}]}}
    [policy] = found(templates, ROLES, _ROLE)["Properties"]["Policies"]
    statement = policy["PolicyDocument"]["Statement"][0]
    statement["Action"] = {"Fn::If": ["Ours", statement["Action"], "s3:*"]}


def _many_wildcards(templates: Templates) -> None:
    [policy] = found(templates, ROLES, _ROLE)["Properties"]["Policies"]
    policy["PolicyDocument"]["Statement"][0]["Resource"] = "a*" * 5_000


def _export_twice(templates: Templates) -> None:
    export = next(output["Export"] for output in templates[ROLES]["Outputs"].values() if "Export" in output)
    templates[SERVING].setdefault("Outputs", {})["New"] = {"Value": ADMIN, "Export": export}


def _without_tls(templates: Templates) -> None:
    found(templates, STORAGE, "AWS::S3::BucketPolicy", 1)["Properties"]["PolicyDocument"]["Statement"] = []


def _registry(templates: Templates, *, account: str) -> None:
    put(templates[TRAINED], "Mappings.Registries.eu-west-1.Account", account)

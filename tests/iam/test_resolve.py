"""Intrinsic functions become text, as far as a template can tell; what is not known is said."""

from typing import Any

import pytest

from iam.resolve import Resolver, Unresolvable

TEMPLATES: dict[str, Any] = {
    "one": {
        "Resources": {
            "Key": {"Type": "AWS::KMS::Key"},
            "Role": {"Type": "AWS::IAM::Role", "Properties": {"RoleName": "reader"}},
            "Queue": {"Type": "AWS::SQS::Queue"},
        },
        "Outputs": {"Out": {"Value": {"Fn::GetAtt": ["Key", "Arn"]}, "Export": {"Name": "one:key"}}},
    },
    "two": {"Resources": {}},
}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("plain", "plain"),
        (True, "true"),
        ({"Ref": "AWS::Region"}, "${AWS::Region}"),
        ({"Ref": "Role"}, "reader"),
        ({"Ref": "Key"}, "${one.Key}"),
        ({"Fn::GetAtt": ["Role", "Arn"]}, "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/reader"),
        ({"Fn::GetAtt": "Role.RoleId"}, "${one.Role.RoleId}"),
        ({"Fn::Join": ["-", ["a", {"Ref": "AWS::AccountId"}]]}, "a-${AWS::AccountId}"),
        ({"Fn::Sub": "x-${AWS::Region}-${Role}"}, "x-${AWS::Region}-reader"),
        ({"Fn::Sub": ["${who}/${!aws:username}", {"who": "me"}]}, "me/${aws:username}"),
        (
            {"Fn::ImportValue": "one:key"},
            "arn:${AWS::Partition}:kms:${AWS::Region}:${AWS::AccountId}:key/${one.Key}",
        ),
    ],
)
def test_it_is_text(value: Any, text: str) -> None:
    assert Resolver(TEMPLATES).text(value, "one") == text


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ({"Fn::Cidr": ["10.0.0.0/8", 1]}, "Fn::Cidr is not known"),
        ({"Ref": "Nothing"}, "'Nothing' is no resource of one"),
        ({"Fn::GetAtt": ["Queue", "Arn"]}, "the ARN of AWS::SQS::Queue"),
        ({"Fn::ImportValue": "one:lock"}, "no stack exports 'one:lock'"),
        (["a"], "no text"),
    ],
)
def test_what_is_not_known_is_said(value: Any, says: str) -> None:
    with pytest.raises(Unresolvable, match=says):
        Resolver(TEMPLATES).text(value, "one")

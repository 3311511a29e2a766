"""The rules: the app keeps every one, and each fires when one thing in its templates is changed."""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from aws_cdk.assertions import Template

from iam.findings import GateFinding
from iam.rules import check
from tests.stacks import conftest as stacks
from tests.stacks.resources import text

templates, gpu_fleet = stacks.templates, stacks.gpu_fleet  # fixtures

Properties = dict[str, Any]
Change = Callable[[dict[str, Any]], Any]
POLICY = ("AWS::S3::BucketPolicy", "PolicyDocument")
LOG, DATA = 0, 1  # the buckets, and their policies, in the order they are made
ANYONE = {"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}
ACCOUNT, PARTITION = {"Ref": "AWS::AccountId"}, {"Ref": "AWS::Partition"}


@pytest.fixture(scope="module")
def app(templates: dict[str, Template]) -> dict[str, Any]:
    """The synthesized templates by stack."""
    return {stack: template.to_json() for stack, template in templates.items()}


def _made(**resources: tuple[str, Properties]) -> list[tuple[str, str]]:
    """Rule and logical id of each finding in a template made of resources: type and properties by id."""
    made = {id: {"Type": kind, "Properties": properties} for id, (kind, properties) in resources.items()}
    return [(finding.rule, finding.role.removeprefix("made.")) for finding in check({"made": {"Resources": made}})]


def _in(kind: str, change: Change, *, at: int = 0) -> Change:
    """Change the properties of one of the resources of a type."""

    def changed(template: dict[str, Any]) -> None:
        found = [resource for resource in template["Resources"].values() if resource["Type"] == kind]
        change(found[at]["Properties"])

    return changed


def _in_request(change: Change) -> Change:
    """Change the training job's request, inside its JSON."""

    def changed(properties: Properties) -> None:
        request = json.loads(text(properties["Request"]))
        change(request)
        properties["Request"] = json.dumps(request)

    return _in("Custom::TrainedModel", changed)


def _in_statement(kind: str, policy: str, change: Change) -> Change:
    """Change the first statement of a policy."""
    return _in(kind, lambda properties: change(properties[policy]["Statement"][0]))


def _in_trust(**values: Any) -> Change:
    return _in_statement(
        "AWS::IAM::Role", "AssumeRolePolicyDocument", lambda trust: trust.update(Condition={}, **values)
    )


def _in_denial(**values: Any) -> Change:
    """Change the statement that refuses plain HTTP."""
    return _in_statement(*POLICY, lambda denial: denial.update(values))


def _encrypt(algorithm: str, *, at: int) -> Change:
    by_default = {"ServerSideEncryptionByDefault": {"SSEAlgorithm": algorithm}}
    encryption = {"ServerSideEncryptionConfiguration": [by_default]}
    return _in("AWS::S3::Bucket", lambda bucket: bucket.update(BucketEncryption=encryption), at=at)


def test_the_app_keeps_every_rule(app: dict[str, Any], gpu_fleet: dict[str, Template]) -> None:
    assert check(app) == []
    assert check({stack: template.to_json() for stack, template in gpu_fleet.items()}) == []


def test_a_finding_says_where_what_and_how_to_put_it_right() -> None:
    template = {"Resources": {"Net": {"Type": "AWS::SageMaker::Model", "Properties": {}}}}
    assert check({"app-dev-serving": template}) == [
        GateFinding(
            rule="network-isolation",
            role="app-dev-serving.Net",
            statement="",
            where="stacks/serving.py",
            message="the model's containers have a network",
            fix="set EnableNetworkIsolation to true",
        )
    ]


@pytest.mark.parametrize(
    ("rule", "stack", "change"),
    [
        ("network-isolation", "serving", _in("AWS::SageMaker::Model", lambda m: m.pop("EnableNetworkIsolation"))),
        (
            "network-isolation",
            "serving",
            _in("AWS::SageMaker::Model", lambda m: m.update(EnableNetworkIsolation=False)),
        ),
        ("network-isolation", "trained-model", _in_request(lambda job: job.pop("EnableNetworkIsolation"))),
        ("network-isolation", "trained-model", _in_request(lambda job: job.update(EnableNetworkIsolation=False))),
        ("open-access", "roles", _in_trust(Principal="*")),
        ("open-access", "roles", _in_trust(Principal={"AWS": "*"})),
        ("open-access", "roles", _in_trust(Principal={"Service": ["sagemaker.amazonaws.com", "*"]})),
        ("open-access", "roles", _in_trust(NotPrincipal={"AWS": "111122223333"})),
        (
            "open-access",
            "storage",
            _in_statement("AWS::KMS::Key", "KeyPolicy", lambda rule: rule.update(Principal="*")),
        ),
        ("open-access", "trained-model", _in("AWS::Lambda::Permission", lambda caller: caller.pop("SourceArn"))),
        (
            "open-access",
            "trained-model",
            _in("AWS::Lambda::Permission", lambda caller: caller.update(SourceAccount=ACCOUNT), at=1),
        ),
        ("encryption", "storage", _in("AWS::S3::Bucket", lambda bucket: bucket.pop("BucketEncryption"), at=DATA)),
        ("encryption", "storage", _encrypt("AES256", at=DATA)),
        ("encryption", "storage", _encrypt("aws:kms", at=LOG)),
        ("encryption", "trained-model", _in_request(lambda job: job["ResourceConfig"].pop("VolumeKmsKeyId"))),
        ("encryption", "trained-model", _in_request(lambda job: job["OutputDataConfig"].pop("KmsKeyId"))),
        ("encryption", "trained-model", _in_request(lambda job: job["ResourceConfig"].update(InstanceCount=2))),
        ("encryption", "serving", _in("AWS::SageMaker::EndpointConfig", lambda config: config.pop("KmsKeyId"))),
        ("tls-only", "storage", _in_denial(Action="s3:GetObject")),
        ("tls-only", "storage", _in_statement(*POLICY, lambda denial: denial["Resource"].pop())),
        ("tls-only", "storage", _in_denial(Principal={"AWS": "arn:aws:iam::111122223333:root"})),
        ("tls-only", "storage", _in_denial(Condition={"Bool": {"aws:SecureTransport": "true"}})),
        ("tls-only", "storage", _in_denial(Resource="arn:aws:s3:::elsewhere/*")),
        ("tls-only", "storage", _in("AWS::S3::BucketPolicy", lambda policy: policy.pop("Bucket"), at=DATA)),
        ("tls-only", "storage", _in("AWS::S3::BucketPolicy", lambda policy: policy.pop("PolicyDocument"), at=DATA)),
    ],
)
def test_one_change_breaks_one_rule(app: dict[str, Any], rule: str, stack: str, change: Change) -> None:
    changed = copy.deepcopy(app)
    change(changed[stack])
    assert [(finding.rule, finding.role.partition(".")[0]) for finding in check(changed)] == [(rule, stack)]


def test_true_may_be_written_as_text() -> None:
    assert _made(Model=("AWS::SageMaker::Model", {"EnableNetworkIsolation": "true"})) == []


def test_one_disk_without_hardware_encryption_is_enough_to_need_a_key() -> None:
    variants = [{"InstanceType": "ml.g5.xlarge"}, {"InstanceType": "ml.m5.large"}]
    for some, findings in ((variants, [("encryption", "Config")]), (variants[:1], [])):
        assert _made(Config=("AWS::SageMaker::EndpointConfig", {"ProductionVariants": some})) == findings


def test_a_function_is_open_to_anyone_but_not_to_a_named_account() -> None:
    for principal, findings in (("*", [("open-access", "Caller")]), ("111122223333", [])):
        caller = {"Principal": principal, "SourceAccount": ACCOUNT}
        assert _made(Caller=("AWS::Lambda::Permission", caller)) == findings


def test_a_service_calls_for_one_resource_of_one_account() -> None:
    topic = {"Principal": "sns.amazonaws.com", "SourceArn": "arn:aws:sns:eu-west-1:111122223333:topic"}
    for source, findings in (({}, [("open-access", "Caller")]), ({"SourceAccount": ACCOUNT}, [])):
        assert _made(Caller=("AWS::Lambda::Permission", topic | source)) == findings


def test_api_gateway_calls_for_one_api_and_no_account() -> None:
    """AWS: "Invoking a Lambda function using an Amazon API Gateway endpoint", Lambda developer guide, "Permissions":
    the policy has a source ARN, and no source account."""
    arn = {"SourceArn": "arn:aws:execute-api:eu-west-1:111122223333:api/*/POST/classify"}
    account = {"SourceAccount": ACCOUNT}
    for source, findings in ((arn, 0), ({}, 1), ({**arn, **account}, 1), (account, 2)):
        caller = {"Principal": "apigateway.amazonaws.com", **source}
        assert _made(Caller=("AWS::Lambda::Permission", caller)) == [("open-access", "Caller")] * findings


@pytest.mark.parametrize(("authorizer", "open_"), [({}, True), ("NONE", True), ("AWS_IAM", False), ("JWT", False)])
def test_a_route_without_an_authorizer_is_open_to_anyone(authorizer: Any, open_: bool) -> None:
    """AWS: AuthorizationType, AWS::ApiGatewayV2::Route, CloudFormation template reference: NONE is "open access"."""
    route = {"AuthorizationType": authorizer} if authorizer else {}
    assert bool(_made(Route=("AWS::ApiGatewayV2::Route", route))) is open_


def test_a_request_that_cannot_be_read_is_not_taken_for_a_good_one() -> None:
    job = {"Request": {"Fn::If": ["Big", "{}", "{}"]}}
    assert {rule for rule, _ in _made(Job=("Custom::TrainedModel", job))} == {"network-isolation", "encryption"}


@pytest.mark.parametrize(
    "condition",
    [
        {"StringEquals": {"aws:SourceAccount": ACCOUNT}},
        {"StringEquals": {"AWS:PrincipalOrgID": ["o-1234567890", "o-0987654321"]}},
        {"ArnLike": {"aws:SourceArn": {"Fn::Join": ["", ["arn:", PARTITION, ":sagemaker:eu-west-1:", ACCOUNT, ":*"]]}}},
        {"ArnLike": {"aws:SourceArn": "arn:aws:s3:::slipway-*"}},
        {"StringLike": {"s3:prefix": "*"}, "ArnEquals": {"aws:PrincipalArn": {"Fn::GetAtt": ["Role", "Arn"]}}},
    ],
)
def test_anyone_of_a_known_owner_may_be_trusted(condition: dict[str, Any]) -> None:
    policy = {"Statement": [{**ANYONE, "Condition": condition}]}
    assert _made(Policy=("AWS::SNS::TopicPolicy", {"PolicyDocument": policy})) == []


@pytest.mark.parametrize(
    "condition",
    [
        {"StringLike": {"aws:SourceAccount": "*"}},
        {"StringEquals": {"aws:SourceAccount": {"Fn::If": ["Ours", "111122223333", "*"]}}},
        {"StringEquals": {"aws:PrincipalOrgID": ["o-1234567890", "*"]}},
        {"ArnLike": {"aws:SourceArn": {"Fn::Join": ["", ["arn:", PARTITION, ":sns:eu-west-1:*:alarms"]]}}},
        {"ArnLike": {"aws:SourceArn": "arn:aws:s3:::*"}},
        {"StringEqualsIfExists": {"aws:SourceAccount": ACCOUNT}},
        {"StringNotEquals": {"aws:SourceAccount": ACCOUNT}},
        {"Bool": {"aws:SecureTransport": "true"}},
    ],
)
def test_a_condition_that_lets_strangers_pass_does_not_close_a_policy(condition: dict[str, Any]) -> None:
    policy = {"Statement": [{**ANYONE, "Condition": condition}]}
    assert _made(Policy=("AWS::SNS::TopicPolicy", {"PolicyDocument": policy})) == [("open-access", "Policy")]


HOST: Properties = {
    "MetadataOptions": {"HttpTokens": "required", "HttpPutResponseHopLimit": 1},
    "BlockDeviceMappings": [{"DeviceName": "/dev/xvda", "Ebs": {"Encrypted": True}}],
}
WEAK_HOSTS = [
    ("imds-v2", {"MetadataOptions": {"HttpTokens": "optional", "HttpPutResponseHopLimit": 1}}),
    ("imds-v2", {"MetadataOptions": {"HttpTokens": "required", "HttpPutResponseHopLimit": 2}}),
    ("imds-v2", {"MetadataOptions": {"HttpTokens": "required"}}),
    ("encryption", {"BlockDeviceMappings": []}),
    ("encryption", {"BlockDeviceMappings": [{"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 8}}]}),
]


def _launched(template: str) -> Properties:
    return {"LaunchTemplate": {"LaunchTemplateId": {"Ref": template}, "Version": "1"}}


@pytest.mark.parametrize(("rule", "weak"), WEAK_HOSTS)
def test_instances_and_launch_templates_are_held_to_the_same(rule: str, weak: Properties) -> None:
    for kind, good, bad in (
        ("AWS::EC2::Instance", HOST, {**HOST, **weak}),
        ("AWS::EC2::LaunchTemplate", {"LaunchTemplateData": HOST}, {"LaunchTemplateData": {**HOST, **weak}}),
    ):
        assert _made(Host=(kind, good)) == []
        assert _made(Host=(kind, bad)) == [(rule, "Host")]


@pytest.mark.parametrize(("rule", "weak"), WEAK_HOSTS)
def test_an_instance_takes_on_what_its_launch_template_says(rule: str, weak: Properties) -> None:
    template = ("AWS::EC2::LaunchTemplate", {"LaunchTemplateData": HOST})
    assert _made(Template=template, Host=("AWS::EC2::Instance", _launched("Template"))) == []
    overridden = ("AWS::EC2::Instance", {**_launched("Template"), **weak})
    assert _made(Template=template, Host=overridden) == [(rule, "Host")]


def test_a_launch_template_from_elsewhere_proves_nothing() -> None:
    host = ("AWS::EC2::Instance", _launched("Elsewhere"))
    assert {rule for rule, _ in _made(Host=host)} == {"imds-v2", "encryption"}


@pytest.mark.parametrize(
    ("kind", "encrypted"),
    [
        ("AWS::EC2::Volume", {"Encrypted": True}),
        ("AWS::SNS::Topic", {"KmsMasterKeyId": {"Ref": "Key"}}),
        ("AWS::SageMaker::NotebookInstance", {"KmsKeyId": {"Ref": "Key"}}),
    ],
)
def test_what_is_not_there_yet_will_be_encrypted(kind: str, encrypted: Properties) -> None:
    assert _made(Made=(kind, encrypted)) == []
    assert _made(Made=(kind, {})) == [("encryption", "Made")]


def test_roles_have_one_permissions_boundary_or_none() -> None:
    role, other = "AWS::IAM::Role", {"PermissionsBoundary": "arn:aws:iam::1:policy/other"}
    bounded = {"PermissionsBoundary": "arn:aws:iam::1:policy/one"}
    assert _made(A=(role, {}), B=(role, {})) == _made(A=(role, bounded), B=(role, bounded)) == []
    assert _made(A=(role, bounded), B=(role, {})) == [("permissions-boundary", "B")]
    assert _made(A=(role, bounded), B=(role, other)) == [("permissions-boundary", "A"), ("permissions-boundary", "B")]

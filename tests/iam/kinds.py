"""Kinds of change to the templates, from tables: new types, policies that are none, foreign principals and roles."""

import copy
import itertools
import json
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from tests.iam.conftest import Templates

Change = Callable[[Templates], None]  # in place
S = "slipway-dev-"
ROLES, STORAGE, SERVING, TRAINED = S + "roles", S + "storage", S + "serving", S + "trained-model"
OPERATIONS, NOTEBOOK, EC2 = S + "operations", S + "notebook", S + "ec2-training"
ADMIN = "arn:aws:iam::123456789012:role/Admin"
FOREIGN = "arn:aws:iam::999999999999:root"
ANYONE = {"Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": "*"}

# Not one of them is in the contract. (audit: all but a few passed unseen)
NEW_TYPES = """
    AWS::Lambda::Url AWS::Lambda::LayerVersion AWS::Lambda::LayerVersionPermission AWS::Lambda::EventSourceMapping
    AWS::Lambda::EventInvokeConfig AWS::Lambda::CodeSigningConfig AWS::Events::EventBusPolicy AWS::Events::EventBus
    AWS::Events::Connection AWS::Events::ApiDestination AWS::Events::Archive AWS::Logs::ResourcePolicy
    AWS::Logs::SubscriptionFilter AWS::Logs::Destination AWS::Logs::DeliveryDestination AWS::RAM::ResourceShare
    AWS::KMS::ReplicaKey AWS::S3::AccessPoint AWS::S3::MultiRegionAccessPoint AWS::S3ObjectLambda::AccessPoint
    AWS::S3::StorageLens AWS::IAM::OIDCProvider AWS::IAM::SAMLProvider AWS::IAM::ServerCertificate
    AWS::IAM::ServiceLinkedRole AWS::IAM::UserToGroupAddition AWS::IAM::Policy AWS::IAM::RolePolicy
    AWS::IAM::ManagedPolicy AWS::IAM::User AWS::IAM::UserPolicy AWS::IAM::Group AWS::IAM::GroupPolicy
    AWS::IAM::AccessKey AWS::IAM::VirtualMFADevice AWS::SSO::Assignment AWS::SSO::PermissionSet
    AWS::RolesAnywhere::Profile AWS::RolesAnywhere::TrustAnchor AWS::Serverless::Function AWS::Serverless::Api
    AWS::Scheduler::Schedule AWS::Pipes::Pipe AWS::StepFunctions::StateMachine AWS::CodeBuild::Project
    AWS::CodePipeline::Pipeline AWS::CloudFormation::Stack AWS::CloudFormation::StackSet AWS::CloudFormation::Macro
    AWS::CloudFormation::CustomResource AWS::CloudFormation::HookVersion AWS::CloudFormation::PublicTypeVersion
    AWS::CloudFormation::GuardHook Slipway::Storage::Bucket::MODULE Custom::Anything AWS::SNS::TopicInlinePolicy
    AWS::SQS::Queue AWS::SQS::QueuePolicy AWS::ECR::RepositoryPolicy AWS::ECR::RegistryPolicy
    AWS::SecretsManager::Secret AWS::SecretsManager::ResourcePolicy AWS::SSM::Document AWS::SSM::Association
    AWS::EC2::SecurityGroupIngress AWS::EC2::VPCPeeringConnection AWS::EC2::NatGateway AWS::EC2::EIP
    AWS::EC2::LaunchTemplate AWS::EC2::KeyPair AWS::EC2::SnapshotBlockPublicAccess AWS::AutoScaling::AutoScalingGroup
    AWS::ECS::TaskDefinition AWS::Glue::Job AWS::Batch::JobDefinition AWS::SageMaker::Domain
    AWS::SageMaker::UserProfile AWS::SageMaker::Pipeline AWS::SageMaker::ModelPackageGroup
    AWS::SageMaker::InferenceExperiment AWS::Cognito::IdentityPoolRoleAttachment AWS::IoT::RoleAlias
    AWS::Backup::BackupVault AWS::CloudTrail::Trail AWS::Config::ConfigurationRecorder AWS::Organizations::Policy
    AWS::VpcLattice::AuthPolicy AWS::ApiGateway::RestApi AWS::ApiGatewayV2::ApiMapping AWS::CloudFront::Distribution
    AWS::EFS::FileSystem AWS::DynamoDB::Table AWS::Budgets::BudgetsAction AWS::Athena::WorkGroup
    AWS::S3Tables::TableBucketPolicy AWS::S3Express::BucketPolicy AWS::MediaStore::Container AWS::Lambda::function
""".split()  # noqa: SIM905 (a hundred lines as a list)

# In the place of a policy document: each could stand for any statement.
NO_DOCUMENTS: dict[str, Any] = {
    "Fn::If": {"Fn::If": ["Ours", {"Version": "2012-10-17", "Statement": []}, {"Statement": [ANYONE]}]},
    "Fn::Transform": {"Fn::Transform": {"Name": "Macro"}},
    "AWS::Include": {"Fn::Transform": {"Name": "AWS::Include", "Parameters": {"Location": "s3://b/p.json"}}},
    "Ref": {"Ref": "BootstrapVersion"},
    "Fn::FindInMap": {"Fn::FindInMap": ["Policies", "one", "two"]},
    "Fn::GetAtt": {"Fn::GetAtt": ["Policy", "Document"]},
    "Fn::Sub": {"Fn::Sub": json.dumps({"Statement": [ANYONE]})},
    "Fn::Select": {"Fn::Select": [0, [{"Statement": [ANYONE]}]]},
    "Fn::ImportValue": {"Fn::ImportValue": "policy"},
    "text": json.dumps({"Version": "2012-10-17", "Statement": [ANYONE]}),
    "list": [{"Version": "2012-10-17", "Statement": [ANYONE]}],
    "number": 1,
    "null": None,
    "dynamic reference": "{{resolve:ssm:/policy}}",
    "ForEach": {"Fn::ForEach::Each": ["x", ["a"], {"Statement": [ANYONE]}]},
    "old version": {"Version": "2008-10-17", "Statement": [ANYONE]},
    "unknown key": {"Version": "2012-10-17", "Statement": [], "Statements": [ANYONE]},
    "statement Fn::If": {"Version": "2012-10-17", "Statement": [{"Fn::If": ["Ours", ANYONE, ANYONE]}]},
    "statements Ref": {"Version": "2012-10-17", "Statement": {"Ref": "Statements"}},
}
DOCUMENTS = {
    "trust": (ROLES, "AWS::IAM::Role", "AssumeRolePolicyDocument"),
    "statements": (ROLES, "AWS::IAM::Role", "Policies.0.PolicyDocument"),
    "bucket": (STORAGE, "AWS::S3::BucketPolicy", "PolicyDocument"),
    "key": (STORAGE, "AWS::KMS::Key", "KeyPolicy"),
    "topic": (OPERATIONS, "AWS::SNS::TopicPolicy", "PolicyDocument"),
}

# Who or what a statement of a resource's policy could let in.
WIDER: dict[str, dict[str, Any]] = {
    "anyone": {"Principal": "*"},
    "any AWS": {"Principal": {"AWS": "*"}},
    "Fn::Sub *": {"Principal": {"AWS": {"Fn::Sub": "*"}}},
    "Fn::Select *": {"Principal": {"AWS": {"Fn::Select": [0, ["*"]]}}},
    "Fn::Join *": {"Principal": {"AWS": {"Fn::Join": ["", ["*"]]}}},
    "a parameter": {"Principal": {"AWS": {"Ref": "BootstrapVersion"}}},
    "foreign account": {"Principal": {"AWS": "999999999999"}},
    "foreign root": {"Principal": {"AWS": FOREIGN}},
    "foreign service": {"Principal": {"Service": "glue.amazonaws.com"}},
    "federation": {"Principal": {"Federated": "accounts.google.com"}},
    "canonical user": {"Principal": {"CanonicalUser": "79a59df900b949e55d96a1e698fbaced"}},
    "own role": {"Principal": {"AWS": {"Fn::ImportValue": f"{ROLES}:role"}}, "Condition": {}},
    "role by name": {"Principal": {"AWS": ADMIN}, "Condition": {}},
    "NotPrincipal": {"Principal": None, "NotPrincipal": {"AWS": FOREIGN}},
    "no condition": {"Condition": {}},
    "foreign SourceAccount": {"Condition": {"StringEquals": {"aws:SourceAccount": "999999999999"}}},
    "broad SourceArn": {"Condition": {"ArnLike": {"aws:SourceArn": "arn:aws:s3:::s*"}}},
    "empty condition list": {"Condition": {"StringEquals": {"aws:SourceAccount": []}}},
    "condition as Fn::If": {"Condition": {"Fn::If": ["Ours", {}, {}]}},
    "condition as text": {"Condition": "none"},
    "every action": {"Action": "*"},
    "action as Fn::If": {"Action": {"Fn::If": ["Ours", "s3:*", "s3:*"]}},
    "NotAction": {"Action": None, "NotAction": "s3:GetObject"},
    "everything": {"Resource": "*", "Action": "s3:*"},
    "NotResource": {"Resource": None, "NotResource": "arn:aws:s3:::other"},
    "other effect": {"Effect": {"Ref": "Effect"}},
    "allow as list": {"Effect": ["Allow"]},
}

# Where something runs with a role, or calls something: stack, type, property, and which of the type.
BINDINGS = {
    "function trained-model": (TRAINED, "AWS::Lambda::Function", "Role"),
    "function classify": (SERVING, "AWS::Lambda::Function", "Role"),
    "model": (SERVING, "AWS::SageMaker::Model", "ExecutionRoleArn"),
    "notebook": (NOTEBOOK, "AWS::SageMaker::NotebookInstance", "RoleArn"),
    "profile": (ROLES, "AWS::IAM::InstanceProfile", "Roles.0"),
    "instance": (EC2, "AWS::EC2::Instance", "IamInstanceProfile"),
    "rule target": (TRAINED, "AWS::Events::Rule", "Targets.0.RoleArn"),
    "rule's function": (TRAINED, "AWS::Events::Rule", "Targets.0.Arn"),
    "endpoint configuration": (SERVING, "AWS::SageMaker::EndpointConfig", "ExecutionRoleArn"),
    "scaling": (SERVING, "AWS::ApplicationAutoScaling::ScalableTarget", "RoleARN"),
    "integration": (SERVING, "AWS::ApiGatewayV2::Integration", "CredentialsArn"),
    "custom resource": (TRAINED, "Custom::TrainedModel", "ServiceToken"),
    "log group": (SERVING, "AWS::Logs::LogGroup", "RoleArn"),
    "a description": (SERVING, "AWS::Lambda::Function", "Description"),
}
OTHERS: dict[str, Any] = {
    "a literal": ADMIN,
    "another role's export": {"Fn::ImportValue": f"{ROLES}:ExportsOutputFnGetAttTraining1DBE9C16Arn863F5C88"},
    "a Sub": {"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/Admin"},
    "a Join": {"Fn::Join": ["", ["arn:aws:iam::", {"Ref": "AWS::AccountId"}, ":role/", "Admin"]]},
    "a Select": {"Fn::Select": [0, [ADMIN, ADMIN]]},
}


def found(templates: Templates, stack: str, kind: str, at: int = 0) -> dict[str, Any]:
    """One of the resources of a type, to be changed in place."""
    of_type = [one for one in templates[stack]["Resources"].values() if one["Type"] == kind]
    return of_type[at]  # type: ignore[no-any-return]


def put(value: Any, path: str, new: Any) -> None:
    """Set what is at a path of names and numbers; None removes it."""
    *folders, last = path.split(".")
    for name in folders:
        value = value[int(name)] if isinstance(value, list) else value.setdefault(name, {})
    if isinstance(value, list):
        value[int(last)] = new
    elif new is None:
        value.pop(last, None)
    else:
        value[last] = new


def changed(templates: Templates, change: Change) -> Templates:
    """A copy of the templates with the change made."""
    copied = copy.deepcopy(templates)
    change(copied)
    return copied


def set_property(stack: str, kind: str, path: str, new: Any, at: int = 0) -> Change:
    return lambda templates: put(
        found(templates, stack, kind, at).setdefault("Properties", {}), path, copy.deepcopy(new)
    )


def add(templates: Templates, *, stack: str, resource: Any) -> None:
    templates[stack]["Resources"]["New"] = resource


def replace_text(value: dict[str, Any], old: str, new: str) -> None:
    """Replace text in a part of a template as it is written in JSON."""
    text = json.dumps(value)
    assert old in text, old
    changed = json.loads(text.replace(old, new))
    value.clear()
    value.update(changed)


def _statement(document: str, at: int, new: dict[str, Any]) -> Change:
    """Change one statement of a document; None removes a part."""
    stack, kind, path = DOCUMENTS[document]

    def change(templates: Templates) -> None:
        statement = found(templates, stack, kind)["Properties"][path]["Statement"][at]
        for name, value in new.items():
            put(statement, name, copy.deepcopy(value))

    return change


def kinds() -> Iterator[tuple[str, Change]]:
    """Pairs of a description and the change that it describes."""
    for new in NEW_TYPES:
        yield f"new {new}", partial(add, stack=SERVING, resource={"Type": new, "Properties": {}})
    for (of, (stack, kind, path)), (what, new) in itertools.product(DOCUMENTS.items(), NO_DOCUMENTS.items()):
        yield f"{of} as {what}", set_property(stack, kind, path, new)
    for (of, at), (what, new) in itertools.product({"bucket": 1, "key": 1, "topic": 1}.items(), WIDER.items()):
        yield f"{of} lets in: {what}", _statement(of, at, new)
    for (of, (stack, kind, path)), (what, new) in itertools.product(BINDINGS.items(), OTHERS.items()):
        yield f"{of} runs with {what}", set_property(stack, kind, path, new)

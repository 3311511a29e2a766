"""IAM actions that CloudFormation needs for each resource type used by this project or the CDK bootstrap stack.

Source: the handlers' permissions in the schema of each type, CloudFormation registry. Actions that create, change or
delete are listed; reads with which CloudFormation checks progress are left out.
"""

from aws.log_groups import NO_STREAM
from local_aws.iam.ec2_actions import EC2_ACTIONS
from local_aws.iam.type_actions import TypeActions


class UnknownType(Exception):
    """The table has no entry for a resource type."""

    def __init__(self, type_: str) -> None:
        super().__init__(
            f"local AWS cannot authorise {type_}, whose IAM actions it does not know: "
            "add the type to RESOURCE_ACTIONS in local_aws/iam/resource_actions.py"
        )


def _sagemaker(kind: str, name: str, *, update: tuple[str, ...] = ()) -> TypeActions:
    """Entry of a SageMaker type; local_aws/sagemaker/caller.py checks roles, tags and keys."""
    arn = f"arn:aws:sagemaker:{{region}}:{{account}}:{kind}/{{name}}"
    return TypeActions(arn, f"{name}Name", (f"sagemaker:Create{name}",), update, (f"sagemaker:Delete{name}",))


_FUNCTION = "arn:aws:lambda:{region}:{account}:function:{name}"
_SCALABLE_TARGET = "arn:aws:application-autoscaling:{region}:{account}:scalable-target/*"
_LAMBDA, _EVENTS = "lambda.amazonaws.com", "events.amazonaws.com"


def _http_api(kind: str = "", **uses: str) -> TypeActions:
    """Entry of an HTTP API or of a part of it, whose actions are named after the methods of the requests."""
    return TypeActions(
        f"arn:aws:apigateway:{{region}}::/apis/{{name}}{kind}",
        "ApiId",
        ("apigateway:POST",),
        ("apigateway:PATCH",),
        ("apigateway:DELETE",),
        uses=uses,
    )


# A stage with a log needs these on `*`: "Configure logging for HTTP APIs", API Gateway developer guide. The pattern is
# `*` and no more of the property, without which there is no such need.
_ACCESS_LOG = {
    f"logs:{action}": "*{AccessLogSettings!s:.0}"
    for action in (
        *(f"{verb}LogDelivery" for verb in ("Create", "Update", "Delete", "Get")),
        *("ListLogDeliveries", "PutResourcePolicy", "DescribeResourcePolicies", "DescribeLogGroups"),
    )
}

_NOTHING = TypeActions("*", "", (), (), ())
_INVOKE = ("lambda:InvokeFunction",)
_CUSTOM = TypeActions(_FUNCTION, "ServiceToken", _INVOKE, _INVOKE, _INVOKE)

RESOURCE_ACTIONS: dict[str, TypeActions] = {
    "AWS::CDK::Metadata": _NOTHING,
    "AWS::ApiGatewayV2::Api": _http_api(),
    "AWS::ApiGatewayV2::Authorizer": _http_api("/authorizers"),
    "AWS::ApiGatewayV2::Integration": _http_api("/integrations"),
    "AWS::ApiGatewayV2::Route": _http_api("/routes"),
    "AWS::ApiGatewayV2::Stage": _http_api("/stages", **_ACCESS_LOG),
    "AWS::ApplicationAutoScaling::ScalableTarget": TypeActions(
        _SCALABLE_TARGET,
        "",
        ("application-autoscaling:RegisterScalableTarget",),
        ("application-autoscaling:RegisterScalableTarget",),
        ("application-autoscaling:DeregisterScalableTarget",),
        with_property={"ScheduledActions": "application-autoscaling:PutScheduledAction"},
        passes={"RoleARN": "application-autoscaling.amazonaws.com"},
    ),
    "AWS::ApplicationAutoScaling::ScalingPolicy": TypeActions(
        _SCALABLE_TARGET,
        "",
        ("application-autoscaling:PutScalingPolicy",),
        ("application-autoscaling:PutScalingPolicy",),
        ("application-autoscaling:DeleteScalingPolicy",),
    ),
    "AWS::Budgets::Budget": TypeActions(
        "arn:aws:budgets::{account}:budget/*",
        "",
        ("budgets:ModifyBudget",),
        ("budgets:ModifyBudget",),
        ("budgets:ModifyBudget",),
        with_property={"ResourceTags": "budgets:TagResource"},
    ),
    "AWS::CloudFormation::CustomResource": _CUSTOM,
    "AWS::CloudFormation::WaitCondition": _NOTHING,
    "AWS::CloudFormation::WaitConditionHandle": _NOTHING,
    "AWS::CloudWatch::Alarm": TypeActions(
        "arn:aws:cloudwatch:{region}:{account}:alarm:{name}",
        "AlarmName",
        ("cloudwatch:PutMetricAlarm",),
        ("cloudwatch:PutMetricAlarm",),
        ("cloudwatch:DeleteAlarms",),
        with_property={"Tags": "cloudwatch:TagResource"},
    ),
    "AWS::CloudWatch::CompositeAlarm": TypeActions(
        "arn:aws:cloudwatch:{region}:{account}:alarm:{name}",
        "AlarmName",
        (),
        (),
        ("cloudwatch:DeleteAlarms",),
        with_property={"Tags": "cloudwatch:TagResource"},
        # "You can't create a composite alarms if your cloudwatch:PutCompositeAlarm permission has a narrower scope":
        # PutCompositeAlarm, CloudWatch API reference.
        uses={"cloudwatch:PutCompositeAlarm": "*"},
    ),
    "AWS::CloudWatch::Dashboard": TypeActions(
        "arn:aws:cloudwatch::{account}:dashboard/{name}",
        "DashboardName",
        ("cloudwatch:PutDashboard",),
        ("cloudwatch:PutDashboard",),
        ("cloudwatch:DeleteDashboards",),
    ),
    **EC2_ACTIONS,
    "AWS::ECR::Repository": TypeActions(
        "arn:aws:ecr:{region}:{account}:repository/{name}",
        "RepositoryName",
        ("ecr:CreateRepository",),
        ("ecr:PutImageTagMutability",),
        ("ecr:DeleteRepository",),
        with_property={
            "LifecyclePolicy": "ecr:PutLifecyclePolicy",
            "RepositoryPolicyText": "ecr:SetRepositoryPolicy",
            "Tags": "ecr:TagResource",
        },
    ),
    "AWS::Events::Rule": TypeActions(
        "arn:aws:events:{region}:{account}:rule/{name}",
        "Name",
        ("events:PutRule",),
        ("events:PutRule",),
        ("events:RemoveTargets", "events:DeleteRule"),
        with_property={"Tags": "events:TagResource", "Targets": "events:PutTargets"},
        passes={"RoleArn": _EVENTS, "Targets.RoleArn": _EVENTS},
    ),
    "AWS::IAM::InstanceProfile": TypeActions(
        "arn:aws:iam::{account}:instance-profile{path}{name}",
        "InstanceProfileName",
        ("iam:CreateInstanceProfile", "iam:AddRoleToInstanceProfile"),
        ("iam:RemoveRoleFromInstanceProfile", "iam:AddRoleToInstanceProfile"),
        ("iam:RemoveRoleFromInstanceProfile", "iam:DeleteInstanceProfile"),
    ),
    "AWS::IAM::ManagedPolicy": TypeActions(
        "arn:aws:iam::{account}:policy/{name}",
        "ManagedPolicyName",
        ("iam:CreatePolicy",),
        ("iam:CreatePolicyVersion",),
        ("iam:DeletePolicy",),
    ),
    "AWS::IAM::Policy": TypeActions(
        "arn:aws:iam::{account}:role/{name}",
        "Roles",
        ("iam:PutRolePolicy",),
        ("iam:PutRolePolicy",),
        ("iam:DeleteRolePolicy",),
    ),
    "AWS::IAM::Role": TypeActions(
        "arn:aws:iam::{account}:role{path}{name}",
        "RoleName",
        ("iam:CreateRole",),
        ("iam:UpdateRole", "iam:UpdateAssumeRolePolicy"),
        ("iam:DeleteRolePolicy", "iam:DetachRolePolicy", "iam:DeleteRole"),
        with_property={
            "ManagedPolicyArns": "iam:AttachRolePolicy",
            "PermissionsBoundary": "iam:PutRolePermissionsBoundary",
            "Policies": "iam:PutRolePolicy",
            "Tags": "iam:TagRole",
        },
    ),
    "AWS::KMS::Alias": TypeActions(
        "arn:aws:kms:{region}:{account}:{name}",
        "AliasName",
        ("kms:CreateAlias",),
        ("kms:UpdateAlias",),
        ("kms:DeleteAlias",),
        # AWS asks on the key, too: "Controlling access to aliases", AWS KMS developer guide.
        uses=dict.fromkeys(("kms:CreateAlias", "kms:UpdateAlias", "kms:DeleteAlias"), "{TargetKeyId}"),
    ),
    "AWS::KMS::Key": TypeActions(
        "arn:aws:kms:{region}:{account}:key/{name}",
        "",
        ("kms:CreateKey",),
        ("kms:PutKeyPolicy", "kms:UpdateKeyDescription"),
        ("kms:ScheduleKeyDeletion",),
        with_property={"EnableKeyRotation": "kms:EnableKeyRotation", "Tags": "kms:TagResource"},
    ),
    "AWS::Lambda::Alias": TypeActions(
        _FUNCTION,
        "FunctionName",
        ("lambda:CreateAlias",),
        ("lambda:UpdateAlias",),
        ("lambda:DeleteAlias",),
        with_property={"ProvisionedConcurrencyConfig": "lambda:PutProvisionedConcurrencyConfig"},
        parts={"lambda:PutProvisionedConcurrencyConfig": ":{Name}"},
    ),
    "AWS::Lambda::Function": TypeActions(
        _FUNCTION,
        "FunctionName",
        ("lambda:CreateFunction",),
        ("lambda:UpdateFunctionCode", "lambda:UpdateFunctionConfiguration"),
        ("lambda:DeleteFunction",),
        with_property={
            "ReservedConcurrentExecutions": "lambda:PutFunctionConcurrency",
            "Tags": "lambda:TagResource",
        },
        passes={"Role": _LAMBDA},
        uses={"s3:GetObject": "arn:aws:s3:::{Code[S3Bucket]}/{Code[S3Key]}"},
    ),
    "AWS::Lambda::Permission": TypeActions(
        _FUNCTION, "FunctionName", ("lambda:AddPermission",), ("lambda:AddPermission",), ("lambda:RemovePermission",)
    ),
    "AWS::Lambda::Version": TypeActions(
        _FUNCTION, "FunctionName", ("lambda:PublishVersion",), ("lambda:PublishVersion",), ("lambda:DeleteFunction",)
    ),
    "AWS::Logs::LogGroup": TypeActions(
        "arn:aws:logs:{region}:{account}:log-group:{name}",
        "LogGroupName",
        ("logs:CreateLogGroup",),
        (),
        ("logs:DeleteLogGroup",),
        with_property={"RetentionInDays": "logs:PutRetentionPolicy", "Tags": "logs:TagResource"},
        parts=dict.fromkeys(("logs:CreateLogGroup", "logs:DeleteLogGroup", "logs:PutRetentionPolicy"), NO_STREAM),
    ),
    "AWS::S3::Bucket": TypeActions(
        "arn:aws:s3:::{name}",
        "BucketName",
        ("s3:CreateBucket",),
        (),
        ("s3:DeleteBucket",),
        with_property={
            "BucketEncryption": "s3:PutEncryptionConfiguration",
            "LifecycleConfiguration": "s3:PutLifecycleConfiguration",
            "LoggingConfiguration": "s3:PutBucketLogging",
            "OwnershipControls": "s3:PutBucketOwnershipControls",
            "PublicAccessBlockConfiguration": "s3:PutBucketPublicAccessBlock",
            "Tags": "s3:PutBucketTagging",
            "VersioningConfiguration": "s3:PutBucketVersioning",
        },
        passes={"ReplicationConfiguration.Role": "s3.amazonaws.com"},
    ),
    "AWS::S3::BucketPolicy": TypeActions(
        "arn:aws:s3:::{name}", "Bucket", ("s3:PutBucketPolicy",), ("s3:PutBucketPolicy",), ("s3:DeleteBucketPolicy",)
    ),
    "AWS::SNS::Subscription": TypeActions(
        "arn:aws:sns:{region}:{account}:{name}",
        "TopicArn",
        ("sns:Subscribe",),
        ("sns:SetSubscriptionAttributes",),
        ("sns:Unsubscribe",),
    ),
    "AWS::SNS::Topic": TypeActions(
        "arn:aws:sns:{region}:{account}:{name}",
        "TopicName",
        ("sns:CreateTopic",),
        ("sns:SetTopicAttributes",),
        ("sns:DeleteTopic",),
        with_property={"Tags": "sns:TagResource"},
    ),
    "AWS::SNS::TopicPolicy": TypeActions(
        "arn:aws:sns:{region}:{account}:{name}",
        "Topics",
        ("sns:SetTopicAttributes",),
        ("sns:SetTopicAttributes",),
        ("sns:SetTopicAttributes",),
    ),
    "AWS::SSM::Parameter": TypeActions(
        "arn:aws:ssm:{region}:{account}:parameter/{name}",
        "Name",
        ("ssm:PutParameter",),
        ("ssm:PutParameter",),
        ("ssm:DeleteParameter",),
    ),
    "AWS::SageMaker::Endpoint": _sagemaker("endpoint", "Endpoint", update=("sagemaker:UpdateEndpoint",)),
    "AWS::SageMaker::EndpointConfig": _sagemaker("endpoint-config", "EndpointConfig"),
    "AWS::SageMaker::Model": _sagemaker("model", "Model"),
    "AWS::SageMaker::NotebookInstance": TypeActions(
        "arn:aws:sagemaker:{region}:{account}:notebook-instance/{name}",
        "NotebookInstanceName",
        ("sagemaker:CreateNotebookInstance",),
        ("sagemaker:StopNotebookInstance", "sagemaker:UpdateNotebookInstance", "sagemaker:StartNotebookInstance"),
        ("sagemaker:StopNotebookInstance", "sagemaker:DeleteNotebookInstance"),
    ),
    "AWS::SageMaker::NotebookInstanceLifecycleConfig": _sagemaker(
        "notebook-instance-lifecycle-config",
        "NotebookInstanceLifecycleConfig",
        update=("sagemaker:UpdateNotebookInstanceLifecycleConfig",),
    ),
}


def actions_of(type_: str) -> TypeActions:
    """Entry of a resource type.

    Raises:
        UnknownType: the table has none.
    """
    if type_.startswith("Custom::"):
        return _CUSTOM
    if type_ not in RESOURCE_ACTIONS:
        raise UnknownType(type_)
    return RESOURCE_ACTIONS[type_]

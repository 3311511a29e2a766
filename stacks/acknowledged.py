"""Findings of rule packs that we know of and leave as they are, each with the reason.

The packs run in tests/stacks/test_nag.py, not at every synth. There a finding that is not in this table
fails, and so does a line of this table that no finding matches any more. A finding that only some settings
bring is here too.
"""

import itertools
from dataclasses import dataclass

from aws_cdk import Acknowledgment, App, Validations

from settings import Settings

# A word in a construct's path, and the setting without which it is not there.
_OPTIONAL = {"notebook": "notebook", "ec2": "ec2_training"}


@dataclass(frozen=True, kw_only=True)
class Acknowledgement:
    """One finding of one rule on one construct; `{prefix}`, `{dataset}` and `{images}` stand for the settings.

    `rule` begins with its pack, such as `AwsSolutions::`. Without that CDK takes it for an annotation, and
    cdk-nag then drops the finding with no record in the validation report.
    """

    rule: str
    construct: str
    """Path below `<prefix>-`: the stack, then the ids."""
    reason: str


def acknowledge(app: App, *, settings: Settings) -> None:
    """Apply the table to `app`; RuntimeError when a construct in it is not there."""
    values = {"prefix": settings.prefix, "dataset": settings.dataset, "images": settings.s3_images}
    there = [
        row
        for row in ACKNOWLEDGED
        if all(getattr(settings, setting) for word, setting in _OPTIONAL.items() if word in row.construct.lower())
    ]
    for path, rows in itertools.groupby(there, key=lambda row: row.construct):
        construct = app.node.find_child(f"{settings.prefix}-{path.split('/')[0]}")
        for id in path.split("/")[1:]:
            construct = construct.node.find_child(id)
        rules = [Acknowledgment(id=row.rule.format_map(values), reason=row.reason) for row in rows]
        Validations.of(construct).acknowledge(*rules)


def _wildcard(construct: str, resource: str, reason: str) -> Acknowledgement:
    """A resource pattern in a role's statement."""
    return Acknowledgement(
        rule=f"AwsSolutions::AwsSolutions-IAM5[Resource::{resource}]",
        construct=f"permissions/{construct}",
        reason=reason,
    )


def _objects(path: str) -> str:
    return f"arn:<AWS::Partition>:s3:::{{prefix}}-<AWS::AccountId>-<AWS::Region>/{path}"


def _arn(service: str, resource: str) -> str:
    return f"arn:<AWS::Partition>:{service}:<AWS::Region>:<AWS::AccountId>:{resource}"


def _nist(construct: str, rule: str, reason: str) -> Acknowledgement:
    name = f"NIST.800.53.R5::NIST.800.53.R5-{rule}"
    return Acknowledgement(rule=name, construct=construct, reason=reason)


_WITHOUT_RESOURCE = (
    "ecr:GetAuthorizationToken and cloudwatch:PutMetricData have no resource to name; the metrics are held to"
    " SageMaker's own namespace by a condition."
)
_INLINE = "Statements live in the role, so that it never exists without them and no other role can use them."
_OWN_STREAMS = "Lambda names the streams in the log group; the group is the function's own and is named in full."
_IN_A_VPC = (
    "Calls AWS APIs only, over TLS and with its own role; a VPC would need paid endpoints to reach the same APIs,"
    " and nothing in it would be private."
)
_NOTEBOOK_WITHOUT_VPC = (
    "SageMaker takes an instance without direct internet access only in a VPC, and from there it reaches no AWS service"
    " without a NAT gateway (33 $ a month, and the internet again) or nine interface endpoints (66 $ a month); an"
    " instance that runs for an hour now and then costs cents. Nobody can connect to it but through SageMaker with IAM,"
    " nothing in a VPC could be reached from it, and its role can change nothing that is live."
)
_LOOKED_AT = "Describes the live model, whose name CloudFormation makes up; nothing is changed with it."
_TRIED = "The notebook names what it tries after the time; the prefix holds it to its own."
_LOG_KEY = (
    "Holds status, names of jobs and why one failed, never an image, and CloudWatch encrypts it with its own key;"
    " ours opens data and models, and would have to trust the logs service too."
)
_WAIT_DATA = "The schema calls the data of a wait condition an object, but what CloudFormation returns is JSON text."
_NO_FLOW_LOG = (
    "One instance lives here for the minutes of a training, lets nothing in and only HTTPS out; a log of its"
    " connections would cost more than it does."
)
_PUBLIC_SUBNET = (
    "Packages come from the internet, and a NAT gateway costs more in a day than the instance in a month; its"
    " security group lets nothing in, and only HTTPS out."
)

ACKNOWLEDGED: tuple[Acknowledgement, ...] = (
    _nist(
        "storage/AccessLog",
        "S3BucketReplicationEnabled",
        "Access logs are kept for 90 days to look into incidents in this account; a copy in another region would"
        " double their cost and answer no other question.",
    ),
    _nist(
        "storage/AccessLog",
        "S3DefaultEncryptionKMS",
        "S3 delivers access logs only to a bucket that it encrypts with its own keys (SSE-S3).",
    ),
    _nist(
        "storage/Bucket",
        "S3BucketReplicationEnabled",
        "Images are a copy of the user's folder and models can be trained again from them; versions guard against"
        " deletion, and a second region would double the storage bill.",
    ),
    _nist("permissions/Training", "IAMNoInlinePolicy", _INLINE),
    _wildcard(
        "Training",
        _objects("data/{dataset}/*"),
        "A data set is many files whose names are the user's; its digest in the path holds the role to this one set.",
    ),
    _wildcard(
        "Training",
        _objects("jobs/{prefix}-*"),
        "SageMaker writes under the name of the job, which is new each time; the prefix holds it to jobs' output.",
    ),
    _wildcard(
        "Training",
        _objects("checkpoints/*"),
        "Only with spot: SageMaker keeps a job's checkpoint under the model's digest, which is new with each training,"
        " and names of files that the training program chooses.",
    ),
    _wildcard(
        "Training",
        _arn("logs", "log-group:/aws/sagemaker/TrainingJobs:*"),
        "SageMaker opens this one group and lists its streams, whose names it makes up; neither reads nor writes an"
        " event.",
    ),
    _wildcard(
        "Training",
        _arn("logs", "log-group:/aws/sagemaker/TrainingJobs:log-stream:{prefix}-*"),
        "SageMaker names a stream after job, host and time; the prefix holds the role to this system's jobs.",
    ),
    _wildcard("Training", "*", _WITHOUT_RESOURCE),
    _nist("permissions/Hosting", "IAMNoInlinePolicy", _INLINE),
    _wildcard(
        "Hosting",
        _objects("models/*"),
        "During an update and its roll-back, the old and the new model are read with the same role, and scaling"
        " reads the live one at any time; models/ holds finished models only.",
    ),
    _wildcard(
        "Hosting",
        _arn("logs", "log-group:/aws/sagemaker/Endpoints/{prefix}-????:*"),
        "SageMaker opens the endpoint's own group and lists its streams, whose names it makes up.",
    ),
    _wildcard(
        "Hosting",
        _arn("logs", "log-group:/aws/sagemaker/Endpoints/{prefix}-????:log-stream:*"),
        "SageMaker names a stream after variant and instance; the group is the endpoint's own.",
    ),
    _wildcard(
        "Hosting",
        _arn("cloudwatch", "alarm:{prefix}-????-*"),
        "An alarm's name ends in the endpoint configuration's, which CloudFormation makes up; it is only looked at.",
    ),
    _wildcard(
        "Hosting",
        _objects("capture/*"),
        "Only where calls are captured: SageMaker names the files after variant and time; it can read none of them.",
    ),
    _wildcard(
        "Hosting",
        _objects("jobs/{prefix}-nb-*/output/model.tar.gz"),
        "Only with a notebook: its endpoint serves the model of one of its own jobs, which are named after the time.",
    ),
    _wildcard("Hosting", "*", _WITHOUT_RESOURCE),
    _nist("permissions/TrainedModel", "IAMNoInlinePolicy", _INLINE),
    _wildcard(
        "TrainedModel",
        _arn("sagemaker", "training-job/{prefix}-*"),
        "A job's name ends in the model's digest and the attempt, which are new with each training; the prefix holds"
        " the function to this system's jobs.",
    ),
    _wildcard(
        "TrainedModel",
        _arn("sagemaker", "hyper-parameter-tuning-job/{prefix}-*"),
        "Only where tuning is on: a tuning job's name ends in digest and attempt as a training job's does.",
    ),
    _wildcard(
        "TrainedModel",
        _objects("jobs/*/output/model.tar.gz"),
        "Copies what the job of any attempt made to models/; it reads nothing else that a job wrote.",
    ),
    _wildcard(
        "TrainedModel",
        _objects("models/*/result.json"),
        "Reads what a kept model scored; its digest is new with each training.",
    ),
    _wildcard(
        "TrainedModel",
        _objects("models/*"),
        "Looks for a model under its digest, which is new with each training, and stores it there; it cannot delete"
        " one.",
    ),
    _wildcard(
        "TrainedModel",
        _objects("jobs/waiting/*"),
        "Writes, reads and deletes its own notes of which stack waits for which job, one object for each.",
    ),
    _wildcard("TrainedModel", _arn("logs", "log-group:/aws/lambda/{prefix}-trained-model:*"), _OWN_STREAMS),
    _nist("permissions/Classify", "IAMNoInlinePolicy", _INLINE),
    _wildcard(
        "Classify",
        _objects("{images}*"),
        "Only where s3_images names a folder: reads any image that its users put there, and cannot list them.",
    ),
    _wildcard("Classify", _arn("logs", "log-group:/aws/lambda/{prefix}-classify:*"), _OWN_STREAMS),
    _nist("permissions/Notebook", "IAMNoInlinePolicy", _INLINE),
    _wildcard(
        "Notebook",
        _arn("logs", "log-group:/aws/sagemaker/NotebookInstances:log-stream:{prefix}-notebook/*"),
        "SageMaker names the streams after the instance's scripts; the instance is this one.",
    ),
    _wildcard(
        "Notebook",
        _arn("cloudformation", "stack/{prefix}-*/*"),
        "A stack's ARN ends in an id that CloudFormation makes up; only this system's stacks, and only looked at.",
    ),
    _wildcard(
        "Notebook", _objects("models/*/result.json"), "Reads which job made the live model; its digest is always new."
    ),
    _wildcard(
        "Notebook",
        _arn("sagemaker", "training-job/{prefix}-*"),
        "Looks at this system's jobs, whose names end in digests; starting and stopping are for the notebook's own.",
    ),
    _wildcard("Notebook", _arn("sagemaker", "endpoint-config/*"), _LOOKED_AT),
    _wildcard("Notebook", _arn("sagemaker", "model/*"), _LOOKED_AT),
    _wildcard(
        "Notebook",
        "*",
        "application-autoscaling's Describe actions have no resource to name; nothing is changed with them.",
    ),
    _wildcard(
        "Notebook",
        _objects("data/*"),
        "A data set is stored under its digest, which is new with each; it is written, and cannot be read again.",
    ),
    *(
        _wildcard("Notebook", _arn(service, resource), _TRIED)
        for service, resource in (
            ("sagemaker", "training-job/{prefix}-nb-*"),
            ("sagemaker", "hyper-parameter-tuning-job/{prefix}-nb-*"),
            ("sagemaker", "model/{prefix}-nb-*"),
            ("sagemaker", "endpoint-config/{prefix}-nb-*"),
            ("logs", "log-group:/aws/sagemaker/TrainingJobs:log-stream:{prefix}-nb-*"),
        )
    ),
    Acknowledgement(
        rule="CloudFormation-Validate::F6101",
        construct="trained-model",
        reason=_WAIT_DATA,
    ),
    _nist("trained-model/Handler/Log", "CloudWatchLogGroupEncrypted", _LOG_KEY),
    _nist(
        "trained-model/Handler/Function",
        "LambdaConcurrency",
        "Only CloudFormation and two rules of ours call it, seldom; a limit would take from the account's share and"
        " could refuse the call that a deploy waits for.",
    ),
    _nist(
        "trained-model/Handler/Function",
        "LambdaDLQ",
        "A lost event is made up for by the sweep, which looks at every waiting job 5 minutes later; a queue would"
        " hold what nobody needs any more.",
    ),
    _nist("trained-model/Handler/Function", "LambdaInsideVPC", _IN_A_VPC),
    _nist("serving/Log", "CloudWatchLogGroupEncrypted", _LOG_KEY),
    _nist(
        "serving/Config",
        "SageMakerEndpointConfigurationKMSKeyConfigured",
        "Only where instances have disks of their own: they encrypt these in hardware, and SageMaker refuses a key"
        " for them; every other instance type gets the system's key.",
    ),
    _nist(
        "serving/Rollback",
        "CloudWatchAlarmAction",
        "SageMaker looks at these alarms itself while it deploys, and takes the deployment back; the alarms that tell"
        " people are in the operations stack.",
    ),
    _nist("permissions/Ec2Training", "IAMNoInlinePolicy", _INLINE),
    _wildcard(
        "Ec2Training",
        _objects("data/{dataset}/*"),
        "A data set is many files whose names are the user's; its digest in the path holds the role to this one set.",
    ),
    _wildcard(
        "Ec2Training",
        _arn("ec2", "instance/*"),
        "An instance registers itself for Session Manager under its id, which is new with each training.",
    ),
    _wildcard("Ec2Training", "*", "The four channels of a Session Manager session have no resource to name."),
    Acknowledgement(rule="CloudFormation-Validate::F6101", construct="ec2-training", reason=_WAIT_DATA),
    Acknowledgement(rule="AwsSolutions::AwsSolutions-VPC7", construct="ec2-training/Vpc", reason=_NO_FLOW_LOG),
    _nist("ec2-training/Vpc", "VPCFlowLogsEnabled", _NO_FLOW_LOG),
    _nist(
        "ec2-training/Vpc",
        "VPCDefaultSecurityGroupClosed",
        "Nothing is in the default group: the one instance has a group of its own, which lets nothing in.",
    ),
    _nist("ec2-training/Subnet", "VPCSubnetAutoAssignPublicIpDisabled", _PUBLIC_SUBNET),
    _nist("ec2-training/Out", "VPCNoUnrestrictedRouteToIGW", _PUBLIC_SUBNET),
    Acknowledgement(
        rule="AwsSolutions::AwsSolutions-EC29",
        construct="ec2-training/Instance",
        reason="It terminates itself when it is done, so that it costs nothing more; protection would prevent that.",
    ),
    _nist("serving/Classify/Handler/Log", "CloudWatchLogGroupEncrypted", _LOG_KEY),
    _nist(
        "serving/Classify/Handler/Function",
        "LambdaConcurrency",
        "Only where lambda_reserved_concurrency is set to 0, as an account must whose limit is too low to share out.",
    ),
    _nist(
        "serving/Classify/Handler/Function",
        "LambdaDLQ",
        "Callers wait for the answer, and a failure is their answer; only asynchronous calls ever reach such a queue.",
    ),
    _nist(
        "serving/Classify/Handler/Function",
        "LambdaInsideVPC",
        "Calls AWS APIs, and public web servers for images by URL, over TLS; a VPC would need paid endpoints and a"
        " paid gateway to reach the same, and without one the function can reach nothing private.",
    ),
    Acknowledgement(rule="AwsSolutions::AwsSolutions-SM1", construct="notebook/Instance", reason=_NOTEBOOK_WITHOUT_VPC),
    Acknowledgement(rule="AwsSolutions::AwsSolutions-SM3", construct="notebook/Instance", reason=_NOTEBOOK_WITHOUT_VPC),
    _nist("notebook/Instance", "SageMakerNotebookNoDirectInternetAccess", _NOTEBOOK_WITHOUT_VPC),
    _nist("notebook/EndpointLog", "CloudWatchLogGroupEncrypted", _LOG_KEY),
)

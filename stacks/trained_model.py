"""The trained model as a CloudFormation resource: the deploy waits for its training or tuning job, and fails with it.

    Training (custom resource) ── starts the job, or finds the model already made
    Trained<digest><hours> (wait condition) ── holds the stack up to 12 hours, until the job's result is signalled
    JobEnded, Sweep (rules) ── call the same Lambda when a job ends, and every 5 minutes: events get lost

A custom resource may take an hour and a wait condition cannot be updated, hence the two, and hence digest and
hours in the wait's logical id: a new model or another limit has a new wait, and a model already made is signalled to
it at once.
"""

from typing import Any

from aws_cdk import (
    Aws,
    CfnOutput,
    CfnWaitCondition,
    CfnWaitConditionHandle,
    CustomResource,
    Duration,
    Stack,
)
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from aws.containers import Container, training_container
from settings import Settings, names
from stacks.handler import Handler
from stacks.model_digest import model_digest
from stacks.storage import Storage
from stacks.tuning_job import tuning_job

_METRICS = (
    "train:loss",
    "train:images_per_second",
    "validation:loss",
    "validation:accuracy",
    "test:accuracy",
    "test:loss",
)
_HOUR = 3600
# Beyond the job's own limit: the queue for an instance, the upload of the model, and one sweep.
_WAIT_SLACK = _HOUR


class TrainedModel(Stack):
    """`model_digest` (64 hex) names the model; `model_data_url` is where it is after the deploy."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        settings: Settings,
        storage: Storage,
        training_role: iam.IRole,
        function_role: iam.Role,
    ) -> None:
        super().__init__(scope, id)
        container = training_container(settings.container_account, settings.training_instance)
        bucket_name = storage.bucket_name
        self.model_digest = model_digest(
            code=storage.program.digest,
            dataset=settings.dataset,
            weights=settings.weights,
            hyperparameters=settings.model_ingredients,
            image=container.name,
            instance_type=settings.training_instance_type,
            instance_count=settings.training_instance_count,
        )
        self.model_data_url = f"s3://{bucket_name}/{names.model_key(self.model_digest)}"
        request = _training_job(
            settings=settings,
            storage=storage,
            role_arn=training_role.role_arn,
            container=container,
            digest=self.model_digest,
        )
        if settings.tuning_max_jobs:
            request = tuning_job(request, settings=settings)
        function = self._function(settings, bucket_name, function_role)
        rules = self._rules(settings, function)
        hours = _most_hours(settings)
        awaited = f"{self.model_digest[:12]}Hours{hours}"
        handle = CfnWaitConditionHandle(self, f"Handle{awaited}")
        training = CustomResource(
            self,
            "Training",
            resource_type="Custom::TrainedModel",
            service_token=function.function_arn,
            service_timeout=Duration.minutes(10),
            properties={
                "Digest": self.model_digest,
                "Dataset": settings.dataset,
                "AccuracyFloor": str(settings.accuracy_floor),
                "Request": self.to_json_string(request),
                "WaitUrl": handle.ref,
            },
        )
        # A job must not end before someone listens, nor the listener go before the job is stopped.
        training.node.add_dependency(*rules)
        wait = CfnWaitCondition(
            self,
            f"Trained{awaited}",
            handle=handle.ref,
            count=1,
            timeout=str(hours * _HOUR + _WAIT_SLACK),
        )
        wait.node.add_dependency(training)

        CfnOutput(self, "ModelDigest", value=self.model_digest)
        CfnOutput(self, "ModelDataUrl", value=self.model_data_url)
        data = wait.attr_data.to_string()
        CfnOutput(self, "TestAccuracy", value=data, description="by training job, as JSON")

    def _function(self, settings: Settings, bucket_name: str, role: iam.Role) -> lambda_.Function:
        return Handler(
            self,
            "Handler",
            prefix=settings.prefix,
            name="trained-model",
            description="Starts training jobs, and signals the waiting stack when one has ended",
            role=role,
            environment={"BUCKET": bucket_name, "JOB_PREFIX": names.job_prefix(settings.prefix)},
            memory_mb=256,
            timeout_seconds=180,
            log_retention_days=settings.log_retention_days,
        ).function

    def _rules(self, settings: Settings, function: lambda_.Function) -> list[Construct]:
        """The two rules, with their permissions to call `function`."""
        prefix = settings.prefix
        pattern = job_ended_pattern(settings, "Completed", "Failed", "Stopped")
        target = events.CfnRule.TargetProperty(arn=function.function_arn, id="Function")
        rules = [
            events.CfnRule(
                self, "JobEnded", name=names.rule_name(prefix, "job-ended"), event_pattern=pattern, targets=[target]
            ),
            events.CfnRule(
                self,
                "Sweep",
                name=names.rule_name(prefix, "job-sweep"),
                schedule_expression="rate(5 minutes)",
                targets=[target],
            ),
        ]
        permissions = [
            lambda_.CfnPermission(
                self,
                f"{rule.node.id}MayCall",
                action="lambda:InvokeFunction",
                function_name=function.function_name,
                principal="events.amazonaws.com",
                source_account=Aws.ACCOUNT_ID,
                source_arn=rule.attr_arn,
            )
            for rule in rules
        ]
        return [*rules, *permissions]


def job_ended_pattern(settings: Settings, *statuses: str) -> dict[str, Any]:
    """Matches the events of this system's jobs that end in one of `statuses`."""
    # The training jobs of a tuning job have events of their own; nobody waits for a single one of them.
    kind, job = (
        ("HyperParameter Tuning", "HyperParameterTuningJob")
        if settings.tuning_max_jobs
        else ("Training", "TrainingJob")
    )
    return {
        "source": ["aws.sagemaker"],
        "detail-type": [f"SageMaker {kind} Job State Change"],
        "detail": {
            f"{job}Name": [{"prefix": names.job_prefix(settings.prefix)}],
            f"{job}Status": list(statuses),
        },
    }


def _training_job(
    *,
    settings: Settings,
    storage: Storage,
    role_arn: str,
    container: Container,
    digest: str,
) -> dict[str, Any]:
    """The CreateTrainingJob request, all but TrainingJobName (the Lambda numbers the attempts)."""
    bucket_name, key_arn, program = storage.bucket_name, storage.key.key_arn, storage.program
    resources: dict[str, Any] = {
        "InstanceType": settings.training_instance_type,
        "InstanceCount": settings.training_instance_count,
        "VolumeSizeInGB": settings.training_volume_gib,
    }
    channels = [
        _channel("images", f"s3://{bucket_name}/{names.data_folder(settings.dataset)}"),
        _channel(program.channel, f"s3://{program.bucket_name}/{program.key}"),
    ]
    if settings.weights:
        channels.append(_channel("weights", f"s3://{bucket_name}/{names.weights_folder(settings.weights)}"))
    if not settings.training_instance.local_disk:
        resources["VolumeKmsKeyId"] = key_arn
    stopping = {"MaxRuntimeInSeconds": settings.training_max_hours * _HOUR}
    spot: dict[str, Any] = {}
    if settings.spot:
        stopping["MaxWaitTimeInSeconds"] = _most_hours(settings) * _HOUR
        checkpoints = f"s3://{bucket_name}/{names.checkpoint_prefix(digest)}"
        spot = {"EnableManagedSpotTraining": True, "CheckpointConfig": {"S3Uri": checkpoints}}
    return {
        **spot,
        "RoleArn": role_arn,
        "AlgorithmSpecification": {
            "TrainingImage": container.address(region=Aws.REGION, domain=Aws.URL_SUFFIX),
            "TrainingInputMode": "File",
            "ContainerEntrypoint": ["python3", "-m", "training"],
            "MetricDefinitions": [{"Name": name, "Regex": f"{name}=([0-9.eE+-]+)"} for name in _METRICS],
        },
        "Environment": {"PYTHONPATH": program.python_path},
        "HyperParameters": settings.hyperparameters,
        "InputDataConfig": channels,
        "OutputDataConfig": {"S3OutputPath": f"s3://{bucket_name}/{names.JOBS}", "KmsKeyId": key_arn},
        "ResourceConfig": resources,
        "StoppingCondition": stopping,
        "EnableNetworkIsolation": True,
        "EnableInterContainerTrafficEncryption": settings.training_instance_count > 1,
        "Tags": [{"Key": "app", "Value": settings.app}, {"Key": "stage", "Value": settings.stage}],
    }


def _most_hours(settings: Settings) -> int:
    """From the start of the job to its end at the latest: a spot job also waits for instances."""
    return settings.spot_max_wait_hours if settings.spot else settings.training_max_hours


def _channel(name: str, uri: str) -> dict[str, Any]:
    source = {"S3DataType": "S3Prefix", "S3Uri": uri, "S3DataDistributionType": "FullyReplicated"}
    return {"ChannelName": name, "DataSource": {"S3DataSource": source}}

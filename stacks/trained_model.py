"""The trained model as a CloudFormation resource. The deploy waits for its job, and fails if the job fails.

    Training (custom resource) ── starts the training or tuning job, or finds the finished model
    Trained<digest>Hours<hours> (wait condition) ── holds the stack up to 12 hours, until the job's result is signalled
    JobEnded, Sweep (rules) ── call the same function when a job ends, and every 5 minutes, because events get lost

A custom resource may take one hour at most, so a wait condition does the waiting. A wait condition cannot be updated,
so its logical id has digest and hours: a new model or another limit makes a new one. A finished model is signalled to
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

from aws.containers import COMMAND, Container, training_container
from settings import Settings, names
from stacks.lambda_function import LambdaFunction
from stacks.model_digest import model_digest
from stacks.network import PrivateNetwork
from stacks.registry_account import registry_account
from stacks.storage import Storage
from stacks.tuning_job import tuning_job

_METRICS = (
    "train:loss",
    "train:images_per_second",
    "validation:loss",
    "validation:accuracy",
    "test:accuracy",
    "test:balanced_accuracy",
    "test:lowest_class_accuracy",
    "test:loss",
)
_HOUR = 3600
# On top of the job's limit: the queue for an instance, the upload of the model, and one sweep.
_WAIT_SLACK = _HOUR


class TrainedModel(Stack):
    """`model_digest` (64 hex digits) identifies the model. After the deploy it is at `model_data_url`."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        settings: Settings,
        storage: Storage,
        training_role: iam.IRole,
        function_role: iam.Role,
        network: PrivateNetwork | None = None,
    ) -> None:
        super().__init__(scope, id)
        container = training_container(registry_account(self, settings), settings.training_instance)
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
        if network:
            request |= network.training.vpc_config
        if settings.tuning_max_jobs:
            request = tuning_job(request, settings=settings)
        self.function = self._function(settings, bucket_name, function_role, network)
        rules = self._rules(settings, self.function)
        hours = _max_hours(settings)
        awaited = f"{self.model_digest[:12]}Hours{hours}"
        handle = CfnWaitConditionHandle(self, f"Handle{awaited}")
        training = CustomResource(
            self,
            "Training",
            resource_type="Custom::TrainedModel",
            service_token=self.function.function_arn,
            service_timeout=Duration.minutes(10),
            properties={
                "Digest": self.model_digest,
                "Dataset": settings.dataset,
                "AccuracyFloor": str(settings.accuracy_floor),
                "ClassAccuracyFloor": str(settings.class_accuracy_floor),
                "Request": self.to_json_string(request),
                "WaitUrl": handle.ref,
            },
        )
        # The rules must exist from before a job starts until after it is stopped.
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

    def _function(
        self, settings: Settings, bucket_name: str, role: iam.Role, network: PrivateNetwork | None
    ) -> lambda_.Function:
        return LambdaFunction(
            self,
            "Handler",
            settings=settings,
            name="trained-model",
            description="Starts training jobs, and signals the waiting stack when one has ended",
            role=role,
            environment={"BUCKET": bucket_name, "JOB_PREFIX": names.job_prefix(settings.prefix)},
            memory_mb=256,
            timeout_seconds=180,
            placement=network.placement if network else None,
        ).function

    def _rules(self, settings: Settings, function: lambda_.Function) -> list[Construct]:
        """The rules JobEnded and Sweep, and their permissions to call `function`."""
        prefix = settings.prefix
        pattern = job_ended_pattern(settings, "Completed", "Failed", "Stopped")
        target = events.CfnRule.TargetProperty(arn=function.function_arn, id="Function")
        rules = [
            events.CfnRule(
                self, "JobEnded", name=names.resource_name(prefix, "job-ended"), event_pattern=pattern, targets=[target]
            ),
            events.CfnRule(
                self,
                "Sweep",
                name=names.resource_name(prefix, "job-sweep"),
                schedule_expression="rate(5 minutes)",
                targets=[target],
            ),
        ]
        # No SourceAccount: with one, EventBridge cannot call ("Troubleshooting Amazon EventBridge", EventBridge user
        # guide). The rule's ARN names the account.
        permissions = [
            lambda_.CfnPermission(
                self,
                f"{rule.node.id}MayCall",
                action="lambda:InvokeFunction",
                function_name=function.function_name,
                principal="events.amazonaws.com",
                source_arn=rule.attr_arn,
            )
            for rule in rules
        ]
        return [*rules, *permissions]


def job_ended_pattern(settings: Settings, *statuses: str) -> dict[str, Any]:
    """Event pattern of this system's jobs that end with one of `statuses`."""
    # The training jobs of a tuning job emit events too, but only the end of the tuning job matters.
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
    """The CreateTrainingJob request without TrainingJobName, because the Lambda function numbers the attempts."""
    bucket_name, key_arn, program = storage.bucket_name, storage.key.key_arn, storage.program
    resources: dict[str, Any] = {
        "InstanceType": settings.training_instance_type,
        "InstanceCount": settings.training_instance_count,
        "VolumeSizeInGB": settings.training_volume_gib,
    }
    channels = [
        {
            **_channel("images", f"s3://{bucket_name}/{names.data_folder(settings.dataset)}"),
            "InputMode": settings.input_mode,
        },
        _channel(program.channel, f"s3://{program.bucket_name}/{program.key}"),
    ]
    if settings.weights:
        channels.append(_channel("weights", f"s3://{bucket_name}/{names.weights_folder(settings.weights)}"))
    if not settings.training_instance.local_disk:
        resources["VolumeKmsKeyId"] = key_arn
    stopping = {"MaxRuntimeInSeconds": settings.training_max_hours * _HOUR}
    spot: dict[str, Any] = {}
    if settings.spot:
        stopping["MaxWaitTimeInSeconds"] = _max_hours(settings) * _HOUR
        checkpoints = f"s3://{bucket_name}/{names.checkpoint_prefix(digest)}"
        spot = {"EnableManagedSpotTraining": True, "CheckpointConfig": {"S3Uri": checkpoints}}
    return {
        **spot,
        "RoleArn": role_arn,
        "AlgorithmSpecification": {
            "TrainingImage": container.address(region=Aws.REGION, domain=Aws.URL_SUFFIX),
            "TrainingInputMode": "File",
            "ContainerEntrypoint": list(COMMAND),
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
        "Tags": [{"Key": key, "Value": value} for key, value in settings.every_tag.items()],
    }


def _max_hours(settings: Settings) -> int:
    """Maximum hours from the start of the job to its end. A spot job also waits for instances."""
    return settings.spot_max_wait_hours if settings.spot else settings.training_max_hours


def _channel(name: str, uri: str) -> dict[str, Any]:
    source = {"S3DataType": "S3Prefix", "S3Uri": uri, "S3DataDistributionType": "FullyReplicated"}
    return {"ChannelName": name, "DataSource": {"S3DataSource": source}}

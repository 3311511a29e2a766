"""Calls that a role may attempt: each function takes clients with the role's credentials and makes one call."""

import json
from collections.abc import Callable
from typing import Any

from local_aws.home import ACCOUNT, DEFAULT_REGION
from tests.local_aws.conftest import Client

BUCKET = f"slipway-dev-{ACCOUNT}-{DEFAULT_REGION}"
TRAINING_LOG = "/aws/sagemaker/TrainingJobs"
SCORING_LOG = "/aws/sagemaker/ProcessingJobs"
Attempt = Callable[[Client], Any]


def role_name(suffix: str) -> str:
    return f"slipway-dev-{suffix}-{DEFAULT_REGION}"


def role_arn(name: str) -> str:
    return f"arn:aws:iam::{ACCOUNT}:role/{role_name(name)}"


def get(key: str) -> Attempt:
    return lambda c: c("s3").get_object(Bucket=BUCKET, Key=key)


def put(key: str) -> Attempt:
    return lambda c: c("s3").put_object(Bucket=BUCKET, Key=key, Body=b"2")


def delete(key: str) -> Attempt:
    return lambda c: c("s3").delete_object(Bucket=BUCKET, Key=key)


def list_(prefix: str) -> Attempt:
    return lambda c: c("s3").list_objects_v2(Bucket=BUCKET, Prefix=prefix)


def list_everything(c: Client) -> Any:
    return c("s3").list_objects_v2(Bucket=BUCKET)


def use_key_outside_s3(c: Client) -> Any:
    return c("kms").generate_data_key(KeyId="alias/slipway-dev", KeySpec="AES_256")


def decrypt_outside_s3(c: Client) -> Any:
    return c("kms").decrypt(KeyId="alias/slipway-dev", CiphertextBlob=b"anything")


def grant_key_to_a_user(c: Client) -> Any:
    user = f"arn:aws:iam::{ACCOUNT}:user/administrator"
    return c("kms").create_grant(KeyId="alias/slipway-dev", GranteePrincipal=user, Operations=["Decrypt"])


def create_role(c: Client) -> Any:
    return c("iam").create_role(RoleName="mine", AssumeRolePolicyDocument="{}")


def widen_own_policy(role: str) -> Attempt:
    everything = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    return lambda c: c("iam").put_role_policy(
        RoleName=role_name(role), PolicyName="permissions", PolicyDocument=json.dumps(everything)
    )


def assume_another(role: str) -> Attempt:
    return lambda c: c("sts").assume_role(RoleArn=role_arn(role), RoleSessionName="hop")


def invoke(endpoint: str) -> Attempt:
    return lambda c: c("sagemaker-runtime").invoke_endpoint(EndpointName=endpoint, Body=b"1")


def read_log(group: str) -> Attempt:
    return lambda c: c("logs").filter_log_events(logGroupName=group)


def open_stream(group: str, stream: str) -> Attempt:
    return lambda c: c("logs").create_log_stream(logGroupName=group, logStreamName=stream)


def job(name: str = "slipway-dev-probe-1", role: str = role_arn("training"), **request: Any) -> Attempt:
    return lambda c: c("sagemaker").create_training_job(
        **{
            "TrainingJobName": name,
            "RoleArn": role,
            "AlgorithmSpecification": {
                "TrainingImage": "image",
                "TrainingInputMode": "File",
                "ContainerEntrypoint": ["true"],
            },
            "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/jobs/"},
            "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
            "StoppingCondition": {"MaxRuntimeInSeconds": 60},
            **request,
        }
    )


ISOLATED: dict[str, Any] = {"EnableNetworkIsolation": True}


def trial(role: str = "notebook-trial", **request: Any) -> Attempt:
    """A training job of the notebook's."""
    return job("slipway-dev-nb-probe", role_arn(role), **request)


def tuning(**definition: Any) -> Attempt:
    """A tuning job of the notebook's, whose jobs have the trial role."""
    ranges = {"ContinuousParameterRanges": [{"Name": "r", "MinValue": "0", "MaxValue": "1"}]}
    return lambda c: c("sagemaker").create_hyper_parameter_tuning_job(
        HyperParameterTuningJobName="slipway-dev-nb-probe",
        HyperParameterTuningJobConfig={
            "Strategy": "Random",
            "HyperParameterTuningJobObjective": {"Type": "Maximize", "MetricName": "m"},
            "ResourceLimits": {"MaxNumberOfTrainingJobs": 1, "MaxParallelTrainingJobs": 1},
            "ParameterRanges": ranges,
        },
        TrainingJobDefinition={
            "RoleArn": role_arn("notebook-trial"),
            "AlgorithmSpecification": {
                "TrainingImage": "image",
                "TrainingInputMode": "File",
                "MetricDefinitions": [{"Name": "m", "Regex": "m=(.*)"}],
            },
            "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/jobs/"},
            "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
            "StoppingCondition": {"MaxRuntimeInSeconds": 60},
            **definition,
        },
    )


def model(name: str = "slipway-dev-nb-probe", role: str = "notebook-trial", **request: Any) -> Attempt:
    return lambda c: c("sagemaker").create_model(
        ModelName=name, ExecutionRoleArn=role_arn(role), PrimaryContainer={"Image": "image"}, **request
    )


def another_start_script(c: Client) -> Any:
    """Root runs it when the notebook instance starts."""
    return c("sagemaker").update_notebook_instance_lifecycle_config(
        NotebookInstanceLifecycleConfigName="slipway-dev-notebook", OnStart=[{"Content": "aWQ="}]
    )


def another_role_for_the_instance(c: Client) -> Any:
    return c("sagemaker").update_notebook_instance(
        NotebookInstanceName="slipway-dev-notebook", RoleArn=role_arn("trained-model")
    )


def change_an_endpoint(c: Client) -> Any:
    return c("sagemaker").update_endpoint(EndpointName="slipway-dev-abcd", EndpointConfigName="slipway-dev-nb-c")


def job_on_a_foreign_key(c: Client) -> Any:
    volume = {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}
    return job(ResourceConfig={**volume, "VolumeKmsKeyId": "alias/somebody-else"})(c)


def function_with_role(suffix: str) -> Attempt:
    return lambda c: c("lambda").create_function(
        FunctionName="mine", Runtime="python3.12", Role=role_arn(suffix), Handler="a.b", Code={"ZipFile": b""}
    )


def tag_a_job(c: Client) -> Any:
    arn = f"arn:aws:sagemaker:{DEFAULT_REGION}:{ACCOUNT}:training-job/slipway-dev-1"
    return c("sagemaker").add_tags(ResourceArn=arn, Tags=[{"Key": "owner", "Value": "me"}])


def stop_a_foreign_job(c: Client) -> Any:
    return c("sagemaker").stop_training_job(TrainingJobName="other-app-1")


def delete_a_model(c: Client) -> Any:
    return c("sagemaker").delete_model(ModelName="slipway-dev-model")


def delete_an_endpoint(c: Client) -> Any:
    return c("sagemaker").delete_endpoint(EndpointName="slipway-dev-abcd")


def metric_in_a_foreign_namespace(c: Client) -> Any:
    return c("cloudwatch").put_metric_data(Namespace="Others", MetricData=[{"MetricName": "m", "Value": 1.0}])


def read_a_parameter(c: Client) -> Any:
    return c("ssm").get_parameter(Name="/cdk-bootstrap/hnb659fds/version")


def delete_a_stack(c: Client) -> Any:
    return c("cloudformation").delete_stack(StackName="slipway-dev-storage")


def disable_a_rule(c: Client) -> Any:
    return c("events").disable_rule(Name="slipway-dev-job-sweep")


def call_the_classifier(c: Client) -> Any:
    return c("lambda").invoke(FunctionName="slipway-dev-classify", Payload=b"{}")

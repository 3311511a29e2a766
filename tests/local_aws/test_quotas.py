"""Service quotas: those of a new account refuse what AWS refuses, and a granted increase lets the same call through.

The message of a refusal is SageMaker's, from https://github.com/aws-samples/aws-genai-llm-chatbot/issues/244.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from aws.quotas import LAMBDA_CONCURRENCY
from local_aws.home import NEW, Home, read_env
from local_aws.lifecycle import down, up
from local_aws.running import LocalAwsError
from tests.local_aws.conftest import Client, assume, clients, ended, make_role, wait_for_stack
from tests.waiting import until

pytestmark = pytest.mark.e2e

IMAGE = "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch:any"
# Process 1 of a container, which has to catch SIGTERM to end by it.
WAIT = ["bash", "-c", "trap exit TERM; sleep 60 & wait"]
NOTHING = {"AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File",
                                      "ContainerEntrypoint": WAIT}}  # fmt: skip


@pytest.fixture(scope="module")
def new_account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    home = Home(tmp_path_factory.mktemp("new"))
    up(home, tied=True, account=NEW)
    yield home
    down(home)


@pytest.fixture(scope="module")
def new(new_account: Home) -> Client:
    return clients(read_env(new_account.env_file))


@pytest.fixture(scope="module")
def role(new: Client) -> str:
    new("s3").create_bucket(Bucket="workshop")
    return make_role(new, "trainer", "sagemaker.amazonaws.com", {"Action": ["s3:*", "logs:*"], "Resource": "*"})


def quota(client: Client, name: str) -> dict[str, Any]:
    """The quota of SageMaker with this name."""
    pages = client("service-quotas").get_paginator("list_service_quotas").paginate(ServiceCode="sagemaker")
    [found] = [one for page in pages for one in page["Quotas"] if one["QuotaName"] == name]
    return dict(found)


def grant(client: Client, name: str, value: int) -> None:
    code = quota(client, name)["QuotaCode"]
    client("service-quotas").request_service_quota_increase(ServiceCode="sagemaker", QuotaCode=code, DesiredValue=value)


def refusal(call: Callable[..., Any], **request: Any) -> str:
    """The message of ResourceLimitExceeded."""
    with pytest.raises(ClientError) as refused:
        call(**request)
    assert refused.value.response["Error"]["Code"] == "ResourceLimitExceeded"
    return str(refused.value.response["Error"]["Message"])


def training_job(role: str, name: str, type_: str, count: int = 1, **others: Any) -> dict[str, Any]:
    return {
        **NOTHING,
        "TrainingJobName": name,
        "RoleArn": role,
        "OutputDataConfig": {"S3OutputPath": "s3://workshop/out"},
        "ResourceConfig": {"InstanceType": type_, "InstanceCount": count, "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 600},
        **others,
    }


def test_the_list_has_pages_of_a_hundred_at_most(new: Client) -> None:
    """`MaxResults` in "ListServiceQuotas", Service Quotas API reference."""
    first = new("service-quotas").list_service_quotas(ServiceCode="sagemaker")
    assert len(first["Quotas"]) == 100
    assert first["NextToken"]
    small = new("service-quotas").list_service_quotas(ServiceCode="sagemaker", MaxResults=3)
    assert small["Quotas"] == first["Quotas"][:3]


@pytest.mark.parametrize(
    ("name", "in_new", "in_established"),
    [
        ("ml.m5.large for endpoint usage", 0, 100),
        ("ml.m5.xlarge for training job usage", 0, 100),
        ("ml.m5.xlarge for spot training job usage", 0, 100),
        ("ml.t3.medium for notebook instance usage", 100, 100),
    ],
)
def test_each_use_of_an_instance_type_has_a_quota(
    new: Client, client: Client, name: str, in_new: int, in_established: int
) -> None:
    assert quota(new, name)["Value"] == in_new
    assert quota(client, name)["Value"] == in_established


def test_a_quota_is_raised_and_never_lowered(new: Client) -> None:
    name = "ml.c5.large for endpoint usage"
    grant(new, name, 4)
    assert quota(new, name)["Value"] == 4
    with pytest.raises(ClientError, match=r"IllegalArgumentException.*greater than the current"):
        grant(new, name, 4)


def test_a_quota_or_service_that_it_lacks_is_named(new: Client) -> None:
    ask = new("service-quotas").get_service_quota
    with pytest.raises(ClientError, match=r"NoSuchResourceException.*L-00000000"):
        ask(ServiceCode="sagemaker", QuotaCode="L-00000000")
    with pytest.raises(ClientError, match="no quotas of ec2, only of sagemaker, lambda"):
        ask(ServiceCode="ec2", QuotaCode="L-00000000")


def test_quotas_are_read_with_permission_alone(new: Client, new_account: Home) -> None:
    make_role(new, "nobody", "sagemaker.amazonaws.com", {"Action": "sagemaker:*", "Resource": "*"})
    with pytest.raises(ClientError, match=r"AccessDenied.*servicequotas:ListServiceQuotas"):
        quota(assume(new, new_account, "nobody"), "ml.m5.large for endpoint usage")


def test_a_training_job_counts_all_that_run_of_its_type(new: Client, role: str) -> None:
    create = new("sagemaker").create_training_job
    assert refusal(create, **training_job(role, "first", "ml.m5.large", 2)).startswith(
        "The account-level service limit 'ml.m5.large for training job usage' is 0 Instances, with current "
        "utilization of 0 Instances and a request delta of 2 Instances. Please use AWS Service Quotas"
    )

    grant(new, "ml.m5.large for training job usage", 2)
    create(**training_job(role, "second", "ml.m5.large", 2))

    third = training_job(role, "third", "ml.m5.large")
    assert "with current utilization of 2 Instances and a request delta of 1 " in refusal(create, **third)
    new("sagemaker").stop_training_job(TrainingJobName="second")
    ended(new, "second")
    create(**third)
    new("sagemaker").stop_training_job(TrainingJobName="third")


def test_spot_instances_have_a_quota_of_their_own(new: Client, role: str) -> None:
    stopping = {"MaxRuntimeInSeconds": 600, "MaxWaitTimeInSeconds": 600}
    spot = training_job(
        role, "spot", "ml.m5.large", EnableManagedSpotTraining=True, StoppingCondition=stopping,
        CheckpointConfig={"S3Uri": "s3://workshop/checkpoints"},
    )  # fmt: skip
    said = refusal(new("sagemaker").create_training_job, **spot)
    assert "'ml.m5.large for spot training job usage' is 0 Instances" in said


def test_a_tuning_job_needs_what_its_parallel_jobs_need(new: Client, role: str) -> None:
    """Refused at once, not only when its first job starts: ResourceLimitExceeded is among the errors of
    "CreateHyperParameterTuningJob", SageMaker API reference."""
    definition = training_job(role, "", "ml.m4.xlarge", 2)
    del definition["TrainingJobName"]
    metric = {"MetricName": "m", "Type": "Maximize"}
    algorithm = {**definition["AlgorithmSpecification"], "MetricDefinitions": [{"Name": "m", "Regex": "m=(.*)"}]}
    tuning = {
        "HyperParameterTuningJobName": "tuning",
        "HyperParameterTuningJobConfig": {
            "Strategy": "Random",
            "HyperParameterTuningJobObjective": metric,
            "ResourceLimits": {"MaxNumberOfTrainingJobs": 9, "MaxParallelTrainingJobs": 3},
            "ParameterRanges": {"CategoricalParameterRanges": [{"Name": "a", "Values": ["1"]}]},
        },
        "TrainingJobDefinition": {
            **definition,
            "AlgorithmSpecification": {k: v for k, v in algorithm.items() if k != "ContainerEntrypoint"},
            "Environment": {"SAGEMAKER_TRAINING_MODULE": "any:thing"},
        },
    }
    assert "a request delta of 6 Instances" in refusal(new("sagemaker").create_hyper_parameter_tuning_job, **tuning)


@pytest.fixture
def config(new: Client, role: str) -> Callable[[str, int], str]:
    """Makes an endpoint configuration with this many instances."""

    def make(name: str, count: int) -> str:
        sagemaker = new("sagemaker")
        image = {"Image": "000000000000.dkr.ecr.us-east-1.amazonaws.com/none:latest"}
        sagemaker.create_model(ModelName=name, ExecutionRoleArn=role, PrimaryContainer=image)
        variant = {"VariantName": "live", "ModelName": name, "InstanceType": "ml.m5.large"}
        sagemaker.create_endpoint_config(
            EndpointConfigName=name, ProductionVariants=[{**variant, "InitialInstanceCount": count}]
        )
        return name

    return make


def test_an_endpoint_needs_its_instances(new: Client, config: Callable[[str, int], str]) -> None:
    sagemaker, two = new("sagemaker"), config("two", 2)
    said = refusal(sagemaker.create_endpoint, EndpointName="first", EndpointConfigName=two)
    assert "'ml.m5.large for endpoint usage' is 0 Instances" in said
    grant(new, "ml.m5.large for endpoint usage", 2)

    sagemaker.create_endpoint(EndpointName="first", EndpointConfigName=two)

    # It has no image, and fails: what failed counts no longer.
    until(lambda: sagemaker.describe_endpoint(EndpointName="first")["EndpointStatus"] == "Failed")
    sagemaker.create_endpoint(EndpointName="second", EndpointConfigName=two)


def function(**properties: int) -> dict[str, str]:
    """A stack with a function and an alias."""
    made = {
        "FunctionName": "f", "Runtime": "python3.12", "Role": {"Fn::GetAtt": ["Role", "Arn"]},
        "Handler": "index.handler", "Code": {"ZipFile": "def handler(event, context): pass"},
    }  # fmt: skip
    assumed = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    alias = {
        "Name": "live", "FunctionName": {"Ref": "Function"}, "FunctionVersion": {"Fn::GetAtt": ["Version", "Version"]},
    }  # fmt: skip
    resources = {
        "Role": {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": {"Statement": [assumed]}}},
        "Function": {"Type": "AWS::Lambda::Function", "Properties": made | properties},
        "Version": {"Type": "AWS::Lambda::Version", "Properties": {"FunctionName": {"Ref": "Function"}}},
        "Alias": {"Type": "AWS::Lambda::Alias", "Properties": alias},
    }
    return {"StackName": "function", "TemplateBody": json.dumps({"Resources": resources})}


def test_lambda_keeps_the_whole_quota_of_a_new_account_unreserved(new: Client) -> None:
    """https://github.com/aws-samples/one-observability-demo/issues/278; for provisioned concurrency
    https://github.com/anomalyco/sst/issues/5829."""
    lambda_, cloudformation = new("lambda"), new("cloudformation")
    limit = lambda_.get_account_settings()["AccountLimit"]
    assert (limit["ConcurrentExecutions"], limit["UnreservedConcurrentExecutions"]) == (10, 10)
    cloudformation.create_stack(**function(), Capabilities=["CAPABILITY_IAM"])
    assert wait_for_stack(new, "function") == "CREATE_COMPLETE"

    live = {"FunctionName": "f", "Qualifier": "live"}
    with pytest.raises(ClientError, match=r"InvalidParameterValue.* ReservedConcurrentExecutions .* value of \[10\]"):
        lambda_.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=1)
    with pytest.raises(ClientError, match=r"InvalidParameterValue.* ConcurrentExecutions .* value of \[10\]"):
        lambda_.put_provisioned_concurrency_config(**live, ProvisionedConcurrentExecutions=1)
    cloudformation.update_stack(**function(ReservedConcurrentExecutions=1), Capabilities=["CAPABILITY_IAM"])
    assert wait_for_stack(new, "function") == "UPDATE_ROLLBACK_COMPLETE"

    new("service-quotas").request_service_quota_increase(
        ServiceCode="lambda", QuotaCode=LAMBDA_CONCURRENCY, DesiredValue=1000
    )

    lambda_.put_provisioned_concurrency_config(**live, ProvisionedConcurrentExecutions=2)
    limit = lambda_.get_account_settings()["AccountLimit"]
    assert (limit["ConcurrentExecutions"], limit["UnreservedConcurrentExecutions"]) == (1000, 998)
    cloudformation.update_stack(**function(ReservedConcurrentExecutions=5), Capabilities=["CAPABILITY_IAM"])
    assert wait_for_stack(new, "function") == "UPDATE_COMPLETE"
    assert lambda_.get_account_settings()["AccountLimit"]["UnreservedConcurrentExecutions"] == 995
    with pytest.raises(ClientError, match="should not be greater than the reservedConcurrentExecution"):
        lambda_.put_provisioned_concurrency_config(**live, ProvisionedConcurrentExecutions=6)
    with pytest.raises(ClientError, match=r"below its minimum value of \[100\]"):
        lambda_.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=901)


def test_one_that_runs_keeps_its_account_and_says_so(new_account: Home) -> None:
    with pytest.raises(LocalAwsError, match="runs already, as new account"):
        up(new_account, account="established")

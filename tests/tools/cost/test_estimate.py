"""Estimates agree with figures calculated by hand from the list prices, which stand beside them."""

import json
from typing import Any

import pytest
from aws_cdk.assertions import Template

from aws.prices import DEFAULT_REGION, UnknownPrice, instance_hour
from tests.stacks.conftest import Synthesize
from tests.stacks.resources import ON_EC2
from tests.tools.cost.conftest import endpoint as endpoint_of
from tests.tools.cost.conftest import stack
from tools.cost.estimate import Estimate, estimate
from tools.cost.usage import Usage
from training.errors import InputError

USAGE = Usage(predictions=1_000_000, trainings=4, training_minutes=30, image_kib=1024, call_ms=200, log_kib=2)


def of(template: dict[str, Any], usage: Usage = USAGE) -> dict[str, float]:
    """Dollars a month by the name of the billed item."""
    return {item.what: item.monthly(usage) for item in estimate({"app-stage-part": template}, usage).items}


def endpoint(**more: Any) -> dict[str, Any]:
    return endpoint_of({"InstanceType": "ml.m5.large", "InitialInstanceCount": 2}, **more)


def training(request: dict[str, Any]) -> dict[str, Any]:
    pieces = json.dumps(request).split('"ARN"')
    joined = {"Fn::Join": ["", [pieces[0] + '"', {"Ref": "Role"}, '"' + pieces[1]]]}
    return stack(Training=("Custom::TrainedModel", {"Request": joined}))


JOB = {
    "RoleArn": "ARN",
    "ResourceConfig": {"InstanceType": "ml.m5.xlarge", "InstanceCount": 4, "VolumeSizeInGB": 73},
}


def test_an_endpoint_costs_its_instances_and_the_images_that_go_into_it() -> None:
    costs = of(endpoint())
    assert costs["endpoint instances"] == pytest.approx(2 * 730 * 0.115)  # 167.90
    assert costs["endpoint data"] == pytest.approx(1_000_000 / 1024 * 0.016)  # 1 MiB each: 15.625


def test_a_configuration_without_an_endpoint_costs_nothing() -> None:
    off = endpoint()
    del off["Resources"]["Endpoint"]
    assert of(off) == {}


def test_its_image_is_kept_in_the_registry() -> None:
    model = stack(Model=("AWS::SageMaker::Model", {"PrimaryContainer": {"Image": "registry/repository:tag"}}))
    assert of(model) == {"endpoint image": pytest.approx(0.15 * 0.10)}
    assert of(model, Usage(container_gb=4.5)) == {"endpoint image": pytest.approx(0.45)}


@pytest.mark.parametrize(("x86", "graviton"), [("ml.c5.large", "ml.c6g.large"), ("ml.m5.xlarge", "ml.m6g.xlarge")])
def test_graviton_is_a_fifth_cheaper_than_the_x86_type_of_its_size(x86: str, graviton: str) -> None:
    assert instance_hour(graviton) == pytest.approx(0.8 * instance_hour(x86), rel=0.01)


def test_captured_calls_are_kept_for_a_month_as_base64() -> None:
    capture = {"EnableCapture": True, "InitialSamplingPercentage": 30}
    assert of(endpoint(DataCaptureConfig=capture))["captured calls"] == pytest.approx(
        0.3 * 1_000_000 / 1024 * 4 / 3 * 0.023
    )


def test_a_training_costs_the_hours_of_its_instances_and_their_disks() -> None:
    disk = 73 * 0.14 / 730  # 0.014 an hour
    assert of(training(JOB))["training"] == pytest.approx(4 * 4 * 0.5 * (0.23 + disk))  # 1.952: 4 runs of 0.488


def test_a_tuning_is_billed_for_all_of_its_jobs() -> None:
    tuning = {
        "HyperParameterTuningJobConfig": {"ResourceLimits": {"MaxNumberOfTrainingJobs": 20}},
        "TrainingJobDefinition": JOB,
    }
    assert of(training(tuning))["training"] == pytest.approx(20 * of(training(JOB))["training"])


def test_a_spot_training_is_counted_at_the_on_demand_price_and_says_that_it_costs_less() -> None:
    (item,) = estimate({"a-b-c": training({**JOB, "EnableManagedSpotTraining": True})}, USAGE).items
    assert item.training == pytest.approx(0.488)
    assert item.basis.endswith("spot: less")


def function(**alias: Any) -> dict[str, Any]:
    return stack(
        Handler=("AWS::Lambda::Function", {"MemorySize": 512}),
        Live=("AWS::Lambda::Alias", {"FunctionName": {"Ref": "Handler"}, **alias}),
        Log=("AWS::Logs::LogGroup", {"RetentionInDays": 90}),
    )


def test_calls_of_a_function_cost_requests_time_and_log() -> None:
    costs = of(function())
    assert costs["function calls"] == pytest.approx(0.20 + 1_000_000 * 0.5 * 0.2 * 0.0000166667)  # 1.8667
    assert costs["log"] == pytest.approx(2_000_000 / 2**20 * (0.50 + 3 * 0.03))  # 2 KiB each, 3 months: 1.1253
    assert "functions kept warm" not in costs


def test_a_function_kept_warm_costs_all_month_and_less_for_each_call() -> None:
    costs = of(function(ProvisionedConcurrencyConfig={"ProvisionedConcurrentExecutions": 3}))
    assert costs["functions kept warm"] == pytest.approx(3 * 0.5 * 730 * 3600 * 0.0000041667)  # 16.425
    assert costs["function calls"] == pytest.approx(0.20 + 1_000_000 * 0.5 * 0.2 * 0.0000097222)  # 1.1722


@pytest.mark.parametrize(("kib", "counted"), [(1, 1), (512, 1), (513, 2), (1024, 2)])
def test_an_http_api_counts_a_request_for_each_512_kb(kib: float, counted: int) -> None:
    """AWS: https://aws.amazon.com/api-gateway/pricing/, "HTTP APIs are metered in 512 KB increments"."""
    api = stack(Api=("AWS::ApiGatewayV2::Api", {}), Stage=("AWS::ApiGatewayV2::Stage", {}))
    assert of(api, Usage(predictions=3_000_000, image_kib=kib)) == {"HTTP API": pytest.approx(3.00 * counted)}


def test_a_region_without_a_price_for_http_apis_says_so() -> None:
    found = estimate({"a-b-c": stack(Stage=("AWS::ApiGatewayV2::Stage", {}))}, USAGE, "eu-west-1")
    assert "no price of apigateway http_request" in found.unpriced[0]


def test_a_function_that_a_schedule_calls_costs_those_calls() -> None:
    template = stack(
        Handler=("AWS::Lambda::Function", {"MemorySize": 1024}),
        Sweep=(
            "AWS::Events::Rule",
            {"ScheduleExpression": "rate(1 hour)", "Targets": [{"Arn": {"Fn::GetAtt": ["Handler", "Arn"]}}]},
        ),
    )
    assert of(template) == {"scheduled calls": pytest.approx(730 * (0.0000002 + 0.3 * 0.0000166667))}


def test_what_is_watched_and_kept() -> None:
    def policy(metric: str) -> tuple[str, dict[str, Any]]:
        tracking = {"PredefinedMetricSpecification": {"PredefinedMetricType": metric}}
        return "AWS::ApplicationAutoScaling::ScalingPolicy", {"TargetTrackingScalingPolicyConfiguration": tracking}

    costs = of(
        stack(
            One=("AWS::CloudWatch::Alarm", {"Period": 60}),
            Two=("AWS::CloudWatch::Alarm", {"Period": 60}),
            Fast=("AWS::CloudWatch::Alarm", {"Period": 10}),
            Slow=policy("LambdaProvisionedConcurrencyUtilization"),
            Quick=policy("SageMakerVariantConcurrentRequestsPerModelHighResolution"),
            Dashboard=("AWS::CloudWatch::Dashboard", {}),
            Key=("AWS::KMS::Key", {"EnableKeyRotation": True}),
            Bucket=("AWS::S3::Bucket", {"LoggingConfiguration": {}}),
            Accesses=("AWS::S3::Bucket", {}),
        ),
        Usage(stored_gib=100),
    )
    assert costs == {
        "alarms": pytest.approx(0.10 + 0.10 + 0.30),
        "alarms of auto-scaling": pytest.approx(2 * 0.10 + 2 * 0.30),
        "dashboard": 3.0,
        "key": 1.0,
        "bucket": pytest.approx(2.30),
    }


HOST = stack(
    Host=(
        "AWS::EC2::Instance",
        {"InstanceType": "t2.micro", "Monitoring": True, "BlockDeviceMappings": [{"Ebs": {"VolumeSize": 73}}]},
    )
)


def test_a_training_host_costs_the_hours_of_its_runs_and_so_do_its_address_its_disk_and_its_metrics() -> None:
    disk = 73 * 0.08 / 730  # 0.008 an hour
    assert of(HOST, Usage(host_hours=10, trainings=4)) == {
        "training host": pytest.approx(4 * 10 * (0.0116 + 0.005 + disk + 2.10 / 730))
    }


def test_a_training_run_is_both_the_job_and_the_host_where_there_is_one() -> None:
    usage = Usage(training_minutes=30, host_hours=10)
    assert estimate({"a-b-model": training(JOB), "a-b-ec2": HOST}, usage).training == pytest.approx(
        0.488 + 10 * (0.0116 + 0.005 + 0.008 + 2.10 / 730)
    )


def test_a_notebook_costs_the_hours_it_runs_and_its_disk_all_month() -> None:
    costs = of(
        stack(
            Notebook=("AWS::SageMaker::NotebookInstance", {"InstanceType": "ml.t3.medium", "VolumeSizeInGB": 10}),
            Messages=("AWS::EC2::VPCEndpoint", {"VpcEndpointType": "Interface", "SubnetIds": ["a", "b"]}),
            Objects=("AWS::EC2::VPCEndpoint", {"VpcEndpointType": "Gateway"}),
        ),
        Usage(notebook_hours=40),
    )
    assert costs == {
        "notebook": pytest.approx(40 * 0.05 + 10 * 0.14),
        "VPC endpoints": pytest.approx(2 * 730 * 0.01),
    }


def test_what_a_prediction_costs_with_its_share_of_the_rest_and_without_it() -> None:
    both = estimate({"a-b-serving": endpoint(), "a-b-model": training(JOB)}, USAGE)
    assert both.month == pytest.approx(167.90 + 15.625 + 1.952)
    assert both.training == pytest.approx(0.488)
    assert both.thousand == pytest.approx((167.90 + 15.625) / 1000)  # of a million
    assert both.thousand_more == pytest.approx(0.015625)


def test_resource_types_that_nobody_has_looked_at_are_named_at_once_with_what_to_do() -> None:
    with pytest.raises(InputError) as raised:
        estimate({"a-b-c": stack(Queue=("AWS::SQS::Queue", {}), Table=("AWS::DynamoDB::Table", {}))}, USAGE)
    queue, _ = raised.value.problems
    assert (
        queue
        == "no price for the resource type AWS::SQS::Queue (Queue): add it to METERS or FREE in tools/cost/meters.py"
    )


def test_what_has_no_price_is_named_with_what_to_do_and_the_rest_is_counted() -> None:
    template = stack(
        Notebook=("AWS::SageMaker::NotebookInstance", {"InstanceType": "ml.x9.huge"}),
        Host=("AWS::EC2::Instance", {"InstanceType": "x9.tiny"}),
        Key=("AWS::KMS::Key", {}),
    )
    found = estimate({"a-b-c": template}, USAGE)
    notebook, host = found.unpriced
    assert notebook.startswith("c, NotebookInstance: no price of an hour of ml.x9.huge in aws/prices.yaml: add ")
    assert "under us-east-1.sagemaker.instance_hour, from https://aws.amazon.com/sagemaker" in notebook
    assert host.startswith("c, Instance: no price of an hour of x9.tiny") and "us-east-1.ec2.instance_hour" in host
    assert found.month == 1.0


def test_each_region_has_its_own_prices() -> None:
    months = {region: estimate({"a-b-c": endpoint()}, USAGE, region).month for region in ("us-east-1", "eu-west-1")}
    assert months == {
        "us-east-1": pytest.approx(2 * 730 * 0.115 + 1_000_000 / 1024 * 0.016),
        "eu-west-1": pytest.approx(2 * 730 * 0.128 + 1_000_000 / 1024 * 0.016),
    }


def test_the_tables_of_the_other_regions_price_the_app_s_endpoint(templates: dict[str, Template]) -> None:
    serving = {"slipway-dev-serving": templates["serving"].to_json()}
    for region, hour in (
        ("us-west-2", 0.115),
        ("eu-central-1", 0.138),
        ("eu-west-1", 0.128),
        ("ap-northeast-1", 0.149),
    ):
        costs = {item.what: item.monthly(Usage()) for item in estimate(serving, Usage(), region).items}
        assert costs["endpoint instances"] == pytest.approx(730 * hour)


def test_a_region_without_prices_is_told_with_those_that_there_are() -> None:
    with pytest.raises(UnknownPrice, match=r"^no prices for eu-north-1 in aws/prices.yaml, which has us-east-1, "):
        estimate({"a-b-c": endpoint()}, USAGE, "eu-north-1")


@pytest.fixture(scope="module")
def app(templates: dict[str, Template]) -> Estimate:
    return _estimate(templates)


def _estimate(templates: dict[str, Template], region: str = DEFAULT_REGION) -> Estimate:
    app = {f"slipway-dev-{name}": template.to_json() for name, template in templates.items()}
    return estimate(app, Usage(), region)


@pytest.mark.parametrize("region", [DEFAULT_REGION, "eu-west-1"])
def test_two_regions_have_a_price_of_all_that_the_defaults_take(templates: dict[str, Template], region: str) -> None:
    assert _estimate(templates, region).unpriced == ()


def test_the_app_itself_costs_what_the_readme_says(app: Estimate) -> None:
    costs = {item.what: item.monthly(app.usage) for item in app.items}
    assert costs["endpoint instances"] == pytest.approx(83.95)
    assert costs["functions kept warm"] == pytest.approx(2.74, abs=0.005)
    assert costs["dashboard"] == 3.0
    assert costs["endpoint image"] == pytest.approx(0.015)
    assert app.training == pytest.approx(0.118, abs=0.001)


def test_an_ec2_training_adds_to_a_training_run_and_nothing_that_stays(app: Estimate, synthesize: Synthesize) -> None:
    changed = _estimate(synthesize(**ON_EC2))
    assert changed.training > app.training
    alarm = 0.10  # of a training that failed
    assert changed.month - app.month == pytest.approx(
        (changed.training - app.training) * changed.usage.trainings + alarm
    )


def test_a_private_network_costs_two_endpoints_in_two_zones(app: Estimate, private: dict[str, Template]) -> None:
    assert _estimate(private).month - app.month == pytest.approx(2 * 2 * 730 * 0.01)


def test_a_setting_costs_what_it_brings(app: Estimate, synthesize: Synthesize) -> None:
    changed = _estimate(synthesize(endpoint_min_instances=2, lambda_provisioned_concurrency=0))
    assert changed.month - app.month == pytest.approx(
        730 * 0.115  # an instance
        - 0.25 * 730 * 3600 * 0.0000041667  # none warm
        - 2 * 0.10  # nor the alarms that scale them
        + 100_000 * 0.25 * 0.15 * (0.0000166667 - 0.0000097222)  # so that calls cost more
    )

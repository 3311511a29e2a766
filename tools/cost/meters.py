"""Cost of each CloudFormation resource type. A type is in METERS or in FREE; one that is in neither is an error."""

import math
from collections.abc import Callable, Iterator

from aws.prices import HOURS
from aws.schedule import Schedule
from settings.names import CAPTURE_DAYS
from tools.cost.item import Item
from tools.cost.resource import Resource, json_in

_SWEEP_SECONDS = 0.3  # duration of a scheduled call that finds nothing to do
_GIB = 2**20  # KiB
_METERED_KIB = 512  # "HTTP APIs are metered in 512 KB increments", https://aws.amazon.com/api-gateway/pricing/


def _endpoint(found: Resource) -> Iterator[Item]:
    """Endpoint at its minimum of instances; `make capacity` estimates the instances that load adds."""
    usage = found.usage
    config = found.referred(found.properties["EndpointConfigName"]) or {}
    for variant in config.get("ProductionVariants", []):
        count, type_ = int(variant["InitialInstanceCount"]), variant["InstanceType"]
        dollars = found.instance_hour(type_)
        yield Item(
            "endpoint instances", f"{count} × {type_} × {HOURS} h × {dollars:g} $", month=count * HOURS * dollars
        )
    each = found.price("sagemaker", "processed_gb")
    yield Item(
        "endpoint data",
        f"{usage.image_kib:g} KiB a prediction × {each:g} $/GB",
        prediction=usage.image_kib / _GIB * each,
    )
    capture = config.get("DataCaptureConfig", {})
    if capture.get("EnableCapture"):
        share, kept = int(capture["InitialSamplingPercentage"]), found.price("s3", "gb_month")
        # Captured as base64, 4/3 of the size. What a month adds is there for CAPTURE_DAYS.
        yield Item(
            "captured calls",
            f"{share} % of the images × 4/3 × {kept:g} $/GB",
            prediction=share / 100 * usage.image_kib * 4 / 3 / _GIB * kept * CAPTURE_DAYS / 30,
        )


def _image(found: Resource) -> Iterator[Item]:
    """The endpoint's image in the registry, whoever pushed it."""
    stored, each = found.usage.container_gb, found.price("ecr", "gb_month")
    kept = "each earlier one that is kept adds as much"
    yield Item("endpoint image", f"{stored:g} GB × {each:g} $; {kept}", month=stored * each)


def _training(found: Resource) -> Iterator[Item]:
    """Training job, or all jobs of a tuning. Spot counts at the on-demand price, since its own changes by the hour."""
    request = json_in(found.properties["Request"])
    jobs, kind = 1, "training"
    if "HyperParameterTuningJobConfig" in request:
        jobs = int(request["HyperParameterTuningJobConfig"]["ResourceLimits"]["MaxNumberOfTrainingJobs"])
        request, kind = request["TrainingJobDefinition"], "tuning"
    wanted = request["ResourceConfig"]
    count, type_, hours = int(wanted["InstanceCount"]), wanted["InstanceType"], found.usage.training_minutes / 60
    volume = int(wanted["VolumeSizeInGB"]) * found.price("sagemaker", "storage_gb_month") / HOURS
    dollars = found.instance_hour(type_)
    spot = ", spot: less" if request.get("EnableManagedSpotTraining") else ""
    yield Item(
        "training",
        (f"{jobs} jobs × " if kind == "tuning" else "")
        + f"{count} × {type_} × {hours:g} h × ({dollars:g} $ + {volume:.4f} $ for the disk){spot}",
        training=jobs * count * hours * (dollars + volume),
    )


def _alias(found: Resource) -> Iterator[Item]:
    """Invocations of a Lambda function through this alias, and its provisioned concurrency."""
    function = found.referred(found.properties["FunctionName"]) or {}
    gb, seconds = int(function.get("MemorySize", 128)) / 1024, found.usage.call_ms / 1000
    warm = int(found.properties.get("ProvisionedConcurrencyConfig", {}).get("ProvisionedConcurrentExecutions", 0))
    name = "provisioned_run_gb_second" if warm else "gb_second"
    run, request = found.price("lambda", name), found.price("lambda", "request")
    yield Item(
        "function calls",
        f"{request * 1e6:g} $ a million + {gb:g} GB × {seconds:g} s × {run * 1e6:g} $ a million",
        prediction=request + gb * seconds * run,
    )
    if warm:
        kept = found.price("lambda", "provisioned_gb_second")
        yield Item(
            "functions kept warm",
            f"{warm} × {gb:g} GB × {HOURS} h × {kept * 3600:.3f} $",
            month=warm * gb * HOURS * 3600 * kept,
        )


def _api(found: Resource) -> Iterator[Item]:
    """Requests to an HTTP API, each counted once for every 512 KB that it has begun."""
    counted, each = max(1, math.ceil(found.usage.image_kib / _METERED_KIB)), found.price("apigateway", "http_request")
    times = f"{counted} × " if counted > 1 else ""
    yield Item("HTTP API", f"{times}{each * 1e6:g} $ a million", prediction=counted * each)


def _rule(found: Resource) -> Iterator[Item]:
    """Functions called by a schedule; EventBridge's schedules and AWS's own events are free."""
    expression = found.properties.get("ScheduleExpression", "")
    if not expression.startswith("rate("):
        return
    calls = HOURS * 3600 / Schedule.parse(expression).every
    for target in found.properties.get("Targets", []):
        if (function := found.referred(target["Arn"])) is not None and "MemorySize" in function:
            gb = int(function["MemorySize"]) / 1024
            each = found.price("lambda", "request") + gb * _SWEEP_SECONDS * found.price("lambda", "gb_second")
            yield Item("scheduled calls", f"{calls:.0f} × {gb:g} GB × {_SWEEP_SECONDS:g} s", month=calls * each)


def _log(found: Resource) -> Iterator[Item]:
    """Log groups that grow with each prediction; the others hold only a few lines."""
    if not (found.beside("AWS::Lambda::Alias") or found.beside("AWS::SageMaker::Endpoint")):
        return
    days = int(found.properties["RetentionInDays"])
    each = found.price("cloudwatch", "log_gb") + days / 30 * found.price("cloudwatch", "log_gb_month")
    yield Item(
        "log",
        f"{found.usage.log_kib:g} KiB a prediction × {each:g} $/GB, {days} days",
        prediction=found.usage.log_kib / _GIB * each,
    )


def _alarm(found: Resource) -> Iterator[Item]:
    each = found.price(
        "cloudwatch", "fast_alarm_month" if int(found.properties.get("Period", 60)) < 60 else "alarm_month"
    )
    yield Item("alarms", f"{each:g} $", month=each)


def _composite_alarm(found: Resource) -> Iterator[Item]:
    each = found.price("cloudwatch", "composite_alarm_month")
    yield Item("alarms", f"{each:g} $", month=each)


def _scaling(found: Resource) -> Iterator[Item]:
    """The two alarms that each target-tracking policy creates."""
    tracking = found.properties["TargetTrackingScalingPolicyConfiguration"]
    metric = tracking.get("PredefinedMetricSpecification", {}).get("PredefinedMetricType", "")
    each = found.price("cloudwatch", "fast_alarm_month" if metric.endswith("HighResolution") else "alarm_month")
    yield Item("alarms of auto-scaling", f"2 × {each:g} $", month=2 * each)


def _dashboard(found: Resource) -> Iterator[Item]:
    each = found.price("cloudwatch", "dashboard_month")
    yield Item("dashboard", f"{each:g} $", month=each)


def _key(found: Resource) -> Iterator[Item]:
    each = found.price("kms", "key_month")
    rotates = (
        ", plus as much for each of the first two yearly rotations" if found.properties.get("EnableKeyRotation") else ""
    )
    yield Item("key", f"{each:g} ${rotates}", month=each)


def _bucket(found: Resource) -> Iterator[Item]:
    """Bucket of images and models; the access-log bucket holds next to nothing."""
    if "LoggingConfiguration" in found.properties:
        each, stored = found.price("s3", "gb_month"), found.usage.stored_gib
        yield Item("bucket", f"{stored:g} GiB × {each:g} $", month=stored * each)


def _host(found: Resource) -> Iterator[Item]:
    """EC2 instance during a training run; it terminates itself, and with it address, monitoring and disks."""
    type_, hours = found.properties["InstanceType"], found.usage.host_hours
    disks = sum(
        int(disk.get("Ebs", {}).get("VolumeSize", 8)) for disk in found.properties.get("BlockDeviceMappings", [])
    )
    dollars, address = found.instance_hour(type_), found.price("ec2", "public_address_hour")
    monitored = bool(found.properties.get("Monitoring"))
    besides = (
        disks * found.price("ec2", "volume_gb_month") + monitored * found.price("cloudwatch", "instance_metrics_month")
    ) / HOURS
    yield Item(
        "training host",
        f"{type_} × {hours:g} h × ({dollars:g} $ + {address:g} $ for its address + {besides:.4f} $ for the rest)",
        training=hours * (dollars + address + besides),
    )


def _notebook(found: Resource) -> Iterator[Item]:
    type_, hours = found.properties["InstanceType"], found.usage.notebook_hours
    dollars, volume = found.instance_hour(type_), int(found.properties.get("VolumeSizeInGB", 5))
    each = found.price("sagemaker", "storage_gb_month")
    yield Item(
        "notebook",
        f"{type_} × {hours:g} h × {dollars:g} $ + {volume} GB × {each:g} $",
        month=hours * dollars + volume * each,
    )


def _vpc_endpoint(found: Resource) -> Iterator[Item]:
    if found.properties.get("VpcEndpointType") == "Interface":
        zones, each = len(found.properties.get("SubnetIds", [])) or 1, found.price("ec2", "interface_endpoint_hour")
        yield Item("VPC endpoints", f"{zones} zones × {HOURS} h × {each:g} $", month=zones * HOURS * each)


METERS: dict[str, Callable[[Resource], Iterator[Item]]] = {
    "AWS::ApiGatewayV2::Stage": _api,
    "AWS::ApplicationAutoScaling::ScalingPolicy": _scaling,
    "AWS::CloudWatch::Alarm": _alarm,
    "AWS::CloudWatch::CompositeAlarm": _composite_alarm,
    "AWS::CloudWatch::Dashboard": _dashboard,
    "AWS::EC2::Instance": _host,
    "AWS::EC2::VPCEndpoint": _vpc_endpoint,
    "AWS::Events::Rule": _rule,
    "AWS::KMS::Key": _key,
    "AWS::Lambda::Alias": _alias,
    "AWS::Logs::LogGroup": _log,
    "AWS::S3::Bucket": _bucket,
    "AWS::SageMaker::Endpoint": _endpoint,
    "AWS::SageMaker::Model": _image,
    "AWS::SageMaker::NotebookInstance": _notebook,
    "Custom::TrainedModel": _training,
}

# Types that are free, or whose use is billed elsewhere. A topic's first 1,000 e-mails a month are free.
FREE = {
    "AWS::ApiGatewayV2::Api",
    "AWS::ApiGatewayV2::Authorizer",
    "AWS::ApiGatewayV2::Integration",
    "AWS::ApiGatewayV2::Route",
    "AWS::ApplicationAutoScaling::ScalableTarget",
    "AWS::Budgets::Budget",
    "AWS::CDK::Metadata",
    "AWS::CloudFormation::WaitCondition",
    "AWS::CloudFormation::WaitConditionHandle",
    "AWS::EC2::InternetGateway",
    "AWS::EC2::LaunchTemplate",
    "AWS::EC2::Route",
    "AWS::EC2::RouteTable",
    "AWS::EC2::SecurityGroup",
    "AWS::EC2::SecurityGroupEgress",
    "AWS::EC2::SecurityGroupIngress",
    "AWS::EC2::Subnet",
    "AWS::EC2::SubnetRouteTableAssociation",
    "AWS::EC2::VPC",
    "AWS::EC2::VPCGatewayAttachment",
    "AWS::IAM::InstanceProfile",
    "AWS::IAM::Role",
    "AWS::KMS::Alias",
    "AWS::Lambda::Function",
    "AWS::Lambda::Permission",
    "AWS::Lambda::Version",
    "AWS::S3::BucketPolicy",
    "AWS::SNS::Subscription",
    "AWS::SNS::Topic",
    "AWS::SNS::TopicPolicy",
    "AWS::SSM::Parameter",
    "AWS::SageMaker::EndpointConfig",
    "AWS::SageMaker::NotebookInstanceLifecycleConfig",
    "Custom::ExistingEndpoint",
    "Custom::LiveEndpoint",
}

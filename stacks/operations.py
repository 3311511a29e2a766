"""What people watch: a dashboard of endpoint and function, and alarms that tell who asked to hear of them."""

from collections.abc import Mapping
from dataclasses import dataclass

from aws_cdk import Aws, CfnOutput, Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from aws_cdk.aws_cloudwatch_actions import SnsAction
from constructs import Construct

from settings import Settings
from stacks import names

_MINUTE = Duration.minutes(1)
_MORE = cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD
_OR_MORE = cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD


@dataclass(frozen=True, kw_only=True)
class _Alarm:
    """`minutes` in a row over the limit ring it."""

    name: str
    metric: cloudwatch.Metric
    threshold: float
    minutes: int
    what: str
    operator: cloudwatch.ComparisonOperator = _MORE


class _Metrics:
    """Metrics of one resource, which `dimensions` name; a minute a point."""

    def __init__(self, namespace: str, dimensions: Mapping[str, str]) -> None:
        self._namespace, self._dimensions = namespace, dict(dimensions)

    def __call__(self, name: str, statistic: str, label: str | None = None) -> cloudwatch.Metric:
        return cloudwatch.Metric(
            namespace=self._namespace,
            metric_name=name,
            dimensions_map=self._dimensions,
            statistic=statistic,
            label=label,  # with one, an alarm would become metric math
            period=_MINUTE,
        )


class Operations(Stack):
    """`topic` hears of every alarm in `alarms`, by name; `dashboard` shows what they look at.

    Endpoint and function are known by name alone, so nothing of theirs waits for this stack or holds it up.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        settings: Settings,
        endpoint_name: str,
        function_name: str,
        alias: str,
        key: kms.IKey,
    ) -> None:
        super().__init__(scope, id)
        variant = {"EndpointName": endpoint_name, "VariantName": names.VARIANT}
        self._endpoint = _Metrics("AWS/SageMaker", variant)
        self._instances = _Metrics("/aws/sagemaker/Endpoints", variant)
        self._function = _Metrics("AWS/Lambda", {"FunctionName": function_name, "Resource": f"{function_name}:{alias}"})
        self.topic = self._topic(settings, key)
        self.alarms = {each.name: self._alarm(each, settings) for each in self._watched(settings)}
        self.dashboard = cloudwatch.Dashboard(
            self,
            "Dashboard",
            dashboard_name=settings.prefix,
            widgets=[
                [cloudwatch.AlarmStatusWidget(alarms=list(self.alarms.values()), title="Alarms", width=24, height=2)],
                *self._endpoint_graphs(settings),
                *self._function_graphs(),
            ],
        )
        CfnOutput(self, "AlarmTopic", value=self.topic.topic_arn)
        CfnOutput(self, "DashboardName", value=settings.prefix)

    def _topic(self, settings: Settings, key: kms.IKey) -> sns.Topic:
        """Under `key`, whose policy lets alarms use it; over TLS only, from this system's alarms, to `alarm_email`."""
        name = f"{settings.prefix}-alarms"
        topic = sns.Topic(self, "Alarms", topic_name=name, master_key=key, enforce_ssl=True)
        topic.add_to_resource_policy(
            iam.PolicyStatement(
                sid="Alarms",
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                actions=["sns:Publish"],
                resources=[topic.topic_arn],
                conditions={
                    "StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID},
                    "ArnLike": {
                        "aws:SourceArn": f"arn:{Aws.PARTITION}:cloudwatch:{Aws.REGION}:{Aws.ACCOUNT_ID}:alarm:"
                        f"{settings.prefix}-*"
                    },
                },
            )
        )
        if settings.alarm_email:
            topic.add_subscription(subscriptions.EmailSubscription(settings.alarm_email))
        return topic

    def _watched(self, settings: Settings) -> list[_Alarm]:
        endpoint, function = self._endpoint, self._function
        limit = settings.endpoint_rollback_p99_ms
        latency = _Alarm(
            name="endpoint-latency",
            metric=endpoint("ModelLatency", "p99"),
            threshold=limit * 1000,  # the metric is in microseconds
            minutes=5,
            what=f"p99 of the endpoint's model over {limit} ms for 5 minutes",
        )
        return [
            _Alarm(
                name="endpoint-errors",
                metric=endpoint("Invocation5XXErrors", "Average"),
                threshold=settings.endpoint_rollback_error_percent / 100,
                minutes=3,
                what=f"over {settings.endpoint_rollback_error_percent:g} % of calls to the endpoint fail for 3 minutes",
            ),
            *([latency] if limit else []),
            _Alarm(
                name="endpoint-full",
                metric=self._instance_count(),
                threshold=settings.endpoint_max_instances,
                minutes=15,
                operator=_OR_MORE,
                what="as many instances as allowed for 15 minutes: raise endpoint_max_instances, or see who calls",
            ),
            _Alarm(
                name="classify-errors",
                metric=function("Errors", "Sum"),
                threshold=0,
                minutes=3,
                what="the function itself failed in each of 3 minutes: see its log",
            ),
            _Alarm(
                name="classify-throttles",
                metric=function("Throttles", "Sum"),
                threshold=0,
                minutes=3,
                what="callers were turned away in each of 3 minutes: raise lambda_reserved_concurrency",
            ),
        ]

    def _alarm(self, watched: _Alarm, settings: Settings) -> cloudwatch.Alarm:
        alarm = cloudwatch.Alarm(
            self,
            "".join(word.capitalize() for word in watched.name.split("-")),
            alarm_name=f"{settings.prefix}-{watched.name}",
            alarm_description=watched.what,
            metric=watched.metric,
            threshold=watched.threshold,
            evaluation_periods=watched.minutes,
            comparison_operator=watched.operator,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,  # nobody called
        )
        alarm.add_alarm_action(SnsAction(self.topic))
        alarm.add_ok_action(SnsAction(self.topic))
        return alarm

    def _instance_count(self) -> cloudwatch.Metric:
        """SageMaker has no metric of it, but each instance gives its CPU once a minute."""
        return self._instances("CPUUtilization", "SampleCount")

    def _endpoint_graphs(self, settings: Settings) -> list[list[cloudwatch.IWidget]]:
        endpoint, instances = self._endpoint, self._instances
        most = cloudwatch.HorizontalAnnotation(value=settings.endpoint_max_instances, label="at most")
        return [
            [
                _graph("Endpoint: calls a minute", endpoint("Invocations", "Sum")),
                _graph(
                    "Endpoint: failed calls a minute",
                    endpoint("Invocation4XXErrors", "Sum", "4XX, the callers' doing"),
                    endpoint("Invocation5XXErrors", "Sum", "5XX"),
                ),
                _graph(
                    "Endpoint: microseconds a call",
                    endpoint("ModelLatency", "p50", "model p50"),
                    endpoint("ModelLatency", "p99", "model p99"),
                    endpoint("OverheadLatency", "p99", "SageMaker's own p99"),
                ),
            ],
            [
                _graph("Endpoint: instances", self._instance_count(), limit=most),
                _graph(
                    "Endpoint: calls at a time",
                    endpoint("ConcurrentRequestsPerModel", "Maximum", "on all instances"),
                ),
                _graph(
                    "Endpoint: % of each instance (CPU: of one core)",
                    instances("CPUUtilization", "Average", "CPU"),
                    instances("MemoryUtilization", "Maximum", "memory"),
                ),
            ],
        ]

    def _function_graphs(self) -> list[list[cloudwatch.IWidget]]:
        function = self._function
        return [
            [
                _graph("Function: calls a minute", function("Invocations", "Sum")),
                _graph(
                    "Function: failed calls a minute",
                    function("Errors", "Sum", "errors"),
                    function("Throttles", "Sum", "turned away"),
                ),
                _graph("Function: ms a call", function("Duration", "p50", "p50"), function("Duration", "p99", "p99")),
            ],
            [
                _graph(
                    "Function: share of the provisioned instances in use",
                    function("ProvisionedConcurrencyUtilization", "Maximum", "at most"),
                ),
                _graph(
                    "Function: calls beyond the provisioned instances",
                    function("ProvisionedConcurrencySpilloverInvocations", "Sum", "calls"),
                ),
                _graph("Function: calls at a time", function("ConcurrentExecutions", "Maximum")),
            ],
        ]


def _graph(
    title: str, *metrics: cloudwatch.IMetric, limit: cloudwatch.HorizontalAnnotation | None = None
) -> cloudwatch.GraphWidget:
    return cloudwatch.GraphWidget(
        title=title,
        left=list(metrics),
        left_annotations=[limit] if limit else None,
        left_y_axis=cloudwatch.YAxisProps(min=0, show_units=False),
        width=8,
        height=6,
    )

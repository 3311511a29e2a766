"""Widgets of the dashboard: state of the alarms, then endpoint, function and training."""

from collections.abc import Sequence

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch

from aws.log_groups import TRAINING_JOBS, function_log_group
from settings import Settings, names
from stacks.metrics import SystemMetrics


def rows(
    settings: Settings, metrics: SystemMetrics, alarms: Sequence[cloudwatch.IAlarm]
) -> list[list[cloudwatch.IWidget]]:
    """The dashboard's widgets, row by row."""
    status = cloudwatch.AlarmStatusWidget(alarms=list(alarms), title="Alarms", width=24, height=3)
    endpoint = _endpoint(settings, metrics) if settings.endpoint == "on" else []
    return [[status], *endpoint, *_function(settings, metrics), *_training(settings, metrics)]


def _endpoint(settings: Settings, metrics: SystemMetrics) -> list[list[cloudwatch.IWidget]]:
    endpoint, instances = metrics.endpoint, metrics.instances
    maximum = cloudwatch.HorizontalAnnotation(value=settings.max_instances, label="at most")
    return [
        [
            _graph("Endpoint: calls a minute", endpoint("Invocations", "Sum")),
            _graph(
                "Endpoint: failed calls a minute",
                endpoint("Invocation4XXErrors", "Sum", "4XX: the image, or too many"),
                endpoint("Invocation5XXErrors", "Sum", "5XX"),
            ),
            _graph(
                "Endpoint: microseconds a call",
                endpoint("ModelLatency", "p50", "model p50"),
                endpoint("ModelLatency", "p99", "model p99"),
                endpoint("OverheadLatency", "Maximum", "SageMaker's own, at most"),
            ),
        ],
        [
            _graph("Endpoint: instances", metrics.instance_count(), limit=maximum),
            _graph(
                "Endpoint: calls at a time",
                endpoint("ConcurrentRequestsPerModel", "Maximum", "the busiest instance"),
            ),
            _graph(
                "Endpoint: % of each instance (CPU: of one core)",
                instances("CPUUtilization", "Average", "CPU"),
                instances("MemoryUtilization", "Maximum", "memory"),
            ),
        ],
    ]


def _function(settings: Settings, metrics: SystemMetrics) -> list[list[cloudwatch.IWidget]]:
    function, requests = metrics.classify, metrics.requests
    limit = settings.endpoint_rollback_error_percent / 100
    return [
        [
            _graph(
                "Function: share of the calls answered with a failure of ours",
                requests("Failures", "Average", "failures"),
                limit=cloudwatch.HorizontalAnnotation(value=limit, label="alarm"),
            ),
            _graph(
                "Function: calls a minute refused",
                metrics.overloaded("Requests", "Sum", "endpoint: too many"),
                function("Throttles", "Sum", "function: too many"),
            ),
            _graph(
                "Function: ms of a call spent outside",
                requests("EndpointMilliseconds", "p99", "endpoint p99"),
                requests("FetchMilliseconds", "p99", "fetching p99"),
            ),
        ],
        [
            _graph("Function: calls a minute", function("Invocations", "Sum")),
            _graph("Function: errors a minute", function("Errors", "Sum")),
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


def _training(settings: Settings, metrics: SystemMetrics) -> list[list[cloudwatch.IWidget]]:
    """Results of the last jobs. Every job has a name of its own, so a search expression finds their metrics."""
    return [
        [
            cloudwatch.LogQueryWidget(
                title="Training: jobs and models, the last first",
                log_group_names=[function_log_group(names.resource_name(settings.prefix, "trained-model"))],
                query_lines=[
                    "fields @timestamp, message, job, digest, reason",
                    'filter message in ["job started", "model is there", "model is there already", "no model"]',
                    "sort @timestamp desc",
                    "limit 20",
                ],
                width=16,
                height=6,
            ),
            _graph(
                "Training: jobs failed or stopped",
                metrics.failed_training("TriggeredRules", "Sum", "failed or stopped", minutes=5),
                *(
                    [metrics.failed_ec2_training("TriggeredRules", "Sum", "on EC2, failed", minutes=5)]
                    if settings.ec2_training
                    else []
                ),
            ),
        ],
        [
            _graph(
                "Training: accuracy",
                *_of_jobs(
                    settings,
                    "validation:accuracy",
                    "test:accuracy",
                    "test:balanced_accuracy",
                    "test:lowest_class_accuracy",
                ),
            ),
            _graph("Training: loss", *_of_jobs(settings, "train:loss", "validation:loss")),
            _graph("Training: images a second", *_of_jobs(settings, "train:images_per_second")),
        ],
    ]


def _of_jobs(settings: Settings, *metric_names: str) -> list[cloudwatch.IMetric]:
    """Metrics of every job of this system: those whose names have the words of its prefix.

    Without quotes a term matches one word of a name; in double quotes it is the whole name: "CloudWatch search
    expression syntax", CloudWatch user guide.
    """
    jobs = f"TrainingJobName={settings.app} TrainingJobName={settings.stage}"
    return [
        cloudwatch.SearchExpression(
            expression=f"SEARCH('{{{TRAINING_JOBS},TrainingJobName}} MetricName=\"{metric}\" {jobs}', 'Average', 60)",
            label="",
            period=Duration.minutes(1),
        )
        for metric in metric_names
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

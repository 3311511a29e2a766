"""Rows about scaling, of the endpoint and of the function."""

from typing import Any

import boto3

from aws.log_groups import ENDPOINTS
from aws.service_linked_roles import NAMES
from aws.target_tracking import HIGH_RESOLUTION, TargetTracking
from settings.names import ALIAS, VARIANT
from tools.deploy.inventory import pages
from tools.prove.row import Answer, row
from tools.prove.system import ProvedSystem

_SECOND = 1.5  # "within a second or so"


def _shown(activity: dict[str, Any]) -> str:
    took = (activity["EndTime"] - activity["StartTime"]).total_seconds() if "EndTime" in activity else None
    return f"{activity['StatusCode']} in {took} s: {activity['Description']} {activity['Cause']}"


@row(
    question="Does the scaling policy's metric exist for this container?",
    expected="ConcurrentRequestsPerModel of the endpoint's variant",
    step="load",
)
def metric_of_the_policy(system: ProvedSystem) -> Answer:
    """List the metric, after calls."""
    wanted = [{"Name": "EndpointName", "Value": system.endpoint_name}]

    def found() -> list[Any]:
        name = {"Namespace": "AWS/SageMaker", "MetricName": "ConcurrentRequestsPerModel"}
        return list(pages("cloudwatch", "list_metrics", "Metrics", **name, Dimensions=wanted))

    metrics = system.until(found, minutes=10)
    return Answer("it does" if metrics else "no such metric", bool(metrics), "\n".join(map(str, metrics[:3])))


@row(
    question="Can Application Auto Scaling use a service-linked role in the seconds after it was made?",
    expected="either: `make deploy` makes the roles at its beginning, minutes before they are used",
    step="base",
    doubt="linked-role-late",
    why="person",
)
def linked_role_at_once(system: ProvedSystem) -> Answer:
    """In an account without the roles: `cdk deploy --all` instead of `make deploy`; read the serving stack's events."""
    roles = [boto3.client("iam").get_role(RoleName=name)["Role"] for name in NAMES.values()]
    made = [f"{role['RoleName']} was made {role['CreateDate']}" for role in roles]
    return Answer("read the events of a deploy without make deploy, in a new account", None, "\n".join(made))


@row(
    question="Which alarms does AWS create for the scaling policy, with which statistic, periods and thresholds?",
    expected="AlarmHigh: 10 s, 3 datapoints, the target; AlarmLow: 10 s, 90 datapoints, 0.9 of it; otherwise correct "
    "`aws/target_tracking.py`; Average, else the targets that `make load` prints are too low",
    step="load",
    doubt="scaling-statistic",
)
def alarms_of_the_policy(system: ProvedSystem) -> Answer:
    """Describe the alarms whose names begin with TargetTracking-endpoint/, and compare them with our table."""
    target = system.settings.endpoint_target_concurrency
    ours = TargetTracking(target=target, minimum=1, maximum=2, metric_period=HIGH_RESOLUTION)
    wanted = {
        kind: (rule.threshold, rule.period, rule.evaluation_periods)
        for kind, rule in (("AlarmHigh", ours.high), ("AlarmLow", ours.low))
    }
    start = f"TargetTracking-endpoint/{system.endpoint_name}/"
    found, statistics = {}, set()
    for alarm in pages("cloudwatch", "describe_alarms", "MetricAlarms", AlarmNamePrefix=start):
        kind = "AlarmHigh" if "AlarmHigh" in alarm["AlarmName"] else "AlarmLow"
        found[kind] = (alarm["Threshold"], alarm["Period"], alarm["EvaluationPeriods"])
        statistics.add(alarm.get("Statistic", "none"))
    as_ours = "the rest as in our table" if found == wanted else "the rest is another one"
    return Answer(f"{' and '.join(sorted(statistics))}: {as_ours}", found == wanted, f"{found}, ours: {wanted}")


@row(
    question="Does the endpoint scale out under load and in without load, and how long does it take?",
    expected="activities with AlarmHigh and then AlarmLow as their cause, Successful",
    step="load",
)
def endpoint_scales(system: ProvedSystem) -> Answer:
    """Call with 300 clients, wait, and describe the scaling activities."""
    found = system.scaling_activities("sagemaker", f"endpoint/{system.endpoint_name}/variant/{VARIANT}")
    caused = {
        kind: [each for each in found if kind in each["Cause"] and each["StatusCode"] == "Successful"]
        for kind in ("AlarmHigh", "AlarmLow")
    }
    facts = system.facts["load"]
    good = all(caused.values()) and facts["most"] > system.settings.endpoint_min_instances
    return Answer(
        f"to {facts['most']}, and back to {facts['instances_after']}", good, "\n".join(map(_shown, found[:4]))
    )


@row(
    question="How long does a new instance take, and how much of it is the image?",
    expected="a pull of seconds, where AWS's image of 4.5 GB took minutes; give the whole to "
    '`make capacity ARGS="--start-seconds …"`',
    step="load",
    why="account only",
)
def seconds_of_a_new_instance(system: ProvedSystem) -> Answer:
    """Read the times of the activity that scaled out."""
    found = system.scaling_activities("sagemaker", f"endpoint/{system.endpoint_name}/variant/{VARIANT}")
    out = [each for each in found if "AlarmHigh" in each["Cause"] and "EndTime" in each]
    if not out:
        return Answer("it did not scale out", False, "\n".join(map(_shown, found[:4])))
    seconds = (out[-1]["EndTime"] - out[-1]["StartTime"]).total_seconds()
    return Answer(f"{seconds:.0f} s", seconds < 600, _shown(out[-1]))


@row(
    question="Is the CPU metric's number of samples the number of instances?",
    expected="the number of instances in each minute",
    step="load",
    why="account only",
)
def samples_of_the_cpu_metric(system: ProvedSystem) -> Answer:
    """Read CPUUtilization's SampleCount of the minutes of the load."""
    place = {"EndpointName": system.endpoint_name, "VariantName": VARIANT}
    facts = system.facts["load"]

    def most() -> float:
        return system.metric(ENDPOINTS, "CPUUtilization", facts["began"], place, "SampleCount")

    found = system.until(most, minutes=10, local_seconds=10)
    return Answer(f"{found:g} at most", found == facts["most"], f"{found:g} samples, {facts['most']} instances at most")


@row(
    question="Does overload return 429 within a second or so?",
    expected=f"429 within {_SECOND} s for what would wait longer, the rest answered, no 504",
    step="load",
    why="account only",
)
def overload_is_refused_soon(system: ProvedSystem) -> Answer:
    """Call the endpoint with 300 clients; read statuses and latencies."""
    facts = system.facts["load"]
    others = {reason: count for reason, count in facts["errors"].items() if "429" not in reason}
    soon = facts["refused_p50"] is not None and facts["refused_p50"] <= _SECOND
    refused = "none" if facts["refused_p50"] is None else f"half within {facts['refused_p50']:.2f} s"
    evidence = (
        f"{facts['calls']} calls in {facts['seconds']:g} s, {facts['served']:.0f} answered a second; failed: "
        f"{facts['errors']}; refused: {refused}, all within {facts['refused_max']} s"
    )
    return Answer(f"refused: {refused}", soon and not others, evidence)


@row(
    question="Does provisioned concurrency follow the load, with the service-linked role that AWS creates?",
    expected="Successful activities, and AWS's role",
    step="load",
)
def provisioned_concurrency_follows(system: ProvedSystem) -> Answer:
    """Call the function without a pause; describe its scaling activities, and the role of its target."""
    place = f"function:{system.outputs('serving')['FunctionName']}:{ALIAS}"

    def good() -> list[str]:
        found = system.scaling_activities("lambda", place)
        return [_shown(each) for each in found if each["StatusCode"] == "Successful"]

    shown = system.until(good, minutes=15)
    [target] = boto3.client("application-autoscaling").describe_scalable_targets(
        ServiceNamespace="lambda", ResourceIds=[place]
    )["ScalableTargets"]
    ours = target["RoleARN"].endswith(f"/{NAMES['lambda']}")
    return Answer(f"{len(shown)} activities", bool(shown) and ours, "\n".join([target["RoleARN"], *shown[:3]]))

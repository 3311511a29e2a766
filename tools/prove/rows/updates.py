"""Rows about updates of the endpoint."""

import boto3
from botocore.exceptions import ClientError

from settings.names import CAPTURE, VARIANT
from tools.deploy.inventory import pages
from tools.prove.row import Answer, row
from tools.prove.steps.updates import BAKING
from tools.prove.system import ProvedSystem

_BY_CONFIG = ("Invocation5XXErrors", "InvocationModelErrors", "ModelLatency")


@row(
    question="Does a canary get its share of the calls?",
    expected="an instance of the new configuration takes calls while it bakes, then all; no call fails",
    step="tuned",
)
def canary_takes_its_share(system: ProvedSystem) -> Answer:
    """Deploy a new model under a client that calls; describe the endpoint meanwhile, and count by configuration."""
    facts = system.facts["tuned"]
    if facts["failure"]:
        return Answer("the deploy failed", False, facts["failure"])
    baked = [state for state in facts["seen"] if BAKING in state["stage"]]
    place = {"EndpointName": facts["endpoint"], "VariantName": VARIANT}
    calls = {
        config: system.metric("AWS/SageMaker", "Invocations", facts["began"], {**place, "EndpointConfigName": config})
        for config in (facts["before"], facts["after"])
    }
    good = bool(baked) and facts["before"] != facts["after"] and not facts["errors"] and all(calls.values())
    evidence = "\n".join([*map(str, baked[:2]), f"calls by configuration: {calls}", *facts["errors"][:3]])
    return Answer(f"{len(baked)} looks found it baking, {len(facts['errors'])} calls failed", good, evidence)


@row(
    question="Are errors and latency published with the dimension `EndpointConfigName`, as the guide says?",
    expected=f"{', '.join(_BY_CONFIG)} of the new configuration",
    step="tuned",
)
def metrics_by_configuration(system: ProvedSystem) -> Answer:
    """List the metrics of the configuration that is live."""
    wanted = [{"Name": "EndpointConfigName", "Value": system.facts["tuned"]["after"]}]

    def names() -> set[str]:
        found = pages("cloudwatch", "list_metrics", "Metrics", Namespace="AWS/SageMaker", Dimensions=wanted)
        return {metric["MetricName"] for metric in found}

    system.until(lambda: names() >= set(_BY_CONFIG), minutes=15, local_seconds=20)
    found = names()
    missing = [name for name in _BY_CONFIG if name not in found]
    return Answer(f"missing: {', '.join(missing)}" if missing else "all three", not missing, ", ".join(sorted(found)))


@row(
    question="Does an alarm roll a deployment back, and what does CloudFormation say of it?",
    expected="the old configuration serves, and the deploy fails, by SageMaker's word or by our check of what is live",
    step="rollback",
    doubt="rollback-succeeds",
)
def rollback_by_alarm(system: ProvedSystem) -> Answer:
    """Set an alarm of the new configuration to ALARM while it bakes; read the endpoint and the stack's events."""
    facts = system.facts["rollback"]
    events = system.events("serving", since=facts["began"])
    of_endpoint = [event for event in events if "AWS::SageMaker::Endpoint UPDATE_" in event]
    succeeded = any("UPDATE_COMPLETE" in event for event in reversed(of_endpoint[-2:]))
    good = bool(facts["rung"]) and bool(facts["failure"]) and facts["before"] == facts["after"]
    word = "the update is complete" if succeeded else "the update failed"
    if not facts["rung"]:
        word = "no alarm was set: it did not bake"
    return Answer(word, good, "\n".join([facts["rung"].get("alarm", ""), *of_endpoint[-2:], facts["failure"]]))


@row(
    question="What does SageMaker do with a canary on a single instance?",
    expected="a ValidationException; if SageMaker accepts it, `auto` can use a canary there too",
    step="end",
)
def canary_of_one(system: ProvedSystem) -> Answer:
    """Call UpdateEndpoint with a canary of 10 % and a copy of the configuration that has one instance."""
    client, endpoint, config = boto3.client("sagemaker"), system.endpoint(), system.endpoint_config()
    variant = {name: config["ProductionVariants"][0][name] for name in ("VariantName", "ModelName", "InstanceType")}
    name = f"{system.prefix}-canary-of-one"
    key = {"KmsKeyId": config["KmsKeyId"]} if "KmsKeyId" in config else {}
    one = [{**variant, "InitialInstanceCount": 1, "InitialVariantWeight": 1}]
    client.create_endpoint_config(EndpointConfigName=name, ProductionVariants=one, **key, Tags=system.tags)
    ten = {"Type": "CAPACITY_PERCENT", "Value": 10}
    routing = {"Type": "CANARY", "WaitIntervalInSeconds": 180, "CanarySize": ten}
    policy = {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": routing}}
    try:
        client.update_endpoint(EndpointName=endpoint["EndpointName"], EndpointConfigName=name, DeploymentConfig=policy)
    except ClientError as error:
        client.delete_endpoint_config(EndpointConfigName=name)
        code = error.response["Error"]["Code"]
        return Answer(f"refused: {code}", code == "ValidationException", str(error))
    client.get_waiter("endpoint_in_service").wait(EndpointName=endpoint["EndpointName"])
    return Answer("accepted", False, str(system.endpoint().get("LastDeploymentConfig")))


@row(
    question="Is UpdateEndpoint taken with the configuration that the endpoint runs already?",
    expected="either: a deploy asks for a new configuration, and finishes a roll-back that SageMaker has done already",
    step="end",
    doubt="update-to-live-refused",
)
def update_to_what_is_live(system: ProvedSystem) -> Answer:
    """Call UpdateEndpoint with the configuration that it has."""
    client, endpoint = boto3.client("sagemaker"), system.endpoint()
    name, config = endpoint["EndpointName"], endpoint["EndpointConfigName"]
    try:
        client.update_endpoint(EndpointName=name, EndpointConfigName=config, RetainAllVariantProperties=True)
    except ClientError as error:
        return Answer("no", True, str(error))
    system.until(lambda: system.endpoint()["EndpointStatus"] == "InService", minutes=20)
    return Answer("yes", system.endpoint()["EndpointStatus"] == "InService", f"{name} is updated to {config}")


@row(
    question="When the instance type changes, does the function switch endpoints before the old one is deleted?",
    expected="no failed call, and the alias names another version than before",
    step="type",
)
def another_type(system: ProvedSystem) -> Answer:
    """Deploy on another instance type under a client that calls; ask for the alias while the old endpoint is there."""
    facts = system.facts["type"]
    if facts["failure"]:
        return Answer("the deploy failed", False, facts["failure"])
    moved, versions = facts["endpoint_before"] != facts["endpoint_after"], facts["versions"]
    evidence = (
        f"{facts['endpoint_before']} before, {facts['endpoint_after']} after; while the old one was in service the "
        f"alias named the versions {', '.join(versions)}\n{facts['calls']} calls, {len(facts['errors'])} failed"
    )
    evidence += f"; now it names {facts['version_after']}"
    good = moved and facts["version_after"] not in versions[:1] and facts["calls"] > 0 and not facts["errors"]
    return Answer(f"{len(facts['errors'])} failed calls", good, "\n".join([evidence, *facts["errors"][:3]]))


@row(
    question="Do captured calls arrive?",
    expected="JSON lines below capture/",
    step="end",
)
def captured_calls(system: ProvedSystem) -> Answer:
    """Call the function, and list capture/ in the bucket: every call is captured."""
    system.classifier()(system.images.splits["test"].files[0])

    def keys() -> list[str]:
        found = pages("s3", "list_objects_v2", "Contents", Bucket=system.bucket, Prefix=f"{CAPTURE}/")
        return [item["Key"] for item in found]

    found = system.until(keys, minutes=15, local_seconds=30)
    if not found:
        return Answer("none", False, f"s3://{system.bucket}/{CAPTURE}/ is empty")
    body = boto3.client("s3").get_object(Bucket=system.bucket, Key=found[0])["Body"].read().decode()
    return Answer(f"{len(found)} files", "captureData" in body, f"{found[0]}\n{body[:300]}")

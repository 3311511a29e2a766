"""Rows about the function that callers use."""

import json
import re

import boto3

from aws.log_groups import function_log_group
from settings.names import ALIAS, REQUEST_METRICS
from tools.deploy.inventory import pages
from tools.prove.row import Answer, row
from tools.prove.system import ProvedSystem, log_lines

_ORIGINAL_MS, _SHARE = 308, 0.4  # the cold start of the system that this one replaces, and what ours may take of it


@row(
    question="Do SageMaker, and S3 with a key policy, accept the function's own request signing?",
    expected="statusCode 200 for an image, and for one in S3",
    step="base",
)
def own_signatures_are_accepted(system: ProvedSystem) -> Answer:
    """Call the function with an image, and with the address of one in the bucket."""
    image, classify = system.images.splits["test"].files[0], system.classifier()
    sent, in_s3 = classify(image), classify.from_s3(image, system.outputs("serving")["S3Images"])
    return Answer("both accepted", sent == in_s3, f"sent: {sent}\nin S3: {in_s3}")


@row(
    question="Does the function fetch an image from a public https address, and sign the call that follows?",
    expected="statusCode 200",
    step="base",
    why="account only",
)
def url_is_fetched(system: ProvedSystem) -> Answer:
    """Call the function with a presigned address of an image in the bucket, which any client could fetch."""
    image = system.images.splits["test"].files[0]
    key = f"{system.settings.s3_images}{image.name}"
    s3 = boto3.client("s3", region_name=system.region)
    s3.upload_file(str(image), system.bucket, key)
    url = s3.generate_presigned_url("get_object", Params={"Bucket": system.bucket, "Key": key}, ExpiresIn=600)
    answer = system.classifier().invoke({"url": url})
    return Answer("it does", bool(answer["predictions"]), json.dumps(answer)[:500])


@row(
    question="Does CloudWatch extract metrics from the function's log lines, with JSON logging on?",
    expected="`Requests` and the rest, for the function; `Requests` by `Code` too",
    step="again",
)
def metrics_from_log_lines(system: ProvedSystem) -> Answer:
    """Call the function, and list the metrics of the namespace."""
    system.classifier()(system.images.splits["test"].files[0])
    function = system.outputs("serving")["FunctionName"]

    def found() -> dict[str, set[str]]:
        named = pages("cloudwatch", "list_metrics", "Metrics", Namespace=REQUEST_METRICS)
        ours = [each for each in named if {"Name": "FunctionName", "Value": function} in each["Dimensions"]]
        return {
            "by function": {each["MetricName"] for each in ours if len(each["Dimensions"]) == 1},
            "by code": {each["MetricName"] for each in ours if len(each["Dimensions"]) == 2},
        }

    wanted = {"Requests", "Failures", "TotalMilliseconds"}
    system.until(lambda: wanted <= found()["by function"], minutes=10, local_seconds=20)
    names = found()
    good = wanted <= names["by function"] and names["by code"] == {"Requests"}
    return Answer("it does" if good else "some are missing", good, f"{names}")


@row(
    question="How long is a cold start, and are there cold starts within provisioned concurrency?",
    expected=f"under {_SHARE:.0%} of the original's {_ORIGINAL_MS} ms; none while there is room",
    step="load",
    why="account only",
)
def cold_starts(system: ProvedSystem) -> Answer:
    """Read initDurationMs in the function's log, and ProvisionedConcurrencySpilloverInvocations before the load."""
    lines = log_lines(function_log_group(f"{system.prefix}-classify"), phrase="initDurationMs")
    durations = [float(found[1]) for line in lines if (found := re.search(r'"initDurationMs":\s*([\d.]+)', line))]
    function, since = system.outputs("serving")["FunctionName"], system.facts["load"]["began"]
    dimensions = {"FunctionName": function, "Resource": f"{function}:{ALIAS}"}
    spilled = system.metric("AWS/Lambda", "ProvisionedConcurrencySpilloverInvocations", since, dimensions)
    if not durations:
        return Answer("no cold start was logged", None, f"spilled: {spilled:g}")
    middle = sorted(durations)[len(durations) // 2]
    evidence = f"initDurationMs: {durations[:20]}; calls beside the provisioned instances under load: {spilled:g}"
    return Answer(f"{middle:.0f} ms", middle < _SHARE * _ORIGINAL_MS, evidence)


@row(
    question="Is what the function cannot classify answered as docs/api.md says, by AWS's own runtime?",
    expected="415 UnsupportedImage for what is no image",
    step="base",
)
def bad_input_is_answered(system: ProvedSystem) -> Answer:
    """Call the function with the text `hello`."""
    answer = system.classifier().answer({"image": "aGVsbG8="})
    code = json.loads(answer["body"])["error"]["code"]
    return Answer(
        f"{answer['statusCode']} {code}", (answer["statusCode"], code) == (415, "UnsupportedImage"), str(answer)
    )

"""Rows about other ways in than the function: the HTTP API, a scoring, and an endpoint that is off."""

import http.client
import json
import os
import ssl
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest

from tools.prove.row import Answer, row
from tools.prove.system import ProvedSystem


@row(
    question="Does the HTTP API let in a signed call, with a binary body, and may it call the function?",
    expected="200 for a signed image, 403 without a signature",
    step="api",
)
def api_takes_signed_calls(system: ProvedSystem) -> Answer:
    """Post an image with a signature, and without one."""
    url, image = system.facts["api"]["url"], system.images.splits["test"].files[0].read_bytes()
    request = AWSRequest("POST", url, {"content-type": "image/png"}, image)
    credentials: Any = boto3.session.Session().get_credentials()
    SigV4Auth(credentials, "execute-api", system.region).add_auth(request)
    parts = urlsplit(url)
    # Not every resolver knows that the local AWS's names, below localhost, are this machine.
    server = urlsplit(os.environ["AWS_ENDPOINT_URL"]).netloc if system.local else parts.netloc
    trusted = ssl.create_default_context(cafile=os.environ.get("AWS_CA_BUNDLE"))
    found = []
    for headers in (dict(request.headers), {"content-type": "image/png"}):
        connection = http.client.HTTPSConnection(server, context=trusted, timeout=60)
        connection.request("POST", parts.path, image, {"Host": parts.netloc, **headers})
        response = connection.getresponse()
        found.append((response.status, response.read().decode()))
        connection.close()
    (status, body), (unsigned, refusal) = found
    good = status == 200 and bool(json.loads(body)["predictions"]) and unsigned == 403
    return Answer(f"{status}, and {unsigned} without a signature", good, f"{body}\n{refusal}")


@row(
    question="Is an endpoint that is switched off gone, and does the function say so?",
    expected="no endpoint of its name, and 503 EndpointOff",
    step="off",
)
def endpoint_is_off(system: ProvedSystem) -> Answer:
    """Deploy with `endpoint=off`; list endpoints, and call the function."""
    facts = system.facts["off"]
    answer = facts["answer"]
    code = json.loads(answer["body"]).get("error", {}).get("code")
    good = not facts["endpoints"] and (answer["statusCode"], code) == (503, "EndpointOff")
    return Answer(f"{answer['statusCode']} {code}", good, f"endpoints: {facts['endpoints']}\n{json.dumps(answer)}")


@row(
    question="Does a processing job run the serving image and the model, with its role, without a network?",
    expected="a result for each image, none of them an error",
    step="off",
)
def scoring_without_an_endpoint(system: ProvedSystem) -> Answer:
    """Score the test images in the bucket while the endpoint is off."""
    facts = system.facts["off"]
    good = facts["scored"] == facts["images"] > 0 and not facts["errors"]
    evidence = f"{facts['scored']} of {facts['images']} images; labels {facts['labels']}, errors {facts['errors']}"
    return Answer(f"{facts['scored']} results", good, evidence)


@row(
    question="Does an endpoint that is switched on again serve the model that it had, without a training?",
    expected="the same model, and no job",
    step="off",
)
def waking_trains_nothing(system: ProvedSystem) -> Answer:
    """Deploy with `endpoint=on` again, call the function, and list the training jobs."""
    facts = system.facts["off"]
    good = facts["same_model"] and not facts["jobs"]
    return Answer("nothing was trained" if good else "it changed", good, f"jobs {facts['jobs']}; {facts['awake']}")

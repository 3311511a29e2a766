"""Each role of the system is denied what it must not do and allowed what it needs, with its own credentials.

The roles are those of the synthesized stack of roles, deployed. Only their trust policies are changed, so that the
test can assume them.
"""

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local_aws.calls import Call, read
from local_aws.home import DEFAULT_REGION, Home
from tests.defaults import DEFAULTS
from tests.local_aws.conftest import Client, assume, wait_for_stack
from tests.local_aws.iam.attempts import (
    BUCKET,
    ISOLATED,
    SCORING_LOG,
    TRAINING_LOG,
    Attempt,
    another_role_for_the_instance,
    another_start_script,
    assume_another,
    call_the_classifier,
    change_an_endpoint,
    create_role,
    decrypt_outside_s3,
    delete,
    delete_a_model,
    delete_a_stack,
    delete_an_endpoint,
    disable_a_rule,
    function_with_role,
    get,
    grant_key_to_a_user,
    invoke,
    job,
    job_on_a_foreign_key,
    list_,
    list_everything,
    metric_in_a_foreign_namespace,
    model,
    open_stream,
    put,
    read_a_parameter,
    read_log,
    role_arn,
    role_name,
    stop_a_foreign_job,
    tag_a_job,
    trial,
    tuning,
    use_key_outside_s3,
    widen_own_policy,
)
from tests.stacks.conftest import synthesize_to

DATASET = DEFAULTS["dataset"]
ROLES = ("training", "hosting", "scoring", "trained-model", "classify", "notebook", "notebook-trial")
LIVE_JOB = "slipway-dev-0123456789ab-1"
ENDPOINT_LOG = "/aws/sagemaker/Endpoints/slipway-dev-abcd"


@pytest.fixture(scope="module")
def acting(client: Client, home: Home, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Client]:
    """Clients by role, in an account with the stacks of storage and roles and further resources to be denied."""
    client("ssm").put_parameter(Name="/cdk-bootstrap/hnb659fds/version", Value="30", Type="String", Overwrite=True)
    templates = synthesize_to(Path(tmp_path_factory.mktemp("cdk.out")), notebook=True)
    for name in ("storage", "roles"):
        body = json.dumps(templates[name].to_json())
        client("cloudformation").create_stack(
            StackName=f"slipway-dev-{name}", TemplateBody=body, Capabilities=["CAPABILITY_NAMED_IAM"]
        )
        assert wait_for_stack(client, f"slipway-dev-{name}") == "CREATE_COMPLETE"
    for key in (f"data/{DATASET}/a.jpg", "data/other/a.jpg", "jobs/j/output/model.tar.gz", "models/m/model.tar.gz",
                "images/a.jpg", "scores/s/input/a.jpg", "scores/s/results/a.jsonl", "capture/a.jsonl",
                f"jobs/{LIVE_JOB}/output/model.tar.gz", "jobs/slipway-dev-nb-1/output/model.tar.gz"):  # fmt: skip
        client("s3").put_object(Bucket=BUCKET, Key=key, Body=b"1")
    for group in (TRAINING_LOG, SCORING_LOG):
        with contextlib.suppress(client("logs").exceptions.ResourceAlreadyExistsException):  # if a job ran before
            client("logs").create_log_group(logGroupName=group)
    for group in ("classify", "trained-model"):
        client("logs").create_log_group(logGroupName=f"/aws/lambda/slipway-dev-{group}")
    return {role: assume(client, home, role_name(role)) for role in ROLES}


DENIED: dict[str, dict[str, Attempt]] = {
    "training": {
        "read another data set": get("data/other/a.jpg"),
        "list another data set": list_("data/other/"),
        "list the whole bucket": list_everything,
        "read models": get("models/m/model.tar.gz"),
        "read its own output": get("jobs/j/output/model.tar.gz"),
        "change the data": put(f"data/{DATASET}/a.jpg"),
        "publish a model": put("models/m/model.tar.gz"),
        "delete data": delete(f"data/{DATASET}/a.jpg"),
        "make a data key outside S3": use_key_outside_s3,
        "decrypt outside S3": decrypt_outside_s3,
        "grant the key to a user": grant_key_to_a_user,
        "start a job": job(),
        "write into a foreign job's log": open_stream(TRAINING_LOG, "other-app-1/algo-1"),
        "read logs": read_log(TRAINING_LOG),
        "publish foreign metrics": metric_in_a_foreign_namespace,
        "create a role": create_role,
        "widen its own policy": widen_own_policy("training"),
        "become another role": assume_another("trained-model"),
    },
    "hosting": {
        "read data": get(f"data/{DATASET}/a.jpg"),
        "read job output": get("jobs/j/output/model.tar.gz"),
        "list models": list_("models/"),
        "change a model": put("models/m/model.tar.gz"),
        "delete a model's archive": delete("models/m/model.tar.gz"),
        "make a data key outside S3": use_key_outside_s3,
        "decrypt outside S3": decrypt_outside_s3,
        "invoke its own endpoint": invoke("slipway-dev-abcd"),
        "delete an endpoint": delete_an_endpoint,
        "write into the training log": open_stream(TRAINING_LOG, "slipway-dev-1/algo-1"),
        "read a function's log": read_log("/aws/lambda/slipway-dev-classify"),
        "publish foreign metrics": metric_in_a_foreign_namespace,
        "create a role": create_role,
        "become another role": assume_another("training"),
    },
    "scoring": {
        "read job output": get("jobs/j/output/model.tar.gz"),
        "read captured calls": get("capture/a.jsonl"),
        "read results": get("scores/s/results/a.jsonl"),
        "read how a model was made": get("models/m/result.json"),
        "list the whole bucket": list_everything,
        "list results": list_("scores/s/results/"),
        "change a model": put("models/m/model.tar.gz"),
        "change data": put(f"data/{DATASET}/a.jpg"),
        "change its input": put("scores/s/input/a.jpg"),
        "delete results": delete("scores/s/results/a.jsonl"),
        "make a data key outside S3": use_key_outside_s3,
        "decrypt outside S3": decrypt_outside_s3,
        "grant the key to a user": grant_key_to_a_user,
        "invoke the endpoint": invoke("slipway-dev-abcd"),
        "start a job": job(),
        "write into a foreign job's log": open_stream(SCORING_LOG, "other-app-score-1/algo-1"),
        "write into the training log": open_stream(TRAINING_LOG, "slipway-dev-1/algo-1"),
        "read logs": read_log(SCORING_LOG),
        "publish foreign metrics": metric_in_a_foreign_namespace,
        "create a role": create_role,
        "widen its own policy": widen_own_policy("scoring"),
        "become another role": assume_another("training"),
    },
    "trained-model": {
        "read data": get(f"data/{DATASET}/a.jpg"),
        "change data": put(f"data/{DATASET}/manifest.json"),
        "list data": list_(f"data/{DATASET}/"),
        "delete a model's archive": delete("models/m/model.tar.gz"),
        "delete a job's output": delete("jobs/j/output/model.tar.gz"),
        "make a data key outside S3": use_key_outside_s3,
        "decrypt outside S3": decrypt_outside_s3,
        "grant the key to a user": grant_key_to_a_user,
        "start a foreign job": job("other-app-1"),
        "start a job as another role": job(role=role_arn("hosting")),
        "start a job with a foreign key": job_on_a_foreign_key,
        "stop a foreign job": stop_a_foreign_job,
        "tag an existing job": tag_a_job,
        "delete a model": delete_a_model,
        "create a model": model("mine", "training"),
        "pass the training role to Lambda": function_with_role("training"),
        "invoke the endpoint": invoke("slipway-dev-abcd"),
        "read another function's log": read_log("/aws/lambda/slipway-dev-classify"),
        "stop its own sweep": disable_a_rule,
        "create a role": create_role,
        "widen its own policy": widen_own_policy("trained-model"),
    },
    "classify": {
        "invoke a foreign endpoint": invoke("other-app-abcd"),
        "invoke an endpoint of a longer name": invoke("slipway-dev-abcde"),
        "read data": get(f"data/{DATASET}/a.jpg"),
        "read models": get("models/m/model.tar.gz"),
        "list images": list_("images/"),
        "change an image": put("images/a.jpg"),
        "write anything": put("jobs/j/x"),
        "decrypt outside S3": decrypt_outside_s3,
        "delete the endpoint": delete_an_endpoint,
        "start a job": job(),
        "write into another function's log": open_stream("/aws/lambda/slipway-dev-trained-model", "s"),
        "read its own log": read_log("/aws/lambda/slipway-dev-classify"),
        "read a parameter": read_a_parameter,
        "delete a stack": delete_a_stack,
        "call itself": call_the_classifier,
        "create a role": create_role,
        "become another role": assume_another("trained-model"),
    },
    "notebook": {
        "write over the live model's job": put(f"jobs/{LIVE_JOB}/output/model.tar.gz"),
        "write over its own job's model": put("jobs/slipway-dev-nb-1/output/model.tar.gz"),
        "publish a model": put("models/m/model.tar.gz"),
        "change the live data": put(f"data/{DATASET}/a.jpg"),
        "upload another data set": put("data/other/b.jpg"),
        "read the live data": get(f"data/{DATASET}/a.jpg"),
        "train without saying whether with a network": trial(),
        "train with a network": trial(EnableNetworkIsolation=False),
        "train with the deploy's role": trial("training", **ISOLATED),
        "train with the function's role": trial("trained-model", **ISOLATED),
        "start a job of the deploy's": job(LIVE_JOB, role_arn("notebook-trial"), **ISOLATED),
        "tune without saying whether with a network": tuning(),
        "tune with a network": tuning(EnableNetworkIsolation=False),
        "tune with the deploy's role": tuning(RoleArn=role_arn("training"), **ISOLATED),
        "serve with a network": model(),
        "serve with the live endpoint's role": model(role="hosting", **ISOLATED),
        "pass its trials' role to Lambda": function_with_role("notebook-trial"),
        "change the live endpoint": change_an_endpoint,
        "delete the live endpoint": delete_an_endpoint,
        "invoke the live endpoint": invoke("slipway-dev-abcd"),
        "have root run a script at the next start": another_start_script,
        "give its instance another role": another_role_for_the_instance,
        "decrypt outside S3": decrypt_outside_s3,
        "read a function's log": read_log("/aws/lambda/slipway-dev-classify"),
        "create a role": create_role,
        "widen its own policy": widen_own_policy("notebook"),
        "become its trials' role": assume_another("notebook-trial"),
    },
    "notebook-trial": {
        "write over the live model's job": put(f"jobs/{LIVE_JOB}/output/model.tar.gz"),
        "read the live model's job": get(f"jobs/{LIVE_JOB}/output/model.tar.gz"),
        "publish a model": put("models/m/model.tar.gz"),
        "say that a stack waits for it": put("jobs/waiting/x.json"),
        "change the live data": put(f"data/{DATASET}/a.jpg"),
        "delete the live data": delete(f"data/{DATASET}/a.jpg"),
        "read another data set": get("data/other/a.jpg"),
        "read models": get("models/m/model.tar.gz"),
        "invent captured calls": put("capture/b.jsonl"),
        "decrypt outside S3": decrypt_outside_s3,
        "grant the key to a user": grant_key_to_a_user,
        "start a job": trial(**ISOLATED),
        "write into the live job's log": open_stream(TRAINING_LOG, f"{LIVE_JOB}/algo-1"),
        "write into the live endpoint's log": open_stream(ENDPOINT_LOG, "live/i-1"),
        "publish foreign metrics": metric_in_a_foreign_namespace,
        "create a role": create_role,
        "become another role": assume_another("training"),
    },
}

ALLOWED: dict[str, dict[str, Attempt]] = {
    "training": {
        "list its data": list_(f"data/{DATASET}/"),
        "read its data": get(f"data/{DATASET}/a.jpg"),
        "write its output": put("jobs/slipway-dev-1/output/model.tar.gz"),
        "write its log": open_stream(TRAINING_LOG, "slipway-dev-1/algo-1"),
    },
    "hosting": {
        "read models": get("models/m/model.tar.gz"),
        "open its log": lambda c: c("logs").create_log_group(logGroupName=ENDPOINT_LOG),
    },
    "scoring": {
        "read a model": get("models/m/model.tar.gz"),
        "list a model": list_("models/m/model.tar.gz"),
        "read any data set": get("data/other/a.jpg"),
        "list its input": list_("scores/s/input/"),
        "read its input": get("scores/s/input/a.jpg"),
        "read callers' images": get("images/a.jpg"),
        "write results": put("scores/s/results/results-algo-1-0.jsonl"),
        "write its log": open_stream(SCORING_LOG, "slipway-dev-score-1/algo-1"),
    },
    "trained-model": {
        "look for a model": list_("models/m/model.tar.gz"),
        "keep a model": lambda c: c("s3").copy_object(
            Bucket=BUCKET, Key="models/n/model.tar.gz", CopySource=f"{BUCKET}/jobs/j/output/model.tar.gz"
        ),
        "forget who waits": delete("jobs/waiting/x"),
        "start a tagged job on an encrypted volume": job(
            Tags=[{"Key": "app", "Value": "slipway"}],
            ResourceConfig={
                "InstanceType": "ml.m5.large",
                "InstanceCount": 1,
                "VolumeSizeInGB": 1,
                "VolumeKmsKeyId": "alias/slipway-dev",
            },
        ),
        "write its log": open_stream("/aws/lambda/slipway-dev-trained-model", "s"),
    },
    "classify": {
        "read an image": get("images/a.jpg"),
        "write its log": open_stream("/aws/lambda/slipway-dev-classify", "s"),
    },
    "notebook": {
        "train without a network": trial(**ISOLATED),
        "serve without a network": model(**ISOLATED),
    },
    "notebook-trial": {
        "list its data": list_(f"data/{DATASET}/"),
        "read its data": get(f"data/{DATASET}/a.jpg"),
        "write its output": put("jobs/slipway-dev-nb-1/output/output.tar.gz"),
        "read what was tried": get("jobs/slipway-dev-nb-1/output/model.tar.gz"),
        "write its job's log": open_stream(TRAINING_LOG, "slipway-dev-nb-1/algo-1"),
        "open its endpoint's log": lambda c: c("logs").create_log_group(
            logGroupName="/aws/sagemaker/Endpoints/slipway-dev-note"
        ),
    },
}


def cases(table: dict[str, dict[str, Attempt]]) -> list[Any]:
    return [
        pytest.param(r, attempt, id=f"{r}: {what}") for r, group in table.items() for what, attempt in group.items()
    ]


@pytest.mark.parametrize(("role", "attempt"), cases(DENIED))
def test_it_may_not(acting: dict[str, Client], role: str, attempt: Attempt) -> None:
    with pytest.raises(ClientError) as refusal:
        attempt(acting[role])
    error = refusal.value.response["Error"]
    assert error["Code"] in ("AccessDenied", "AccessDeniedException")
    assert f"assumed-role/{role_name(role)}/" in error["Message"]


@pytest.mark.parametrize(("role", "attempt"), cases(ALLOWED))
def test_it_may(acting: dict[str, Client], role: str, attempt: Attempt) -> None:
    attempt(acting[role])


def test_the_classifier_reaches_its_endpoint(acting: dict[str, Client]) -> None:
    """The endpoint does not exist, which AWS reports only to a caller who may invoke it."""
    with pytest.raises(ClientError, match="slipway-dev-abcd of account not found"):
        invoke("slipway-dev-abcd")(acting["classify"])


def test_what_was_tried_is_recorded(acting: dict[str, Client], home: Home) -> None:
    get(f"data/{DATASET}/a.jpg")(acting["training"])

    calls = read(home.calls)

    key = next(call.resource for call in calls if (call.role, call.action) == (role_name("training"), "kms:Decrypt"))
    via_s3 = {"kms:ViaService": f"s3.{DEFAULT_REGION}.amazonaws.com"}
    assert Call(role_name("training"), "kms:Decrypt", key, True, via_s3) in calls
    assert Call(role_name("training"), "s3:GetObject", f"arn:aws:s3:::{BUCKET}/data/{DATASET}/a.jpg", True) in calls
    assert len(calls) == len({json.dumps(vars(call), sort_keys=True) for call in calls})

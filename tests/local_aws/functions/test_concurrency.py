"""Provisioned concurrency starts environments before any call; reserved concurrency refuses calls over the limit."""

import io
import json
import time
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from ministack.core import lambda_runtime
from ministack.services import lambda_svc

from local_aws.functions import concurrency as function_concurrency
from local_aws.service import ApiError
from tests.local_aws.conftest import Client, make_role, wait_for_stack
from tests.waiting import until

# Each start of an environment adds a line to a file; a call ends when a second file exists.
CODE = """
import os, pathlib, time
with open(os.environ["STARTS"], "a") as file:
    file.write("started\\n")
def handler(event, context):
    while event and not pathlib.Path(event).exists():
        time.sleep(0.01)
"""
_numbers = count()


class Function:
    """A deployed function with the alias `live`, which counts its cold starts."""

    def __init__(self, client: Client, role: str, folder: Path) -> None:
        self.name = f"warm-{next(_numbers)}"
        self.starts_file, self.end = folder / "starts", folder / "end"
        self.starts_file.touch()
        self._client = client
        self.api = client("lambda")
        self.api.create_function(
            FunctionName=self.name,
            Runtime="python3.12",
            Role=role,
            Handler="f.handler",
            Code={"ZipFile": zipped(CODE)},
            Timeout=300,
            Environment={"Variables": {"STARTS": str(self.starts_file)}},
        )
        version = self.api.publish_version(FunctionName=self.name)["Version"]
        self.api.create_alias(FunctionName=self.name, Name="live", FunctionVersion=version)

    @property
    def starts(self) -> int:
        return len(self.starts_file.read_text().splitlines())

    def provision(self, environments: int) -> None:
        asked = self.api.put_provisioned_concurrency_config(
            FunctionName=self.name, Qualifier="live", ProvisionedConcurrentExecutions=environments
        )
        assert (asked["Status"], asked["AvailableProvisionedConcurrentExecutions"]) == ("IN_PROGRESS", 0)
        self.wait_until_ready()

    def wait_until_ready(self) -> None:
        def status() -> str:
            found = self.api.get_provisioned_concurrency_config(FunctionName=self.name, Qualifier="live")
            return str(found["Status"])

        until(lambda: status() == "READY")

    def call(self, wait_for: str = "", qualifier: str = "live") -> None:
        payload = json.dumps(wait_for).encode()
        answer = self.api.invoke(FunctionName=self.name, Qualifier=qualifier, Payload=payload)
        assert "FunctionError" not in answer, answer["Payload"].read()

    def call_together(self, calls: int) -> None:
        """Invoke the function several times at once."""
        with ThreadPoolExecutor(calls) as threads:
            made = [threads.submit(self.call, str(self.end)) for _ in range(calls)]
            until(lambda: self.metric("ConcurrentExecutions", "Maximum") >= calls)
            self.end.touch()
            for call in made:
                call.result()

    def metric(self, name: str, statistic: str = "Sum") -> float:
        found = self._client("cloudwatch").get_metric_statistics(
            Namespace="AWS/Lambda",
            MetricName=name,
            Dimensions=[{"Name": "FunctionName", "Value": self.name}],
            StartTime=time.time() - 600,
            EndTime=time.time() + 60,
            Period=3600,
            Statistics=[statistic],
        )["Datapoints"]
        points = [float(point[statistic]) for point in found]  # two, where an hour has just begun
        return sum(points) if statistic == "Sum" else max(points, default=0)


def zipped(code: str) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("f.py", code)
    return archive.getvalue()


@pytest.fixture(scope="module")
def role(client: Client) -> str:
    return make_role(client, "warm", "lambda.amazonaws.com")


@pytest.fixture
def function(client: Client, role: str, tmp_path: Path) -> Iterator[Function]:
    made = Function(client, role, tmp_path)
    yield made
    made.api.delete_function(FunctionName=made.name)


def test_what_is_provisioned_has_started_before_the_first_call(function: Function) -> None:
    function.provision(2)
    assert function.starts == 2

    function.call_together(2)

    assert function.starts == 2
    assert function.metric("ProvisionedConcurrencyInvocations") == 2
    assert function.metric("ProvisionedConcurrencySpilloverInvocations") == 0


def test_calls_beyond_it_start_cold_and_are_counted(function: Function) -> None:
    function.provision(1)

    function.call_together(2)

    assert function.starts == 2
    assert function.metric("ProvisionedConcurrencySpilloverInvocations") == 1


def test_more_is_added_to_what_is_there(function: Function) -> None:
    function.provision(1)
    function.provision(3)
    assert function.starts == 3

    function.provision(1)
    assert function.starts == 3


def test_it_follows_the_alias_to_the_next_version(function: Function) -> None:
    function.provision(1)
    function.api.update_function_code(FunctionName=function.name, ZipFile=zipped(CODE + "\n"))
    version = function.api.publish_version(FunctionName=function.name)["Version"]

    function.api.update_alias(FunctionName=function.name, Name="live", FunctionVersion=version)
    function.wait_until_ready()
    assert function.starts == 2
    function.call()

    assert function.starts == 2
    assert function.metric("ProvisionedConcurrencyInvocations") == 1


def test_without_it_the_first_call_starts_the_function(function: Function) -> None:
    assert function.starts == 0
    function.call()
    assert function.starts == 1
    assert function.metric("ProvisionedConcurrencyInvocations") == 0


def test_a_function_that_cannot_start_fails_to_be_provisioned(function: Function) -> None:
    function.api.update_function_code(FunctionName=function.name, ZipFile=zipped("import nothing_of_that_name"))
    version = function.api.publish_version(FunctionName=function.name)["Version"]
    function.api.update_alias(FunctionName=function.name, Name="live", FunctionVersion=version)
    asked = {"FunctionName": function.name, "Qualifier": "live"}
    function.api.put_provisioned_concurrency_config(**asked, ProvisionedConcurrentExecutions=1)

    until(lambda: function.api.get_provisioned_concurrency_config(**asked)["Status"] == "FAILED")

    reason = function.api.get_provisioned_concurrency_config(**asked)["StatusReason"]
    assert "nothing_of_that_name" in reason


def test_calls_over_the_reserved_concurrency_are_refused(function: Function) -> None:
    function.api.put_function_concurrency(FunctionName=function.name, ReservedConcurrentExecutions=1)
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(function.call, str(function.end))
        until(lambda: function.metric("ConcurrentExecutions", "Maximum") >= 1)
        with pytest.raises(ClientError) as refused:
            function.call()
        function.end.touch()
        first.result()

    assert refused.value.response["Error"]["Code"] == "TooManyRequestsException"
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 429
    assert function.metric("Throttles") >= 1  # the client retries


def test_what_is_reserved_is_taken_from_the_account(function: Function) -> None:
    def unreserved() -> int:
        return int(function.api.get_account_settings()["AccountLimit"]["UnreservedConcurrentExecutions"])

    before = unreserved()
    function.api.put_function_concurrency(FunctionName=function.name, ReservedConcurrentExecutions=7)
    assert function.api.get_function_concurrency(FunctionName=function.name)["ReservedConcurrentExecutions"] == 7
    assert unreserved() == before - 7


def test_a_stack_has_its_alias_when_the_environments_have_started(client: Client, role: str, tmp_path: Path) -> None:
    starts = tmp_path / "starts"
    function: dict[str, Any] = {
        "FunctionName": "stacked",
        "Runtime": "python3.12",
        "Role": role,
        "Handler": "index.handler",
        "Code": {"ZipFile": CODE},
        "Environment": {"Variables": {"STARTS": str(starts)}},
    }
    alias = {
        "Name": "live",
        "FunctionName": {"Ref": "Function"},
        "FunctionVersion": {"Fn::GetAtt": ["Version", "Version"]},
        "ProvisionedConcurrencyConfig": {"ProvisionedConcurrentExecutions": 2},
    }
    template = {
        "Resources": {
            "Function": {"Type": "AWS::Lambda::Function", "Properties": function},
            "Version": {"Type": "AWS::Lambda::Version", "Properties": {"FunctionName": {"Ref": "Function"}}},
            "Alias": {"Type": "AWS::Lambda::Alias", "Properties": alias},
        }
    }
    client("cloudformation").create_stack(StackName="warm", TemplateBody=json.dumps(template))

    assert wait_for_stack(client, "warm") == "CREATE_COMPLETE"
    assert len(starts.read_text().splitlines()) == 2


def test_autoscaling_hears_lambda_s_own_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Errors of PutProvisionedConcurrencyConfig, Lambda API reference."""
    refusal = lambda_svc.error_response_json("InvalidParameterValueException", "below its minimum value", 400)
    monkeypatch.setattr(function_concurrency, "refuse_provisioned", lambda *_: refusal)
    with pytest.raises(ApiError, match="below its minimum value") as refused:
        function_concurrency.set_provisioned("classify", "live", 5000)
    assert (refused.value.code, refused.value.status) == ("InvalidParameterValueException", 400)


def test_what_is_kept_is_not_ended_for_being_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    def idle(*, kept: bool) -> Any:
        return SimpleNamespace(kept=kept, in_use=False, last_used=0.0, config={}, _proc=None, _discard_tmpdir=list)

    pools = {"account:region:function:1": [idle(kept=True), idle(kept=True), idle(kept=False)]}
    monkeypatch.setattr(lambda_runtime, "_workers", pools)

    assert function_concurrency._reap() == 1
    assert [worker.kept for worker in pools["account:region:function:1"]] == [True, True]

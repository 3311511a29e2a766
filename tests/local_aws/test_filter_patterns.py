"""Filter patterns match as CloudWatch Logs documents them.

"Filter pattern syntax for metric filters, subscription filters, filter log events, and Live Tail", CloudWatch Logs user
guide.
"""

import re
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from local_aws.filter_patterns import InvalidPattern, compile_pattern
from tests.local_aws.conftest import Client

RUNBOOK = (Path(__file__).parents[2] / "docs" / "runbook.md").read_text()
EVENT = '{"Failures": 1, "type": "platform.report", "record": {"status": "timeout", "ok": true, "of": [{"n": null}]}}'


@pytest.mark.parametrize(
    ("pattern", "message", "matches"),
    [
        ("", "anything", True),
        ("ERROR", "[ERROR 400] BAD REQUEST", True),
        ("ERROR", "an error", False),
        ("ERROR REQUEST", "[ERROR 400] BAD REQUEST", True),
        ("ERROR ARGUMENTS", "[ERROR 400] BAD REQUEST", False),
        ("?ERROR ?WARNING", "a WARNING", True),
        ("?ERROR ?WARNING", "INFO", False),
        ("?ERROR REQUEST", "BAD REQUEST", True),
        ("ERROR -ARGUMENTS", "[ERROR 400] BAD REQUEST", True),
        ("ERROR -ARGUMENTS", "ERROR: ARGUMENTS", False),
        ('"BAD REQUEST"', "[ERROR 400] BAD REQUEST", True),
        ('"REQUEST BAD"', "[ERROR 400] BAD REQUEST", False),
        (r'"a \"b\""', 'a "b"', True),
        ("{ $.Failures = 1 }", EVENT, True),
        ("{ $.Failures = 2 }", EVENT, False),
        ("{ $.Failures = 1 }", "no JSON", False),
        ("{$.Failures>=1&&$.Failures<2}", EVENT, True),
        ('{ $.type = "platform.*" }', EVENT, True),
        ('{ $.type = "function.*" }', EVENT, False),
        ('{ $.type = "platform.report" && $.record.status != "success" }', EVENT, True),
        ('{ $.type = "platform.report" && $.record.status != "timeout" }', EVENT, False),
        ('{ $.missing != "x" }', EVENT, False),
        ('{ $.type = "a b" || ($.Failures = 1 && $.missing NOT EXISTS) }', EVENT, True),
        ("{ $.record.ok IS TRUE && $.record.of[0].n IS NULL }", EVENT, True),
        ("{ $.record.ok IS FALSE }", EVENT, False),
        ("{ $.type > 3 }", EVENT, False),
    ],
)
def test_a_message_matches_or_not(pattern: str, message: str, matches: bool) -> None:
    assert compile_pattern(pattern)(message) is matches


@pytest.mark.parametrize(
    "pattern",
    [
        "error:",
        "{ $.a = }",
        "{ $.a 1 }",
        "{ a = 1 }",
        "{ $.a = 1",
        "{ ($.a = 1 }",
        "{ $.a = 1 } x",
        "{}",
        "{ $.a > x }",
    ],
)
def test_a_malformed_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(InvalidPattern, match=r"^Invalid "):
        compile_pattern(pattern)


@pytest.mark.parametrize("pattern", ["[ip, user]", "%ERROR%", "{ $.a = %x% }"])
def test_a_kind_that_local_aws_does_not_know_is_refused_by_name(pattern: str) -> None:
    with pytest.raises(InvalidPattern, match="local AWS knows filter patterns of terms and of JSON"):
        compile_pattern(pattern)


def test_every_pattern_of_the_runbook_is_known() -> None:
    patterns = re.findall(r"--filter-pattern (?:'([^']+)'|(\w+))", RUNBOOK)
    assert len(patterns) >= 4
    for quoted, word in patterns:
        assert compile_pattern(quoted or word)("INFO") is False


def test_the_service_filters_and_refuses_so(client: Client) -> None:
    logs, group = client("logs"), {"logGroupName": "/filtered"}
    logs.create_log_group(**group)
    logs.create_log_stream(**group, logStreamName="s")
    events = [{"timestamp": 1_800_000_000_000, "message": text} for text in (EVENT, "no ERROR", "a WARNING", "INFO")]
    logs.put_log_events(**group, logStreamName="s", logEvents=events)

    def found(pattern: str) -> list[str]:
        return [event["message"] for event in logs.filter_log_events(**group, filterPattern=pattern)["events"]]

    assert found("{ $.Failures = 1 }") == [EVENT]
    assert found("?ERROR ?WARNING") == ["no ERROR", "a WARNING"]
    with pytest.raises(ClientError, match=r"InvalidParameterException.*Invalid character\(s\) in term 'error:'"):
        found("error:")

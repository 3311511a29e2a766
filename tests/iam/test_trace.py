"""Recorded calls prove the contract's `trace:` lines, and what is not in the contract does not go unnoticed."""

from pathlib import Path

import pytest

from iam.contract import Contract, read
from iam.trace import Trace, TracedCall, UnreadableTrace, check, check_file, write
from iam.trace import read as read_trace

CONTRACT = """roles:
  ${prefix}-reader:
    purpose: reads
    trust: []
    may:
      - {action: "s3:ListBucket", resource: "arn:aws:s3:::b-${AWS::AccountId}", if: {StringLike: {"s3:prefix": "data/*"}}, why: looks, evidence: "trace:"}
      - {action: "kms:Decrypt", resource: "arn:aws:kms:${AWS::Region}:${AWS::AccountId}:key/${one.Key}", why: reads, evidence: "trace:"}
      - {action: "logs:PutLogEvents", resource: "*", why: writes, evidence: "aws-doc: somewhere"}
"""
LIST = TracedCall("app-reader", "s3:ListBucket", "arn:aws:s3:::b-1", True, {"s3:prefix": "data/x"})
DECRYPT = TracedCall("app-reader", "kms:Decrypt", "arn:aws:kms:here:1:key/abc", True)


def _contract() -> Contract:
    return read(CONTRACT, {"prefix": "app"})


def _found(*calls: TracedCall) -> list[tuple[str, str]]:
    trace = Trace(run="demo", account="1", region="here", variables={"prefix": "app"}, calls=calls)
    return [(finding.rule, finding.message) for finding in check(trace, _contract())]


def test_calls_that_need_every_line_prove_it() -> None:
    assert _found(LIST, DECRYPT) == []


def test_a_line_that_no_call_needs_is_named() -> None:
    [(rule, message)] = _found(LIST)

    assert rule == "unused"
    assert message.startswith("kms:Decrypt on arn:aws:kms")


def test_a_line_of_another_run_need_not_be_hit() -> None:
    text = CONTRACT.replace('why: reads, evidence: "trace:"', 'why: reads, evidence: "trace: end-to-end tests"')
    contract = read(text, {"prefix": "app"})

    def unused(run: str) -> list[str]:
        trace = Trace(run=run, account="1", region="here", variables={"prefix": "app"}, calls=(LIST,))
        return [finding.rule for finding in check(trace, contract)]

    assert unused("demo") == []
    assert unused("end-to-end tests") == ["unused"]


@pytest.mark.parametrize(
    "call",
    [
        TracedCall("app-reader", "s3:GetObject", "arn:aws:s3:::b-1/x", True),
        TracedCall("app-reader", "s3:ListBucket", "arn:aws:s3:::b-2", True, {"s3:prefix": "data/x"}),
        TracedCall("app-reader", "s3:ListBucket", "arn:aws:s3:::b-1", True, {"s3:prefix": "jobs/x"}),
        TracedCall("app-reader", "s3:ListBucket", "arn:aws:s3:::b-1", True),
    ],
)
def test_a_call_outside_of_the_contract_is_named(call: TracedCall) -> None:
    assert ("traced-call", f"{call.action} was called but is not in the contract") in _found(LIST, DECRYPT, call)


def test_a_denied_call_is_named() -> None:
    denied = TracedCall("app-reader", "s3:GetObject", "arn:aws:s3:::b-1/x", False)

    assert _found(LIST, DECRYPT, denied) == [("denied-call", "s3:GetObject was denied")]


def test_calls_of_roles_that_are_not_ours_are_left_alone() -> None:
    assert _found(LIST, DECRYPT, TracedCall("cdk-file-publishing", "s3:PutObject", "arn:aws:s3:::assets/x", True)) == []


def test_a_trace_is_read_as_it_was_written(tmp_path: Path) -> None:
    trace = Trace("demo", "1", "here", {"prefix": "app"}, (LIST, DECRYPT))
    write(tmp_path / "out/trace.json", trace)

    assert read_trace(tmp_path / "out/trace.json") == trace


@pytest.mark.parametrize(
    "text", ["", "{}", '{"run": "demo", "account": 1, "region": 2, "variables": {}, "calls": [{}]}']
)
def test_what_is_no_trace_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "t.json").write_text(text)

    with pytest.raises(UnreadableTrace, match="is not a trace"):
        read_trace(tmp_path / "t.json")


def test_a_trace_of_an_older_program_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "t.json", Trace("demo", "1", "here", {"prefix": "app"}, (LIST,)))

    with pytest.raises(UnreadableTrace, match="from an older version, without api, capture, dataset, "):
        check_file(tmp_path / "t.json")

"""The report as a reader sees it: its parts, the command for each that is missing, and nothing that runs."""

import json
import re
from collections.abc import Callable
from copy import deepcopy
from html.parser import HTMLParser
from pathlib import Path

import pytest

from settings import read_settings
from tests.tools.report.conftest import BUCKET, DIGEST, OUTPUT, DeployedStandIn, refused, training_files
from tools.load.engine import TimedCall
from tools.load.record import Record
from tools.load.watch import Observation
from tools.report.content import read_content
from tools.report.page import render
from tools.stack import NotDeployed

HOSTILE = "<script>alert(1)</script>"
VOID = {"meta", "img", "br"}
Page = Callable[..., str]


class Document(HTMLParser):
    """A page as its elements: tags with attributes, and its text; asserts that they are nested as they must be."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(page)
        assert self.open == []

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words.append(data)


def test_it_shows_what_is_live_how_it_was_made_and_how_good_it_is(page: Page) -> None:
    text = Document(page()).text
    assert "Endpoint in service 2 × ml.m5.large" in text
    assert f"{'f' * 64} (SHA-256 of model.onnx)" in text
    assert f"{DIGEST} (digest of what it was trained from)" in text
    assert "4 train, 4 valid, 4 test images of 3 classes" in text
    assert "slipway-dev-12ab-1, Completed, 2026-11-28 09:00 UTC" in text
    assert "Training 1:01; in the training program decode 1.2 s, train 4.5 s; billed 1:40 an instance" in text
    assert "Test accuracy 50.0% 2 of 4 images; 15.0% to 85.0% (95 %)" in text
    assert "owl 0 of 1 0.0% 0.0% to 79.3%" in text
    assert "The mean of all classes, each counted alike, is 50.0%" in text
    assert "Best epoch 3 of 3" in text


def test_the_address_of_an_http_api_is_shown_where_there_is_one(page: Page, aws: DeployedStandIn) -> None:
    assert "HTTP API" not in Document(page()).text
    aws.outputs["serving"]["ApiUrl"] = "https://a1b2c3.execute-api.us-east-1.amazonaws.com/classify"
    assert "HTTP API https://a1b2c3.execute-api.us-east-1.amazonaws.com/classify" in Document(page()).text


def test_it_shows_mistakes_with_their_images_and_the_confusion_as_text(page: Page) -> None:
    document = Document(page())
    pictures = [attributes for tag, attributes in document.tags if tag == "img"]
    assert [picture["alt"] for picture in pictures] == ["owl, taken for cat", "dog, taken for owl"]
    assert all(str(picture["src"]).startswith("data:image/jpeg;base64,") for picture in pictures)
    assert "owl taken for cat: 1, 100.0% of its images" in document.text
    assert "true class taken for images owl cat 1 of 1 dog owl 1 of 2" in document.text


def test_it_shows_cost_permissions_and_timeline(page: Page) -> None:
    text = Document(page()).text
    assert re.search(r"\d\d\.\d\d \$ a month", text)
    assert "The deployed roles may do exactly what the contract" in text
    assert "slipway-dev-classify-us-east-1 : the function that answers callers" in text
    assert "arn:aws:sagemaker:us-east-1:000000000000:endpoint/slipway-dev-????" in text
    assert "slipway-dev-serving UPDATE_COMPLETE 2026-11-28 09:00 UTC 1:30 Endpoint AWS::SageMaker::Endpoint" in text


def test_a_setting_that_is_not_the_default_is_shown_beside_the_default(page: Page) -> None:
    assert "epochs 7 20 passes over the training images" in Document(page(epochs="7")).text
    assert "All settings have their defaults" in Document(page()).text


def test_it_shows_load_tests_of_the_live_endpoint_alone(page: Page, tmp_path: Path) -> None:
    result = {"rate": 31.25, "p99_seconds": 0.41}
    record = Record("search", "slipway-dev-ab12", "ml.m5.large", {"limit_seconds": 0.5}, result=result)
    record.calls = [TimedCall(n / 10, n / 10, n / 10 + 0.05, "") for n in range(100)]
    record.observations = [Observation(0, 1, 1)]
    record.write(tmp_path / "out" / "load")
    assert "sustains 31.2 requests a second with p99 410 ms (limit 500 ms)" in Document(page()).text
    record.endpoint = "slipway-dev-cd34"
    record.write(tmp_path / "out" / "load")
    assert "no load test of slipway-dev-ab12 is recorded in out/load. make load makes it" in Document(page()).text


def test_nothing_in_it_runs_or_comes_from_elsewhere_and_every_part_has_its_heading(page: Page) -> None:
    document = Document(page())
    names = {tag for tag, _ in document.tags}
    assert not names & {"script", "iframe", "object", "embed", "link", "form", "base"}
    for _, attributes in document.tags:
        assert not any(name.startswith("on") for name in attributes)
        assert str(attributes.get("src", "data:")).startswith("data:")
        assert str(attributes.get("href", "#")).startswith("#")
    [policy] = [each for _, each in document.tags if each.get("http-equiv") == "Content-Security-Policy"]
    assert policy["content"] == "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    ids = {attributes["id"] for tag, attributes in document.tags if tag == "h2"}
    assert ids == {str(each["aria-labelledby"]) for tag, each in document.tags if tag == "section"}
    assert ids == {str(attributes["href"])[1:] for tag, attributes in document.tags if tag == "a"}
    assert [tag for tag, _ in document.tags if tag == "h1"] == ["h1"]
    # What may be wider than a phone is scrolled by keyboard, too, and named by its part's heading.
    wide = [each for _, each in document.tags if str(each.get("class", "")).startswith("wide")]
    assert wide and all(each["tabindex"] == "0" and each["aria-labelledby"] in ids for each in wide)


@pytest.mark.parametrize("name", [HOSTILE, '" onload="x', "{{ 1 }}", "قطة", "שלום", "犬の写真", "&amp;"])
def test_any_class_name_is_text_in_any_script(page: Page, aws: DeployedStandIn, tmp_path: Path, name: str) -> None:
    aws.trained(training_files(tmp_path / "named", [name, "dog"], [0, 1], [1, 1]))
    document = Document(page())
    assert "script" not in {tag for tag, _ in document.tags}
    assert f"{name} taken for dog: 1, 100.0% of its images" in document.text
    assert [each["alt"] for tag, each in document.tags if tag == "img"] == [f"{name}, taken for dog"]


def test_one_class_alone_is_a_matrix_of_one_cell(page: Page, aws: DeployedStandIn, tmp_path: Path) -> None:
    aws.trained(training_files(tmp_path / "one", ["cat"], [0, 0], [0, 0]))
    text = Document(page()).text
    assert "cat taken for cat: 2, 100.0% of its images" in text
    assert "No test image was taken for another class" in text
    assert "There is none: all test images were classified right" in text


def test_a_thousand_classes_make_less_than_three_megabytes(page: Page, aws: DeployedStandIn, tmp_path: Path) -> None:
    names = [f"a class with a name of its own, number {number}" for number in range(1000)]
    labels = [number for number in range(1000) for _ in range(5)]
    aws.trained(training_files(tmp_path / "many", names, labels, [(label * 7 + 1) % 1000 for label in labels]))
    made = page()
    assert len(made.encode()) < 3_000_000
    assert "40 classes with the most mistakes; 960 others are left out" in Document(made).text


@pytest.mark.parametrize("gone", ["stack", "output", "endpoint"])
def test_an_endpoint_that_is_off_is_said_with_the_command_and_the_rest_is_there(
    page: Page, aws: DeployedStandIn, gone: str
) -> None:
    """DescribeEndpoint has no error of its own for that: it is a ValidationException (SageMaker API reference)."""
    if gone == "stack":
        del aws.stacks["serving"]
    elif gone == "output":
        del aws.outputs["serving"]["EndpointName"]
    else:
        aws.endpoint = refused("ValidationException", "DescribeEndpoint", "Could not find endpoint")
    text = Document(page(stage="dev")).text
    assert "Endpoint off" in text
    command = {"stack": "make deploy", "output": "make wake", "endpoint": "make sleep && make wake"}[gone]
    assert f"{command} makes it" in text
    assert "no load test of  is recorded" not in text
    assert "Test accuracy 50.0%" in text


def test_a_training_output_that_has_expired_is_said_with_the_command_that_trains_again(
    page: Page, aws: DeployedStandIn
) -> None:
    del aws.objects[OUTPUT]
    text = Document(page()).text
    assert f"s3://{BUCKET}/{OUTPUT} is not there any more: a job's output is kept for 90 days" in text
    assert 'make deploy SETTINGS="seed=1" makes it' in text
    assert "slipway-dev-12ab-1, Completed" in text


def test_the_output_of_an_earlier_version_has_no_confusion_and_the_rest_is_shown(
    page: Page, aws: DeployedStandIn, tmp_path: Path
) -> None:
    files = training_files(tmp_path / "old", ["cat", "dog"], [0, 1], [1, 1])
    metrics = json.loads(files["metrics.json"])
    del metrics["test"]["confusion"], metrics["test"]["mistakes"]
    aws.trained({**files, "metrics.json": json.dumps(metrics).encode()})
    text = Document(page()).text
    assert text.count("the training was one of an earlier version") == 2
    assert "cat 0 of 1 0.0%" in text


def test_what_aws_refuses_is_said_in_its_words(page: Page, aws: DeployedStandIn) -> None:
    aws.denied.add("models")
    assert "AccessDenied" in (text := Document(page()).text)
    assert "you may not" in text


def test_a_function_that_refuses_is_said_in_plain_words(page: Page, aws: DeployedStandIn) -> None:
    error = {"code": "EndpointUnavailable", "message": "the endpoint cannot classify at present"}
    aws.answer = {"statusCode": 502, "body": json.dumps({"error": error})}
    text = Document(page()).text
    assert "no answer slipway-dev-classify:live refused: the endpoint cannot classify at present (502" in text


def test_another_model_than_the_stack_s_is_said(page: Page, aws: DeployedStandIn) -> None:
    aws.live = "34cd" * 16
    assert f"The endpoint runs another one, {'34cd' * 16} : see make live" in Document(page()).text


def test_a_role_that_is_not_as_the_contract_says_is_named(page: Page, aws: DeployedStandIn) -> None:
    roles = deepcopy(aws.stacks["roles"])
    [role] = [
        each["Properties"]
        for each in roles["Resources"].values()
        if "classify" in json.dumps(each.get("Properties", {}).get("RoleName", ""))
    ]
    role["Policies"][0]["PolicyDocument"]["Statement"][0]["Action"] = "s3:DeleteObject"
    aws.stacks["roles"] = roles
    text = Document(page()).text
    assert "The deployed roles are not those of the contract" in text
    assert "s3:DeleteObject" in text


def test_a_region_without_prices_is_said(page: Page, aws: DeployedStandIn) -> None:
    text = Document(render(read_content(read_settings({}), "000000000000", "sa-east-1"))).text
    assert "no prices for sa-east-1" in text


def test_a_deployment_that_is_not_there_is_an_error_with_the_command(page: Page, aws: DeployedStandIn) -> None:
    aws.stacks.clear()
    with pytest.raises(NotDeployed, match='run make deploy SETTINGS="stage=prod" first'):
        page(stage="prod")

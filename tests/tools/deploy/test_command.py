"""`make deploy`: what is refused before anything is created, and in which order the rest happens."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from settings import read_settings
from settings.names import data_manifest, weights_key
from tools.deploy import __main__ as command
from tools.deploy.idle import StackBusy
from tools.deploy.uploaded import require_uploaded
from tools.preflight import NotReady

BUCKET = "slipway-dev-123456789012-eu-west-1"
WEIGHTS = "1" * 64


class NoSuchBucket(ClientError):
    def __init__(self) -> None:
        super().__init__({"Error": {"Code": "NoSuchBucket"}}, "ListObjectsV2")


class Bucket:
    """S3 with one bucket, and these keys in it; None: no bucket."""

    exceptions = type("Exceptions", (), {"NoSuchBucket": NoSuchBucket})

    def __init__(self, *keys: str | None) -> None:
        self.keys = keys

    def list_objects_v2(self, *, Bucket: str, Prefix: str, MaxKeys: int) -> dict[str, Any]:
        assert Bucket == BUCKET
        if None in self.keys:
            raise NoSuchBucket
        return {"KeyCount": sum(str(key).startswith(Prefix) for key in self.keys)}


@pytest.fixture
def deploy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., tuple[int, list[str]]]:
    """The exit code, and the steps that were taken; `bucket` is what is there."""

    def run(
        *arguments: str,
        bucket: Bucket,
        require_ready: Callable[..., None] = lambda *_, **__: None,
        obsolete: tuple[str, ...] = (),
        require_idle: Callable[..., None] = lambda *_: None,
    ) -> tuple[int, list[str]]:
        steps: list[str] = []
        monkeypatch.setenv("SLIPWAY_STAGES", str(tmp_path / "stages"))
        monkeypatch.setattr(sys, "argv", ["deploy", *arguments])
        monkeypatch.setattr(boto3, "client", lambda *_, **__: bucket)
        monkeypatch.setattr(command, "require_aws", lambda: ("123456789012", "eu-west-1"))
        monkeypatch.setattr(command, "require_idle", require_idle)
        for step in ("synthesize", "make_scaling_roles", "make_bootstrap", "deploy_everything"):

            def take(*_: object, step: str = step, **__: object) -> Assembly:
                steps.append(step)
                return Assembly()

            monkeypatch.setattr(command, step, take)
        monkeypatch.setattr(command, "require_ready", require_ready)
        monkeypatch.setattr(command, "check", lambda *_, **__: True)
        monkeypatch.setattr(command, "summary", lambda _: ["Live: endpoint e, model 1234, test accuracy 99.2%"])
        monkeypatch.setattr(command, "report_line", lambda _: "Report: out/report.html")
        monkeypatch.setattr(command, "obsolete", lambda *_: list(obsolete))

        @contextmanager
        def remove(stacks: list[str], **_: object) -> Iterator[None]:
            steps.extend(f"remove {stack}" for stack in stacks)
            yield

        monkeypatch.setattr(command, "removed", remove)
        return command.main(), steps

    return run


class Assembly:
    prefix = "slipway-dev-"
    stacks: tuple[str, ...] = ()
    bootstrap = "hnb659fds", 6


@pytest.mark.parametrize("bucket", [Bucket(), Bucket(None)], ids=["other account's digest", "no bucket"])
def test_without_images_in_this_account_it_ends_in_one_line_before_anything_is_created(
    deploy: Callable[..., tuple[int, list[str]]], bucket: Bucket, capsys: pytest.CaptureFixture[str]
) -> None:
    assert deploy(bucket=bucket) == (1, [])
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("error: stage dev has no data set yet (211be9def8ee… is not in bucket ")
    assert line.endswith("give your images, make deploy DATA=FOLDER")


def test_images_that_a_stage_lacks_are_asked_for_in_that_stage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boto3, "client", lambda *_: Bucket())
    with pytest.raises(NotReady, match=r'^stage prod has no .*, make deploy DATA=FOLDER SETTINGS="stage=prod"$'):
        require_uploaded(read_settings({"stage": "prod"}), BUCKET, images=True)


def test_with_images_in_the_bucket_it_deploys_and_says_what_is_live(
    deploy: Callable[..., tuple[int, list[str]]], capsys: pytest.CaptureFixture[str]
) -> None:
    there = Bucket(data_manifest(read_settings({}).dataset))
    assert deploy(bucket=there) == (0, ["synthesize", "make_scaling_roles", "make_bootstrap", "deploy_everything"])
    assert capsys.readouterr().out.splitlines()[-2:] == [
        "Live: endpoint e, model 1234, test accuracy 99.2%",
        "Report: out/report.html",
    ]


@pytest.mark.parametrize(
    ("arguments", "lines"),
    [((), [" 0:00  ✅ slipway-dev-storage"]), (("--verbose",), ["", " ✅  slipway-dev-storage"])],
)
def test_of_what_the_cdk_prints_it_tells_a_part_or_all(
    deploy: Callable[..., tuple[int, list[str]]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    lines: list[str],
) -> None:
    def deploy_everything(*_: object, say: Callable[[str], None], **__: object) -> None:
        for line in ("", " ✅  slipway-dev-storage"):
            say(line)

    @contextmanager
    def replaced(*_: object, **__: object) -> Iterator[None]:
        monkeypatch.setattr(command, "deploy_everything", deploy_everything)
        yield

    monkeypatch.setattr(command, "recorded", replaced)
    deploy(*arguments, bucket=Bucket(data_manifest(read_settings({}).dataset)))
    assert capsys.readouterr().out.splitlines()[2:-2] == lines


def test_a_zone_that_has_the_ec2_instance_s_type_is_recorded_in_the_stage_s_file(
    deploy: Callable[..., tuple[int, list[str]]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(command, "find_zone", lambda settings: "" if settings.ec2_zone_id else "euw1-az2")
    there = Bucket(data_manifest(read_settings({}).dataset))
    assert deploy("--settings", "ec2_training=true batch_size=16", bucket=there)[0] == 0
    recorded = json.loads((tmp_path / "stages" / "dev.json").read_text())
    assert recorded == {"stage": "dev", "ec2_training": True, "batch_size": 16, "ec2_zone_id": "euw1-az2"}
    assert "the EC2 instance goes to zone euw1-az2, which has t2.micro" in capsys.readouterr().out


def test_what_preflight_finds_wrong_ends_it_before_anything_is_created(
    deploy: Callable[..., tuple[int, list[str]]], capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise NotReady("nothing was created")

    there = Bucket(data_manifest(read_settings({}).dataset))
    assert deploy(bucket=there, require_ready=refuse) == (1, ["synthesize"])
    assert capsys.readouterr().err == "error: nothing was created\n"


def test_a_stack_that_is_no_longer_asked_for_is_removed_when_that_is_confirmed(
    deploy: Callable[..., tuple[int, list[str]]], capsys: pytest.CaptureFixture[str]
) -> None:
    there, gone = Bucket(data_manifest(read_settings({}).dataset)), ("slipway-dev-notebook",)
    assert deploy(bucket=there, obsolete=gone) == (1, ["synthesize"])
    said = capsys.readouterr()
    assert "no longer ask for it: stack slipway-dev-notebook, with the files on its instance's disk\n" in said.out
    assert said.err == "error: no terminal to confirm on: add YES=1 to skip the question\n"
    code, steps = deploy("--yes", bucket=there, obsolete=gone)
    assert (code, steps[-2:]) == (0, ["remove slipway-dev-notebook", "deploy_everything"])


def test_while_another_deploy_runs_it_changes_and_records_nothing(
    deploy: Callable[..., tuple[int, list[str]]], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def refuse(*_: object) -> None:
        raise StackBusy("stack slipway-dev-serving is being changed since …")

    there = Bucket(data_manifest(read_settings({}).dataset))
    assert deploy("-c", "epochs=2", bucket=there, require_idle=refuse) == (1, ["synthesize"])
    assert capsys.readouterr().err == "error: stack slipway-dev-serving is being changed since …\n"
    assert not (tmp_path / "stages").exists()


def test_wrong_settings_are_all_told_before_anything_else(
    deploy: Callable[..., tuple[int, list[str]]], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert deploy("--settings", "stagee=prod epochs=0", "-c", "8", bucket=Bucket()) == (1, [])
    assert capsys.readouterr().err == "error: 8 is not NAME=VALUE: quote a value with spaces, NAME='…'\n"
    assert deploy("--settings", "stagee=prod epochs=0", bucket=Bucket()) == (1, [])
    assert capsys.readouterr().err.splitlines() == [
        "error: epochs = '0': must be a whole number from 1 to 1000 (set it in stages/dev.json or with -c epochs=…)",
        "error: stagee is not a setting: did you mean stage?",
    ]
    assert not (tmp_path / "stages").exists()


def test_weights_have_to_be_there_even_when_the_images_come_with_the_deploy(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = read_settings({"stage": "prod", "weights": WEIGHTS})
    monkeypatch.setattr(boto3, "client", lambda *_: Bucket())
    with pytest.raises(NotReady, match=r"weights = 111111111111… are not in bucket") as missing:
        require_uploaded(settings, BUCKET, images=False)
    assert str(missing.value).endswith(
        'if there is no bucket yet, make deploy SETTINGS="stage=prod weights= trainable=all", '
        'then make weights SETTINGS="stage=prod"'
    )
    monkeypatch.setattr(boto3, "client", lambda *_: Bucket(weights_key(WEIGHTS)))
    require_uploaded(settings, BUCKET, images=False)


def test_who_may_not_list_the_bucket_is_not_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    class Closed(Bucket):
        def list_objects_v2(self, **_: Any) -> dict[str, Any]:
            raise ClientError({"Error": {"Code": "AccessDenied"}}, "ListObjectsV2")

    monkeypatch.setattr(boto3, "client", lambda *_: Closed())
    require_uploaded(read_settings({}), BUCKET, images=True)


def test_ctrl_c_while_it_deploys_says_what_runs_on(
    deploy: Callable[..., tuple[int, list[str]]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    @contextmanager
    def interrupted(*_: object, **__: object) -> Iterator[None]:
        raise KeyboardInterrupt
        yield

    monkeypatch.setattr(command, "recorded", interrupted)
    monkeypatch.setattr("tools.deploy.interrupted.what_runs", lambda *_: "stopped here; a job runs on")
    assert deploy(bucket=Bucket(data_manifest(read_settings({}).dataset)))[0] == 130
    assert capsys.readouterr().err == "stopped here; a job runs on\n"

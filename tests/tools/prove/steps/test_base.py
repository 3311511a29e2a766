"""The first step: a region or an account in which a deploy could not work is told so, and nothing is created."""

from types import SimpleNamespace
from typing import Any

import pytest

from settings import read_settings
from tools.deploy.preflight.run import Finding
from tools.preflight import NotReady
from tools.prove.steps import base

RIGHT = Finding("CDK bootstrap", "right", "version 30")
UNKNOWN = Finding("billing access", "unknown", "you may not ask")
NO_TYPE = Finding("SageMaker quotas", "wrong", "ml.m5.large for endpoint usage is 0, needed: 4")


def system() -> Any:
    return SimpleNamespace(
        given=dict(base.SETTINGS), assembly=lambda: None, target=lambda assembly: assembly(), say=lambda _: None
    )


def test_a_region_without_the_instance_type_is_told_before_anything_is_created(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "run", lambda _: [RIGHT, NO_TYPE])
    with pytest.raises(NotReady, match=r"ml\.m5\.large for endpoint usage is 0, needed: 4\nnothing was created"):
        base.preflight(system())


def test_what_is_unknown_is_an_answer_and_no_reason_to_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "run", lambda _: [RIGHT, UNKNOWN])
    monkeypatch.setattr(base, "find_zone", lambda _: "")
    facts = base.preflight(system())
    assert (facts["right"], facts["unknown"]) == ([str(RIGHT)], [str(UNKNOWN)])


def test_the_zone_of_the_ec2_instance_is_found_as_a_deploy_finds_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "run", lambda _: [RIGHT])
    monkeypatch.setattr(base, "find_zone", lambda settings: f"zone with {settings.ec2_instance_type}")
    assert base.preflight(system())["zone"] == "zone with t2.micro"


def test_the_images_are_uploaded_as_the_settings_say(monkeypatch: pytest.MonkeyPatch) -> None:
    proved: Any = SimpleNamespace(
        **vars(system()), settings=read_settings({"image_layout": "shards"}), account="1", region="r",
        images="images", steps=SimpleNamespace(say_briefly=None), job_names=lambda besides=None: [],
    )  # fmt: skip
    proved.assembly = lambda: SimpleNamespace(bootstrap=("hnb659fds", 6))
    used: list[Any] = []
    monkeypatch.setattr(base, "make_scaling_roles", lambda *_, **__: None)
    monkeypatch.setattr(base, "bootstrap", lambda *_: True)
    monkeypatch.setattr(base, "deploy_everything", lambda *_, layout, say: used.append(layout))
    base.base(proved)
    assert used == ["shards"]

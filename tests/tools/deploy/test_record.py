"""`make deploy DATA=… SETTINGS=…` and the stage's file, after success and after failure."""

import json
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from settings import Sources, read_settings
from tools.cdk import CdkFailed
from tools.deploy.record import recorded
from tools.preflight import NotReady

MINE = "d" * 64


@pytest.fixture(autouse=True)
def stages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "stages"
    monkeypatch.setenv("SLIPWAY_STAGES", str(folder))
    return folder


def deploy(given: dict[str, str]) -> list[str]:
    said: list[str] = []
    with recorded(given, read_settings(given), say=said.append):
        pass
    return said


def written(stages: Path, stage: str = "dev") -> dict[str, object]:
    return json.loads((stages / f"{stage}.json").read_text())  # type: ignore[no-any-return]


def test_a_plain_deploy_afterwards_has_the_same_settings(stages: Path) -> None:
    given = {"app": "birds", "dataset": MINE, "epochs": "3", "notebook": "true", "url_hosts": ""}
    said = deploy(given)
    assert read_settings({}) == read_settings(given)
    assert written(stages) == {
        "stage": "dev", "app": "birds", "dataset": MINE, "epochs": 3, "notebook": True, "url_hosts": "",
    }  # fmt: skip
    assert said == [f"{stages / 'dev.json'} has what is deployed now: commit it"]


def test_what_is_given_later_joins_what_was_given_before(stages: Path) -> None:
    deploy({"dataset": MINE})
    deploy({"epochs": "3"})
    assert written(stages) == {"stage": "dev", "dataset": MINE, "epochs": 3}


def test_another_stage_is_left_alone(stages: Path) -> None:
    deploy({"stage": "prod", "dataset": MINE})
    before = (stages / "prod.json").read_bytes()
    deploy({"dataset": "e" * 64, "epochs": "3"})
    assert (stages / "prod.json").read_bytes() == before
    assert read_settings({"stage": "prod"}).dataset == MINE


def test_a_name_without_a_value_is_taken_out(stages: Path) -> None:
    deploy({"epochs": "3", "weights": "1" * 64})
    deploy({"epochs": "", "weights": ""})
    assert written(stages) == {"stage": "dev"}


def test_a_default_that_is_given_is_kept_as_given(stages: Path) -> None:
    deploy({"epochs": "20"})
    assert written(stages) == {"stage": "dev", "epochs": 20}


def test_a_plain_deploy_writes_nothing(stages: Path) -> None:
    assert deploy({}) == []
    assert not stages.exists()
    deploy({"epochs": "3"})
    (stages / "dev.json").write_text('{"epochs": 3,     "stage": "dev"}')
    assert deploy({"epochs": "3"}) == []
    assert (stages / "dev.json").read_text() == '{"epochs": 3,     "stage": "dev"}'


def test_a_deploy_that_fails_leaves_the_file_as_it_was_and_says_so(
    stages: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for before in (None, {"stage": "dev", "dataset": MINE}):
        if before:
            deploy({"dataset": MINE})
        with pytest.raises(CdkFailed), recorded({"epochs": "3"}, read_settings({"epochs": "3"}), say=print):
            raise CdkFailed("rolled back")
        assert (written(stages) if before else not (stages / "dev.json").exists()) == (before or True)
    assert capsys.readouterr().out.count("is as it was before this deploy: give DATA and SETTINGS again") == 2


@pytest.mark.parametrize(
    "error",
    [
        KeyboardInterrupt(),
        NotReady("nothing answers"),
        BrokenPipeError(),
        ClientError({"Error": {"Code": "ExpiredToken"}}, "DescribeStacks"),
    ],
)
def test_a_deploy_that_goes_on_without_this_process_is_what_the_file_says(
    stages: Path, error: BaseException, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(type(error)), recorded({"epochs": "3"}, read_settings({"epochs": "3"}), say=print):
        raise error
    assert written(stages) == {"stage": "dev", "epochs": 3}
    assert "has what you asked for: the same command goes on with it" in capsys.readouterr().out


def test_in_a_read_only_checkout_it_deploys_and_says_what_to_write(stages: Path) -> None:
    stages.symlink_to("/proc")  # takes no files, not even root's
    deployed = False
    said: list[str] = []
    with recorded({"epochs": "3"}, read_settings({"epochs": "3"}), say=said.append):
        deployed = True
    assert deployed
    [line] = said
    assert line.startswith(f"{stages / 'dev.json'} cannot be written (")
    assert json.loads(line.partition("write into it:\n")[2]) == {"stage": "dev", "epochs": 3}


def test_a_deploy_that_is_stopped_there_says_what_to_give_again(stages: Path) -> None:
    stages.symlink_to("/proc")
    said: list[str] = []
    with (
        pytest.raises(KeyboardInterrupt),
        recorded({"epochs": "3"}, read_settings({"epochs": "3"}), say=said.append),
    ):
        raise KeyboardInterrupt
    [line] = said
    assert line.startswith(f"{stages / 'dev.json'} cannot be written (")
    assert line.endswith("give DATA and SETTINGS again to go on with this deploy")


def test_the_file_is_whole_or_as_it_was_when_the_disk_is_full(stages: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deploy({"epochs": "3"})
    file = Sources().stage_file("dev")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(OSError, match="No space"):
        file.write(file.changed({"epochs": 4}))
    monkeypatch.undo()
    assert [path.name for path in stages.iterdir()] == ["dev.json"]
    assert json.loads((stages / "dev.json").read_text())["epochs"] == 3

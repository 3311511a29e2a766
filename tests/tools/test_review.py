"""`make review`: the comment of a pull request."""

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from iam.diff import MAX_CHARACTERS
from iam.revision import RevisionError
from tests.iam.conftest import synthesize
from tools import cdk, review


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return synthesize(tmp_path_factory.mktemp("base"))


@pytest.fixture(autouse=True)
def asked(base: Path, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    """The settings of each synthesis. The revision "main" is the app as it is; there is no other."""
    given: list[dict[str, str]] = []

    @contextmanager
    def synthesized(revision: str, settings: Mapping[str, str]) -> Iterator[Path]:
        if revision != "main":
            raise RevisionError(f"{revision} is not a revision")
        given.append(dict(settings))
        yield base

    monkeypatch.setattr(review, "synthesized", synthesized)
    _now_is(base, monkeypatch)
    return given


def _now_is(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cdk, "synthesize", lambda out, _: shutil.copytree(folder, out, dirs_exist_ok=True))


def _changed(base: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, stack: str, old: str, new: str) -> None:
    shutil.copytree(base, folder)
    _now_is(folder, monkeypatch)
    template = folder / f"slipway-dev-{stack}.template.json"
    assert old in template.read_text()
    template.write_text(template.read_text().replace(old, new))


@pytest.fixture
def two_instances(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The app is now one with another instance."""
    count = '"InitialInstanceCount": '
    _changed(base, tmp_path / "now", monkeypatch, "serving", f"{count}1", f"{count}2")


@pytest.mark.usefixtures("two_instances")
def test_the_comment_has_what_changed_in_templates_permissions_and_cost(tmp_path: Path) -> None:
    assert review.main(["main", "--markdown", str(tmp_path / "comment.md")]) == 0
    comment = (tmp_path / "comment.md").read_text()
    headings = [line for line in comment.splitlines() if line.startswith("### ")]
    assert headings == ["### Templates", "### IAM", "### Cost"]
    assert comment.count("<summary>") == 1
    assert '[+]     "InitialInstanceCount": 2' in comment
    assert "No role may do more or less than before." in comment
    assert "+83.95" in comment


def test_each_stage_has_a_part_of_the_comment_unless_one_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: list[dict[str, str]], capsys: pytest.CaptureFixture[str]
) -> None:
    """A pull request may change stages/prod.json alone."""
    (tmp_path / "prod.json").write_text('{"stage": "prod"}')
    monkeypatch.setenv("SLIPWAY_STAGES", str(tmp_path))
    assert review.main(["main", "-c", "epochs=2"]) == 0
    assert [line for line in capsys.readouterr().out.splitlines() if line.startswith("## ")] == [
        "## Stage `dev`",
        "## Stage `prod`",
    ]
    assert asked == [{"epochs": "2", "stage": "dev"}, {"epochs": "2", "stage": "prod"}]
    assert review.main(["main", "-c", "stage=prod"]) == 0
    assert asked[2:] == [{"stage": "prod"}]


@pytest.mark.usefixtures("two_instances")
def test_stages_share_the_length_of_a_comment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(10):
        (tmp_path / f"s{number}.json").write_text("{}")
    monkeypatch.setenv("SLIPWAY_STAGES", str(tmp_path))
    monkeypatch.setattr(review, "_stacks", lambda *_: ["x" * 7000])
    monkeypatch.setattr(review, "as_markdown", lambda *_: "### Cost\n")
    assert review.main(["main", "--markdown", str(tmp_path / "comment.md")]) == 0
    comment = (tmp_path / "comment.md").read_text()
    assert len(comment) <= MAX_CHARACTERS
    assert comment.count("prints it") == 11


def test_a_checkout_that_the_gate_finds_something_in_is_compared_all_the_same(
    base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def synthesize(out: Path, _: Mapping[str, str], *, written: bool) -> None:
        if written:
            shutil.copytree(base, out, dirs_exist_ok=True)
        raise cdk.CdkFailed(["[too-much]"])

    monkeypatch.setattr(cdk, "synthesize", partial(synthesize, written=True))
    assert "Nothing changes" in review.review("main", {}, "dev", MAX_CHARACTERS)
    monkeypatch.setattr(cdk, "synthesize", partial(synthesize, written=False))
    with pytest.raises(cdk.CdkFailed):
        review.review("main", {}, "dev", MAX_CHARACTERS)


def test_a_permission_is_a_sentence(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stop, delete = '"sagemaker:StopTrainingJob"', '"sagemaker:DeleteModel"'
    _changed(base, tmp_path / "now", monkeypatch, "roles", stop, delete)
    sentence = "⚠️ `slipway-dev-trained-model-REGION` may now `sagemaker:DeleteModel`"
    assert sentence in review.review("main", {}, "dev", MAX_CHARACTERS)


def test_a_stack_that_is_gone_is_named(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(base, tmp_path / "now")
    manifest = json.loads((base / "manifest.json").read_text())
    del manifest["artifacts"]["slipway-dev-operations"]
    (tmp_path / "now" / "manifest.json").write_text(json.dumps(manifest))
    _now_is(tmp_path / "now", monkeypatch)
    gone = "Stack `slipway-dev-operations` is no longer in the app"
    assert gone in review.review("main", {}, "dev", MAX_CHARACTERS)


@pytest.mark.usefixtures("two_instances")
def test_a_diff_over_the_limit_of_a_comment_is_left_out_but_printed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(review, "DIFF_SHARE", 0.001)
    assert review.main(["main", "--markdown", str(tmp_path / "comment.md")]) == 0
    assert "`make review BASE=main SETTINGS=stage=dev` prints it" in (tmp_path / "comment.md").read_text()
    assert review.main(["main"]) == 0
    assert '[+]     "InitialInstanceCount": 2' in capsys.readouterr().out


def test_a_wrong_revision_or_setting_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert review.main(["nothing"]) == 1
    assert capsys.readouterr().err == "error: nothing is not a revision\n"
    assert review.main(["main", "-c", "stage=Prod"]) == 1
    assert capsys.readouterr().err.startswith("error: stage")

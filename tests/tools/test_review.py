"""`make review`: the comment of a pull request."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from iam.revision import RevisionError
from tests.iam.conftest import synthesize
from tools import review


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return synthesize(tmp_path_factory.mktemp("base"))


@pytest.fixture(autouse=True)
def main_is_base(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The revision "main" is the app as it is; there is no other."""

    @contextmanager
    def synthesized(revision: str) -> Iterator[Path]:
        if revision != "main":
            raise RevisionError(f"{revision} is not a revision")
        yield base

    monkeypatch.setattr(review, "synthesized", synthesized)


def _changed(base: Path, folder: Path, stack: str, old: str, new: str) -> Path:
    shutil.copytree(base, folder)
    template = folder / f"slipway-dev-{stack}.template.json"
    assert old in template.read_text()
    template.write_text(template.read_text().replace(old, new))
    return folder


def test_the_comment_has_what_changed_in_templates_permissions_and_cost(base: Path, tmp_path: Path) -> None:
    folder = _changed(base, tmp_path / "now", "serving", '"InitialInstanceCount": 1', '"InitialInstanceCount": 2')
    assert review.main(["main", str(folder), "--markdown", str(tmp_path / "comment.md")]) == 0
    comment = (tmp_path / "comment.md").read_text()
    headings = [line for line in comment.splitlines() if line.startswith("### ")]
    assert headings == ["### Templates", "### IAM", "### Cost"]
    assert comment.count("<summary>") == 1
    assert '[+]     "InitialInstanceCount": 2' in comment
    assert "No role may do more or less than before." in comment
    assert "+83.95" in comment


def test_a_permission_is_a_sentence(base: Path, tmp_path: Path) -> None:
    folder = _changed(base, tmp_path / "now", "roles", '"sagemaker:StopTrainingJob"', '"sagemaker:DeleteModel"')
    assert "⚠️ `slipway-dev-trained-model-REGION` may now `sagemaker:DeleteModel`" in review.review("main", folder)


def test_a_stack_that_is_gone_is_named(base: Path, tmp_path: Path) -> None:
    shutil.copytree(base, tmp_path / "now")
    manifest = json.loads((base / "manifest.json").read_text())
    del manifest["artifacts"]["slipway-dev-operations"]
    (tmp_path / "now" / "manifest.json").write_text(json.dumps(manifest))
    assert "Stack `slipway-dev-operations` is no longer in the app" in review.review("main", tmp_path / "now")


def test_a_diff_over_the_limit_of_a_comment_is_left_out(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "Nothing changes" in review.review("main", base)
    folder = _changed(base, tmp_path / "now", "serving", '"InitialInstanceCount": 1', '"InitialInstanceCount": 2')
    monkeypatch.setattr(review, "MAX_DIFF_CHARACTERS", 50)
    assert "`make review BASE=main` prints it" in review.review("main", folder)


def test_a_wrong_revision_or_folder_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert review.main(["nothing", str(tmp_path)]) == 1
    assert review.main(["main", str(tmp_path)]) == 1
    first, second = capsys.readouterr().err.splitlines()
    assert first == "error: nothing is not a revision"
    assert "run make synth" in second

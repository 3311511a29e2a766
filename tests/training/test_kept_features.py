"""Features that a stopped run has computed are not computed again."""

import json
import pickle
from pathlib import Path

import numpy as np
import pytest

from training.environment import Process
from training.errors import InputError
from training.identity import identity
from training.kept_features import EVERY_SECONDS, KeptFeatures
from training.settings import Hyperparameters

FOUND = np.arange(24, dtype=np.float32).reshape(4, 2, 3)


def kept(folder: Path, *, epochs: int = 5, engine: str = "OpenVINO fp32", rank: int = 0) -> KeptFeatures:
    ours = identity(Hyperparameters(epochs=epochs), "aaa", None)
    return KeptFeatures(folder, "train", process=Process(rank, 2), identity=ours, engine=engine)


def test_what_was_saved_is_found_by_the_same_process_of_a_later_run(tmp_path: Path) -> None:
    kept(tmp_path).save(FOUND)
    assert np.array_equal(kept(tmp_path).load(2, 3), FOUND)
    assert kept(tmp_path, rank=1).load(2, 3).shape == (0, 2, 3)
    assert [path.name for path in tmp_path.iterdir()] == ["features-train-0-of-2.npz"]


def test_without_a_folder_nothing_is_kept() -> None:
    none = KeptFeatures()
    none.save(FOUND)
    assert none.load(2, 3).shape == (0, 2, 3)


def test_whoever_is_killed_while_writing_leaves_what_was_kept_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept(tmp_path).save(FOUND)

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "savez", killed)
    with pytest.raises(KeyboardInterrupt):
        kept(tmp_path).save(FOUND[:1])
    assert np.array_equal(kept(tmp_path).load(2, 3), FOUND)


def test_features_of_another_run_are_refused_with_what_differs(tmp_path: Path) -> None:
    kept(tmp_path).save(FOUND)
    with pytest.raises(InputError, match=r"is of another run, with other epochs \(5, now 9\): remove it, or use"):
        kept(tmp_path, epochs=9).load(2, 3)


def test_those_of_another_engine_are_computed_anew(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept(tmp_path).save(FOUND)
    assert kept(tmp_path, engine="OpenVINO bf16").load(2, 3).shape == (0, 2, 3)
    assert "is of OpenVINO fp32: computing again, in OpenVINO bf16" in capsys.readouterr().out


def damaged() -> dict[str, bytes]:
    return {"empty": b"", "text": b"no features", "half a zip": b"PK\x03\x04", "a pickle": pickle.dumps([1])}


@pytest.mark.parametrize("kind", damaged())
def test_a_damaged_file_is_refused(tmp_path: Path, kind: str) -> None:
    (tmp_path / "features-train-0-of-2.npz").write_bytes(damaged()[kind])
    with pytest.raises(InputError, match="is no checkpoint of this program: remove it to start anew"):
        kept(tmp_path).load(2, 3)


def test_a_pickle_inside_is_not_read(tmp_path: Path) -> None:
    about = np.array(json.dumps({"identity": {}, "engine": ""}))
    np.savez(tmp_path / "features-train-0-of-2.npz", about=about, features=np.array([{}], dtype=object))
    with pytest.raises(InputError, match="is no checkpoint of this program"):
        kept(tmp_path).load(2, 3)


def test_it_saves_seldom_and_takes_little_of_the_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    saved: list[float] = []

    def slow(*_: object, **__: object) -> None:
        saved.append(now[0])
        now[0] += 20

    monkeypatch.setattr(np, "savez", slow)
    seldom = KeptFeatures(tmp_path, clock=lambda: now[0])
    for _ in range(40):
        now[0] += 10
        seldom.save_seldom(FOUND)
    assert saved == [EVERY_SECONDS, EVERY_SECONDS + 20 + 200]

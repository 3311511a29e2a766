"""python -m training.tune: real runs on this machine, the best one kept."""

import json
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.waiting import LIMIT_SECONDS, until
from training import trial, trials
from training.ranges import Choice
from training.trials import Plan, Tuner
from training.tune import main

TINY = (
    "--architecture",
    "resnet10",
    "--image-size",
    "16",
    "--batch-size",
    "24",
    "--epochs",
    "1",
    "--export-int8",
    "never",
)


@pytest.fixture
def tiny_digits(few_digits: Path) -> Path:
    for split in ("train", "valid", "test"):
        for folder in (few_digits / split).iterdir():
            for image in sorted(folder.iterdir())[12 if split == "train" else 5 :]:
                image.unlink()
    return few_digits


def test_the_best_run_in_validation_is_left(
    tiny_digits: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "tuned"
    (output / "trials" / "007").mkdir(parents=True)  # of a tuning that was killed
    flags = ["--data", str(tiny_digits), "--output", str(output), "--max-jobs", "2", "--parallel-jobs", "2", *TINY]

    assert main([*flags, "--learning-rate", "0.001..0.05", "--strategy", "Random", "--seed", "5"]) == 0

    record = json.loads((output / "tuning.json").read_text())
    assert [trial["status"] for trial in record["trials"]] == ["completed"] * 2
    best = record["trials"][record["best"] - 1]
    assert best["validation_accuracy"] == max(trial["validation_accuracy"] for trial in record["trials"])
    metrics = json.loads((output / "output" / "data" / "metrics.json").read_text())
    assert str(metrics["settings"]["learning-rate"]) == best["values"]["learning-rate"]
    assert metrics["test"]["accuracy"] == best["test_accuracy"]
    assert 0.001 <= metrics["settings"]["learning-rate"] <= 0.05
    assert metrics["settings"]["seed"] == 5
    assert (output / "model" / "model.onnx").exists()
    assert sorted(path.name for path in output.iterdir()) == ["model", "output", "tuning.json"]
    table = capsys.readouterr().out.splitlines()[-3:]
    assert table[0].split() == ["trial", "learning-rate", "validation", "test", "seconds", "status"]
    assert [line.split()[0] for line in table[1:]].count(f"{record['best']}*") == 1


def test_ctrl_c_keeps_the_finished_trials(tiny_digits: Path, tmp_path: Path) -> None:
    output = tmp_path / "tuned"
    command = [sys.executable, "-m", "training.tune", "--data", str(tiny_digits), "--output", str(output)]
    flags = [*TINY, "--max-jobs", "50", "--learning-rate", "0.001..0.05"]
    tuning = subprocess.Popen(
        [*command, *flags], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        # a shell's background job, which this may run in, ignores Ctrl-C, and so would the tuning
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    assert tuning.stdout
    first = tuning.stdout.readline()
    assert first.startswith("trial=1 completed validation:accuracy="), first
    until((output / "trials" / "002").exists)
    tuning.send_signal(signal.SIGINT)
    said = tuning.stdout.read()

    assert tuning.wait(timeout=LIMIT_SECONDS) == 130
    assert said.splitlines()[-1] == f"stopped; the best model so far is in {output / 'model'}"
    record = json.loads((output / "tuning.json").read_text())
    assert [(trial["status"], trial["reason"]) for trial in record["trials"]] == [
        ("completed", ""),
        ("stopped", "interrupted"),
    ]
    assert record["best"] == 1
    assert sorted(path.name for path in output.iterdir()) == ["model", "output", "tuning.json"]


def test_a_closed_terminal_ends_the_tuning_in_order(tiny_digits: Path, tmp_path: Path) -> None:
    output = tmp_path / "tuned"
    command = [sys.executable, "-m", "training.tune", "--data", str(tiny_digits), "--output", str(output)]
    flags = [*TINY, "--max-jobs", "50", "--learning-rate", "0.001..0.05"]
    # As in a terminal, also where the tests run below nohup, which has its children ignore the signal.
    default = partial(signal.signal, signal.SIGHUP, signal.SIG_DFL)
    tuning = subprocess.Popen([*command, *flags], stderr=subprocess.PIPE, text=True, preexec_fn=default)
    until((output / "trials" / "001").exists)
    tuning.send_signal(signal.SIGHUP)
    assert tuning.communicate(timeout=LIMIT_SECONDS)[1] == "stopped; no trial has finished\n"
    assert tuning.returncode == 130
    assert [path.name for path in output.iterdir()] == ["tuning.json"]


def planned(folder: Path, parallel: int) -> Plan:
    return Plan(
        data=folder,
        output=folder,
        fixed={},
        ranges={"epochs": Choice(("1", "2"))},
        max_jobs=2,
        parallel_jobs=parallel,
        strategy="Bayesian",
        early_stopping=False,
        seed=0,
    )


def test_a_tuning_that_fails_leaves_no_run_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[subprocess.Popen[str]] = []
    variables: list[dict[str, str]] = []

    def start(_: object, **options: Any) -> subprocess.Popen[str]:
        """The second trial ends, the first would go on; what a trial leaves is not there to be read."""
        variables.append(options["env"])
        program = "pass" if started else "import time; time.sleep(600)"
        started.append(subprocess.Popen([sys.executable, "-c", program], **options))
        return started[-1]

    monkeypatch.setattr(trial, "subprocess", SimpleNamespace(**{**vars(subprocess), "Popen": start}))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    with pytest.raises(FileNotFoundError, match=r"metrics\.json"):
        Tuner(planned(tmp_path, parallel=2), lambda line: None).run()
    assert [run.poll() for run in started] == [-signal.SIGTERM, 0]
    assert list(tmp_path.iterdir()) == []
    assert [given["CUDA_VISIBLE_DEVICES"] for given in variables] == ["0", "1"]
    assert len({given["MASTER_PORT"] for given in variables}) == 2


@pytest.mark.parametrize("parallel", [1, 2])
def test_trials_at_the_same_time_are_kept_from_trying_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, parallel: int
) -> None:
    asked: list[bool] = []
    monkeypatch.setattr(trials, "Search", lambda *_, keep_apart, **__: asked.append(keep_apart))
    Tuner(planned(tmp_path, parallel), lambda line: None)
    assert asked == [parallel > 1]


def test_when_every_run_fails_so_does_the_tuning(
    tiny_digits: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ["--data", str(tiny_digits), "--output", str(tmp_path / "tuned"), "--max-jobs", "1"]

    assert main([*flags, "--trainable", "head", "--epochs", "1..2"]) == 1

    assert "error: no trial has finished: trainable=head needs pretrained weights" in capsys.readouterr().err
    [trial] = json.loads((tmp_path / "tuned" / "tuning.json").read_text())["trials"]
    assert trial["status"] == "failed"


def test_all_that_is_wrong_with_the_flags_is_told_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flags = ["--data", str(tmp_path), "--output", str(tmp_path / "tuned"), "--max-jobs", "0", "--epochs", "none"]

    assert main([*flags, "--batch-size", "64..32", "--trainable", "head|some"]) == 1

    assert capsys.readouterr().err.splitlines() == [
        "error: batch-size is '64..32': must rise: 64 is not below 32",
        "error: trainable is 'head|some': instead of 'some' give one of head, last-stage, all",
        "error: epochs is 'none': give a whole number from 1 to 1000",
        "error: max-jobs is 0: give a whole number from 1 to 750",
    ]


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--epochs", "3"], "there is nothing to tune: give a setting a range"),
        (["--epochs", "3..5", "--parallel-jobs", "9"], "parallel-jobs is 9: give a whole number from 1 to max-jobs"),
        (["--epochs", "3..5"], "no data set at nowhere"),
        (["--epochs", "3..5", "--weights", "typo.pth"], "no weights at typo.pth: correct --weights"),
    ],
)
def test_what_is_wrong_is_named_with_its_fix(
    flags: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--data", "nowhere", "--output", str(tmp_path), "--max-jobs", "2", *flags]) == 1
    assert said in capsys.readouterr().err


def test_without_optuna_it_says_what_to_install(
    tiny_digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    flags = ["--data", str(tiny_digits), "--output", str(tmp_path / "tuned"), "--max-jobs", "1", "--epochs", "1..2"]

    assert main(flags) == 1

    assert "tuning needs Optuna, which is not installed: run pip install" in capsys.readouterr().err

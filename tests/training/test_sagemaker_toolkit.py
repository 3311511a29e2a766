"""The program where the image's own toolkit runs it, as SAGEMAKER_TRAINING_MODULE says, with all it adds."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from aws.containers import WITHOUT_COMMAND

# What the toolkit does with the function, reduced: whatever is not an exception is a success.
TOOLKIT = """
import importlib, os
module, function = os.environ["SAGEMAKER_TRAINING_MODULE"].split(":")
try:
    getattr(importlib.import_module(module), function)()
finally:
    os._exit(0)
"""


@pytest.fixture
def base(tmp_path: Path) -> Path:
    config = tmp_path / "ml" / "input" / "config"
    config.mkdir(parents=True)
    (config / "resourceconfig.json").write_text('{"current_host": "algo-1", "hosts": ["algo-1"]}')
    texts = {"epochs": "1", "image-size": "16", "_tuning_objective_metric": "validation:accuracy"}
    (config / "hyperparameters.json").write_text(json.dumps(texts))
    return tmp_path / "ml"


def run(base: Path) -> "subprocess.CompletedProcess[str]":
    environment = os.environ | WITHOUT_COMMAND | {"SAGEMAKER_BASE_DIR": str(base)}
    return subprocess.run([sys.executable, "-c", TOOLKIT], env=environment, capture_output=True, text=True)


def test_a_failed_run_is_no_success_and_its_reason_stays(base: Path) -> None:
    result = run(base)

    assert result.returncode == 1
    assert (base / "output" / "failure").read_text().startswith(f"no data set at {base / 'input/data/images'}")


def test_a_run_returns_to_the_toolkit(base: Path, few_digits: Path) -> None:
    (base / "input" / "data").mkdir()
    (base / "input" / "data" / "images").symlink_to(few_digits)
    config = base / "input" / "config" / "hyperparameters.json"
    texts = json.loads(config.read_text()) | {"architecture": "resnet10", "batch-size": "24", "export-int8": "never"}
    config.write_text(json.dumps(texts))

    result = run(base)

    assert result.returncode == 0, result.stderr
    *lines, test = result.stdout.splitlines()
    [kept] = [line for line in lines if line.startswith("best_epoch=")]
    metrics = json.loads((base / "output" / "data" / "metrics.json").read_text())
    best = metrics["epochs"][metrics["best_epoch"] - 1]
    assert kept == (
        f"best_epoch=1 validation:loss={best['validation_loss']:.4f} "
        f"validation:accuracy={best['validation_accuracy']:.4f}"
    )
    assert test.startswith("test:accuracy=")

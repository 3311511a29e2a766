"""python -m training: a job from a zip in SageMaker's layout, and every failure as one clear reason."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image

from serving.preprocessing import READABLE
from tools.deploy.convert_weights import pack
from training.__main__ import main
from training.errors import LostPeers
from training.feed import Feed
from training.folder import digest, inspect
from training.model import build
from training.settings import Hyperparameters

METRICS = (Path(__file__).parents[2] / "docs" / "training.md").read_text().partition("`metrics.json` (")[2]


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Base directory of a job on one host, without a data set yet."""
    config = tmp_path / "ml" / "input" / "config"
    config.mkdir(parents=True)
    (config / "resourceconfig.json").write_text('{"current_host": "algo-1", "hosts": ["algo-1"]}')
    (config / "hyperparameters.json").write_text('{"epochs": "1", "image-size": "16"}')
    monkeypatch.setenv("SAGEMAKER_BASE_DIR", str(tmp_path / "ml"))
    return tmp_path / "ml"


def failure(job: Path) -> str:
    return (job / "output" / "failure").read_text()


def test_a_job_runs_from_a_zip_and_learns(job: Path, few_digits: Path, program: Path) -> None:
    shutil.copytree(few_digits, job / "input" / "data" / "images")
    settings = {
        "architecture": "resnet10",
        "epochs": "6",
        "image-size": "16",
        "batch-size": "8",
        "learning-rate": "0.005",
        "augment": "shift",
    }
    (job / "input" / "config" / "hyperparameters.json").write_text(json.dumps(settings))
    (job / "output").mkdir()
    (job / "output" / "failure").write_text("of an earlier run")
    environment = os.environ | {"PYTHONPATH": str(program), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "training"]
    result = subprocess.run(command, cwd=job, env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr

    lines = result.stdout.splitlines()
    assert lines[0].endswith("resnet10, from scratch: no weights were given")
    assert torch.cuda.is_available() or lines[1] == "training on cpu, 1 thread a process"
    metrics = json.loads((job / "output" / "data" / "metrics.json").read_text())
    best = metrics["epochs"][metrics["best_epoch"] - 1]
    assert best["validation_accuracy"] == max(epoch["validation_accuracy"] for epoch in metrics["epochs"])
    [line] = [line for line in lines if line.startswith(f"epoch={metrics['best_epoch']} ") and "validation" in line]
    assert line.rpartition(" train:images_per_second=")[0] == (
        f"epoch={metrics['best_epoch']} train:loss={best['train_loss']:.4f} "
        f"validation:loss={best['validation_loss']:.4f} "
        f"validation:accuracy={best['validation_accuracy']:.4f}"
    )
    test = metrics["test"]
    assert lines[-1] == (
        f"test:accuracy={test['accuracy']:.4f} test:balanced_accuracy={test['balanced_accuracy']:.4f} "
        f"test:lowest_class_accuracy={test['lowest_class']['accuracy']:.4f} test:loss={test['loss']:.4f}"
    )
    [low, high] = test["accuracy_interval"]
    assert low < test["accuracy"] < high or test["accuracy"] == high == 1
    assert list(metrics["phases"]) == ["decode", "train", "evaluate", "export"]
    assert 0 < sum(metrics["phases"].values()) < metrics["seconds"]
    assert test["accuracy"] >= 0.9
    assert {name: entry["images"] for name, entry in test["classes"].items()} == {"0": 10, "1": 10}
    assert {name: sum(row.values()) for name, row in test["confusion"].items()} == {"0": 10, "1": 10}
    right = sum(row.get(name, 0) for name, row in test["confusion"].items())
    assert right == round(20 * test["accuracy"])
    assert len(test["mistakes"]) == 20 - right
    assert metrics["images"] == {"train": 48, "valid": 20, "test": 20}
    names = re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (`.*?) \|", METRICS, re.MULTILINE)))
    assert {*metrics, "engine"} == {*names}
    assert metrics["world"] == 1
    assert f"training on {metrics['device']} a process" == lines[1]
    model = job / "model"
    assert {path.name for path in model.iterdir()} == {"model.onnx", "model.json"}
    assert json.loads((model / "model.json").read_text())["labels"] == ["0", "1"]
    assert not (job / "output" / "failure").exists()
    assert (job / "checkpoints" / "checkpoint.pt").exists()
    assert {"class 0", "class 1"} == {line[:7] for line in lines if line.endswith(" of 10 test images")}
    for picture in ("curves", "confusion", "mistakes"):
        with Image.open(job / "output" / "data" / f"{picture}.png") as image:
            image.verify()


def test_images_other_than_those_asked_for_are_refused_before_any_is_opened(job: Path, few_digits: Path) -> None:
    """Whoever may write where the images lie would otherwise decide what is served."""
    images = shutil.copytree(few_digits, job / "input" / "data" / "images")
    asked = digest(inspect(images))
    (job / "input" / "config" / "hyperparameters.json").write_text(json.dumps({"dataset-digest": asked}))
    changed = next((images / "train" / "0").iterdir())
    changed.write_bytes(b"\x89PNG\r\n\x1a\n of somebody else")

    assert main([]) == 1

    assert re.search(f"has the digest [0-9a-f]{{64}}, not {asked}: give the images of that digest", failure(job))
    assert not (job / "model").exists()


def test_a_process_that_lost_the_others_ends_after_the_one_that_failed(
    job: Path, few_digits: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.move(few_digits, job / "input" / "data" / "images")
    waited: list[float] = []
    monkeypatch.setattr("training.__main__.time.sleep", waited.append)

    def lose(*_: object, **__: object) -> None:
        raise LostPeers("process 0 of 2 lost the others")

    monkeypatch.setattr("training.loop.fit", lose)
    assert main([]) == 1
    assert failure(job) == "process 0 of 2 lost the others"
    assert waited == [2]


def test_out_of_memory_names_the_settings_to_lower(
    job: Path, few_digits: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.move(few_digits, job / "input" / "data" / "images")

    def take_too_much(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr("training.loop.fit", take_too_much)
    assert main([]) == 1
    assert failure(job).startswith("out of memory: lower batch-size (64) or image-size (16)")


def test_a_full_disk_is_named_even_where_the_reason_cannot_be_written(
    job: Path, few_digits: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.move(few_digits, job / "input" / "data" / "images")

    def fill(*_: object, **__: object) -> None:
        (job / "output" / "failure").symlink_to("/dev/full")
        Path("/dev/full").write_text("features")

    monkeypatch.setattr("training.loop.fit", fill)
    assert main([]) == 1
    assert capsys.readouterr().err == "error: input or output: No space left on device\n"


def test_a_folder_that_cannot_be_written_is_named_before_the_training(
    few_digits: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("training.loop.fit", lambda *_, **__: pytest.fail("it trains"))
    assert main(["--data", str(few_digits), "--output", "/proc/results"]) == 1
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("error: /proc/results")


def test_a_loss_that_is_no_number_names_the_setting_to_lower(
    job: Path, few_digits: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.move(few_digits, job / "input" / "data" / "images")
    monkeypatch.setattr(Feed, "images", lambda _, batch: torch.full((len(batch.labels), 3, 16, 16), torch.nan))
    assert main([]) == 1
    assert failure(job) == "the loss is not a number in epoch 1, step 1: lower learning-rate (0.02)"


def test_images_that_were_left_out_are_named_and_counted(
    few_digits: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = sorted((few_digits / "train" / "0").iterdir())[0]
    image.write_bytes(b"")
    flags = ["--architecture", "resnet10", "--epochs", "1", "--max-unreadable", "0.02"]
    assert run_here(few_digits, tmp_path / "out", *flags) == 0
    line = f"train/0/{image.name}: not an image that can be read: convert it to {READABLE}; replace or remove it"
    assert f"left out {line}" in capsys.readouterr().out.splitlines()
    metrics = json.loads((tmp_path / "out/output/data/metrics.json").read_text())
    assert metrics["left_out"] == [line]
    assert metrics["images"]["train"] == 47


def test_no_data_set(job: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 1
    reason = f"no data set at {job / 'input/data/images'}: give a folder that holds train, valid, test"
    assert capsys.readouterr().err == f"error: {reason}\n"
    assert failure(job) == reason


def test_a_class_missing_in_test(job: Path, few_digits: Path) -> None:
    shutil.rmtree(few_digits / "test" / "1")
    shutil.move(few_digits, job / "input" / "data" / "images")
    assert main([]) == 1
    assert failure(job) == "class 1 is in train, valid but not in test: add images or remove it"


def test_a_corrupt_image(job: Path, few_digits: Path) -> None:
    image = sorted((few_digits / "valid" / "0").iterdir())[0]
    image.write_bytes(b"x")
    shutil.move(few_digits, job / "input" / "data" / "images")
    assert main([]) == 1
    assert failure(job).splitlines() == [
        f"valid/0/{image.name}: not an image that can be read: convert it to {READABLE}; replace or remove it",
        "1 of 88 images are unreadable, and max-unreadable allows 0.01 of them",
    ]
    assert not (job / "model").exists()


def test_settings_that_are_wrong(job: Path, capsys: pytest.CaptureFixture[str]) -> None:
    texts = '{"epochs": "none", "image_sise": "16"}'
    (job / "input" / "config" / "hyperparameters.json").write_text(texts)
    assert main([]) == 1
    assert failure(job).splitlines() == [
        "epochs is 'none': give a whole number from 1 to 1000",
        "unknown setting image_sise: did you mean image-size?",
    ]
    assert len(capsys.readouterr().err.splitlines()) == 2


def test_a_long_reason_is_cut_to_what_sagemaker_shows(job: Path) -> None:
    texts = json.dumps({f"unknown{number}": "" for number in range(100)})
    (job / "input" / "config" / "hyperparameters.json").write_text(texts)
    assert main([]) == 1
    assert len(failure(job)) == 1024


def test_a_fault_of_the_program_keeps_its_trace(
    job: Path, few_digits: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.move(few_digits, job / "input" / "data" / "images")

    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("ours")

    monkeypatch.setattr("training.run.export", fail)
    assert main([]) == 1
    assert failure(job) == "ZeroDivisionError: ours"
    assert "Traceback" in capsys.readouterr().err


def test_flags_without_data(job: Path) -> None:
    assert main(["--epochs", "3"]) == 1
    assert failure(job) == "flags need --data FOLDER: without it, all comes from SageMaker's files"


def test_data_without_output(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--data", "images"]) == 1
    assert "give --output DIR" in capsys.readouterr().err


def test_a_misspelt_flag(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--data", "images", "--output", str(tmp_path), "--epoch", "3"]) == 1
    assert capsys.readouterr().err == "error: unknown setting epoch: did you mean epochs?\n"


def test_a_flag_with_one_hyphen_and_a_stray_word(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--data", "images", "--output", str(tmp_path), "-epochs", "3"]) == 1
    assert capsys.readouterr().err == "error: unknown setting -epochs: did you mean epochs?\n"
    assert main(["--data", "images", "--output", str(tmp_path), "more"]) == 1
    assert "unknown setting more: the settings are architecture" in capsys.readouterr().err


def test_help_and_wrong_settings_do_not_wait_for_torch() -> None:
    program = (
        "import sys; from training.__main__ import main; "
        "main(['--data', 'x', '--output', '/nowhere', '--epochs', '0']); assert 'torch' not in sys.modules"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert "epochs is '0'" in result.stderr
    assert "AssertionError" not in result.stderr


def run_here(few_digits: Path, output: Path, *flags: str) -> int:
    return main(["--data", str(few_digits), "--output", str(output), "--image-size", "16", *flags])


def test_a_head_needs_weights(few_digits: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_here(few_digits, tmp_path, "--trainable", "head") == 1
    assert "trainable=head needs pretrained weights" in capsys.readouterr().err


def test_a_class_of_one_image_that_would_decide_the_training_is_refused_before_it(
    few_digits: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for image in sorted((few_digits / "train" / "1").iterdir())[1:]:
        image.unlink()
    monkeypatch.setattr("training.class_weights.MAX_WEIGHT", 10)
    monkeypatch.setattr("training.run.load", lambda *_, **__: pytest.fail("it reads the images"))
    assert run_here(few_digits, tmp_path, "--class-weights", "balanced") == 1
    assert capsys.readouterr().err == (
        "error: class-weights=balanced would count the only training image of class 1 as 12, more than 10: "
        "add images, remove the class, or set class-weights=none\n"
    )


def test_weights_that_are_not_there_are_no_reason_to_start_from_scratch(
    few_digits: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_here(few_digits, tmp_path, "--weights", "typo.pth") == 1
    said = "error: no weights at typo.pth: correct --weights, or leave it out to start from scratch\n"
    assert capsys.readouterr().err == said


def test_a_wrong_data_set_is_told_once_and_not_by_a_process_of_each_gpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("training.machine.run_stoppable", lambda *_: pytest.fail("it started torchrun"))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    assert run_here(tmp_path / "nowhere", tmp_path) == 1
    assert "error: no data set at " in capsys.readouterr().err


def test_weights_of_another_network(few_digits: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weights = pack(build(Hyperparameters("resnet10"), 1000, None), "resnet10", tmp_path)
    assert run_here(few_digits, tmp_path, "--weights", str(weights)) == 1
    said = "has weights of resnet10, and architecture is resnet18: set architecture=resnet10, or run make weights ARCH="
    assert f"{weights} {said}resnet18" in capsys.readouterr().err
    weights.write_bytes(b"x")
    assert run_here(few_digits, tmp_path, "--weights", str(weights)) == 1
    assert f"{weights} is no .safetensors file" in capsys.readouterr().err


@pytest.mark.parametrize(("trainable", "learning"), [("head", ("fc.",)), ("last-stage", ("fc.", "layer4."))])
def test_layers_that_do_not_learn_stay_as_they_are_with_their_statistics(
    few_digits: Path, tmp_path: Path, trainable: str, learning: tuple[str, ...]
) -> None:
    from training.environment import Process
    from training.folder import inspect
    from training.images import load
    from training.loop import fit

    settings = Hyperparameters(image_size=16, epochs=1, trainable=trainable, augment="shift")
    model = build(settings, 2, None)
    given = {name: value.clone() for name, value in model.state_dict().items()}
    fit(model, load(inspect(few_digits), 16), settings, Process())
    learnt = model.state_dict()
    changed = {name for name in given if not name.startswith("fc.") and not torch.equal(learnt[name], given[name])}
    assert {f"{name.split('.')[0]}." for name in changed} == set(learning) - {"fc."}

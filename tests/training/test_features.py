"""A head on frozen layers: they run once, in whichever engine there is, and what ships is both together."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch

from local_aws.ports import free_port
from serving.preprocessing import READABLE, Preprocessing
from tests.training.stop_after import StopAfter
from tests.waiting import LIMIT_SECONDS
from tools.deploy.convert_weights import pack
from training import engine as module
from training import head
from training.__main__ import main
from training.engine import Engine, open_engine
from training.environment import Process
from training.errors import InputError, Stopped
from training.features import features
from training.folder import Folder, inspect
from training.images import Images
from training.kept_features import KeptFeatures
from training.model import build
from training.quantise import Quantised
from training.settings import Hyperparameters
from training.weights import read

SIDE = 32
NORMALISE = Preprocessing(SIDE).normalise
SETTINGS = Hyperparameters(
    image_size=SIDE, epochs=3, batch_size=8, learning_rate=0.05, trainable="head", precision="fp32"
)

ENGINES = [(("openvino", "onnxruntime"), "OpenVINO"), (("onnxruntime",), "ONNX Runtime"), ((), "PyTorch")]


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    return pack(build(Hyperparameters(), 1000, None), "resnet18", tmp_path_factory.mktemp("weights"))


@pytest.fixture
def folder(few_digits: Path) -> Folder:
    return inspect(few_digits)


@pytest.fixture
def images(folder: Folder) -> dict[str, Images]:
    return {name: Images(split.files, split.labels, SIDE, None) for name, split in folder.splits.items()}


@pytest.fixture
def has_only(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Leaves the named engines installed."""
    return lambda *engines: monkeypatch.setattr(module, "available", lambda name: name in engines)


def flags_of(few_digits: Path, weights: Path) -> list[str]:
    places = ["--data", str(few_digits), "--weights", str(weights)]
    return [*places, "--image-size", str(SIDE), "--trainable", "head", "--batch-size", "8"]


def run_here(few_digits: Path, output: Path, weights: Path, *flags: str) -> int:
    return main([*flags_of(few_digits, weights), "--output", str(output), *flags])


def backbone(weights: Path) -> Callable[[np.ndarray], np.ndarray]:
    """torchvision's features of uint8 images [n, side, side, 3]."""
    model = build(SETTINGS, 1, read(weights)).eval()
    model.fc = torch.nn.Identity()  # type: ignore[assignment]

    def run(pixels: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return model(torch.from_numpy(NORMALISE(pixels))).numpy()  # type: ignore[no-any-return]

    return run


def opened(weights: Path, settings: Hyperparameters = SETTINGS) -> Engine:
    calibration = np.random.default_rng(0).integers(0, 256, (8, SIDE, SIDE, 3), np.uint8)
    return open_engine(weights, settings, process=Process(), threads=1, images=1, calibration=lambda: calibration)


def extract(
    images: Images, engine: Engine, folder: Folder, *, views: int = 1, augment: str = "shift", process: Process
) -> np.ndarray:
    return features(images, engine, count=512, views=views, augment=augment, seed=0, process=process, folder=folder)


@pytest.mark.parametrize(("installed", "name"), ENGINES)
def test_every_engine_gives_torchvisions_features(
    weights: Path, images: dict[str, Images], has_only: Callable[..., None], installed: tuple[str, ...], name: str
) -> None:
    has_only(*installed)
    pixels = images["valid"].take(np.arange(4))
    engine = opened(weights)
    assert engine.name == f"{name} fp32"
    assert engine.run(NORMALISE(pixels)) == pytest.approx(backbone(weights)(pixels), abs=1e-3)


@pytest.mark.parametrize("engine", ["openvino", "onnxruntime"])
def test_int8_features_point_where_the_others_do(
    weights: Path, images: dict[str, Images], has_only: Callable[..., None], engine: str
) -> None:
    has_only(engine)
    pixels = images["valid"].take(np.arange(4))
    expected = backbone(weights)(pixels)
    int8 = opened(weights, replace(SETTINGS, precision="int8")).run(NORMALISE(pixels))
    cosines = (int8 * expected).sum(1) / np.linalg.norm(int8, axis=1) / np.linalg.norm(expected, axis=1)
    assert cosines.min() > 0.9  # of random weights; a trained network's are nearer


@pytest.mark.parametrize(
    ("likeness", "speedup", "precision"), [(0.999, 1.3, "int8"), (0.98, 1.3, "fp32"), (0.999, 1.1, "fp32")]
)
def test_int8_that_nobody_asked_for_has_to_give_nearly_the_same_features_and_to_be_faster(
    weights: Path, monkeypatch: pytest.MonkeyPatch, likeness: float, speedup: float, precision: str
) -> None:
    monkeypatch.setattr(module, "choose_precision", lambda *_, **__: "int8")
    monkeypatch.setattr(
        module, "quantise", lambda network, target, *_: shutil.copy(network, target) and Quantised(0, likeness, speedup)
    )
    assert opened(weights, replace(SETTINGS, precision="auto")).name == f"OpenVINO {precision}"


def test_a_gpu_is_asked_first_and_takes_larger_batches(
    weights: Path, images: dict[str, Images], folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "has_gpu", lambda _: True)
    engine = opened(weights)  # there is none: PyTorch then runs where it can
    assert engine.name.startswith("PyTorch")
    large = replace(engine, batch=5)
    small = extract(images["valid"], engine, folder, process=Process())
    assert extract(images["valid"], large, folder, process=Process()) == pytest.approx(small, abs=1e-4)


@pytest.mark.parametrize(
    ("installed", "precision", "said"),
    [
        ((), "int8", "precision=int8 needs the Python package onnxruntime: install it, or set auto"),
        (("onnxruntime",), "bf16", "precision=bf16: ONNX Runtime computes no bf16; set auto or fp32"),
        ((), "bf16", "precision=bf16: PyTorch on this machine computes no bf16; set auto or fp32"),
    ],
)
def test_precisions_that_an_engine_lacks_are_refused(
    few_digits: Path,
    tmp_path: Path,
    weights: Path,
    has_only: Callable[..., None],
    capsys: pytest.CaptureFixture[str],
    installed: tuple[str, ...],
    precision: str,
    said: str,
) -> None:
    has_only(*installed)
    assert run_here(few_digits, tmp_path, weights, "--precision", precision) == 1
    assert said in capsys.readouterr().err


def test_the_shares_of_several_processes_make_up_what_one_computes(
    weights: Path, images: dict[str, Images], folder: Folder
) -> None:
    engine = opened(weights)
    alone = extract(images["train"], engine, folder, process=Process())
    shares = [extract(images["train"], engine, folder, process=Process(rank, 3)) for rank in range(3)]
    assert sum(shares) == pytest.approx(alone, abs=1e-4)
    assert [int((share != 0).any((1, 2)).sum()) for share in shares] == [16, 16, 16]


def losses(output: Path) -> list[float]:
    metrics = json.loads((output / "output" / "data" / "metrics.json").read_text())
    return [*(epoch["train_loss"] for epoch in metrics["epochs"]), metrics["test"]["loss"]]


def test_several_processes_train_the_head_that_one_would(few_digits: Path, tmp_path: Path, weights: Path) -> None:
    chosen = ["--epochs", "2", "--export-int8", "never", "--precision", "fp32"]
    assert run_here(few_digits, tmp_path / "alone", weights, *chosen) == 0
    flags = [*flags_of(few_digits, weights), *chosen, "--output"]
    variables = os.environ | {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "MASTER_PORT": str(free_port())}
    together = [
        subprocess.Popen(
            [sys.executable, "-m", "training", *flags, str(tmp_path / f"rank{rank}")],
            env=variables | {"RANK": str(rank)},
        )
        for rank in range(2)
    ]
    assert [process.wait() for process in together] == [0, 0]
    assert losses(tmp_path / "rank0") == pytest.approx(losses(tmp_path / "alone"), rel=1e-3)
    assert not (tmp_path / "rank1" / "model").exists()


def test_a_stopped_run_goes_on_with_what_it_has_computed(
    weights: Path, images: dict[str, Images], folder: Folder, tmp_path: Path
) -> None:
    engine = opened(weights)
    computed: list[int] = []

    def counted(pixels: np.ndarray) -> np.ndarray:
        computed.append(len(pixels))
        return engine.run(pixels)

    def run(kept: KeptFeatures | None, stop: Event | None = None) -> tuple[np.ndarray, int]:
        """Features of the second of two processes, and how many views the engine has seen for them."""
        computed.clear()
        found = features(
            images["train"], replace(engine, run=counted),
            count=512, views=2, augment="photo", seed=0, process=Process(1, 2), folder=folder, kept=kept, stop=stop,
        )  # fmt: skip
        return found, sum(computed)

    def kept() -> KeptFeatures:
        return KeptFeatures(tmp_path, process=Process(1, 2))

    whole, views = run(None)
    assert views == 2 * 24
    with pytest.raises(Stopped, match=f"after the features of 12 of 24 train images: {tmp_path} has them"):
        run(kept(), StopAfter(2))
    for expected in (2 * 12, 0):
        again, views = run(kept())
        assert np.array_equal(again, whole)
        assert views == expected


@pytest.mark.long
def test_sigterm_stops_the_command_and_the_same_command_goes_on(
    few_digits: Path, tmp_path: Path, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = [*flags_of(few_digits, weights), "--output", str(tmp_path / "out"), "--checkpoints", str(tmp_path / "kept")]
    flags += ["--views", "100", "--image-size", "128", "--epochs", "2", "--export-int8", "never", "--precision", "fp32"]
    run = subprocess.Popen(
        [sys.executable, "-m", "training", *flags],
        env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert run.stdout
    for line in run.stdout:
        if line.startswith("frozen layers run once"):
            break
    run.send_signal(signal.SIGTERM)
    _, errors = run.communicate(timeout=LIMIT_SECONDS)
    assert run.returncode == 143
    assert errors.startswith("error: stopped as asked (SIGTERM) after the features of ")
    assert f"train images: {tmp_path / 'kept'} has them" in errors
    assert main([*flags, "--epochs", "3"]) == 1
    assert "is of another run, with other epochs (2, now 3)" in capsys.readouterr().err


def test_a_run_that_is_stopped_in_the_heads_training_keeps_the_features(
    few_digits: Path,
    tmp_path: Path,
    weights: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    flags = ["--checkpoints", str(tmp_path / "kept"), "--epochs", "2", "--export-int8", "never"]
    fit = head.fit

    def stopped(*args: object, **settings: object) -> object:
        os.kill(os.getpid(), signal.SIGTERM)
        return fit(*args, **settings)  # type: ignore[arg-type]

    with monkeypatch.context() as during:
        during.setattr(head, "fit", stopped)
        assert run_here(few_digits, tmp_path / "out", weights, *flags) == 143
    kept = tmp_path / "kept"
    assert f"stopped as asked (SIGTERM) in the head's training: {kept} has its features" in capsys.readouterr().err
    assert sorted(path.name for path in kept.iterdir()) == [
        f"features-{name}-0-of-1.npz" for name in ("test", "train", "valid")
    ]
    assert run_here(few_digits, tmp_path / "out", weights, *flags) == 0
    said = capsys.readouterr().out
    assert "going on after the features of 48 train images" in said
    assert "train:images_per_second" not in said


@pytest.mark.parametrize(("augment", "views"), [("none", 1), ("shift", 3)])
def test_views_are_computed_only_if_they_differ(
    few_digits: Path, tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch, augment: str, views: int
) -> None:
    computed = []

    def counted(*args: Any, **named: Any) -> np.ndarray:
        computed.append(named["views"])
        return features(*args, **named)

    monkeypatch.setattr("training.run.features", counted)
    flags = ["--augment", augment, "--views", "3", "--epochs", "1", "--export-int8", "never"]
    assert run_here(few_digits, tmp_path, weights, *flags) == 0
    assert computed == [views, 1, 1]


@pytest.mark.parametrize("augment", ["shift", "photo"])
def test_the_first_view_is_the_image_and_the_others_are_augmented(
    weights: Path, images: dict[str, Images], folder: Folder, augment: str
) -> None:
    engine, valid = opened(weights), images["valid"]
    [one] = extract(valid, engine, folder, process=Process()).transpose(1, 0, 2)
    first, second, third = extract(valid, engine, folder, views=3, augment=augment, process=Process()).transpose(
        1, 0, 2
    )
    assert np.array_equal(first, one)
    assert not np.allclose(second, first, atol=0.01)
    assert not np.allclose(third, second, atol=0.01)


@pytest.mark.parametrize(("installed", "engine"), ENGINES)
def test_what_is_exported_is_backbone_and_calibrated_head(
    few_digits: Path, tmp_path: Path, weights: Path, has_only: Callable[..., None], monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str], installed: tuple[str, ...], engine: str,
) -> None:  # fmt: skip
    has_only(*installed)
    heads = []
    fit = head.fit

    def noted(*args: object, **settings: object) -> object:
        heads.append(fit(*args, **settings))  # type: ignore[arg-type]
        return heads[-1]

    monkeypatch.setattr(head, "fit", noted)
    assert run_here(few_digits, tmp_path, weights, "--export-int8", "never", "--precision", "auto") == 0
    assert f"frozen layers run once, in {engine} " in capsys.readouterr().out
    pixels = np.random.default_rng(0).integers(0, 256, (3, SIDE, SIDE, 3), dtype=np.uint8)
    session = onnxruntime.InferenceSession(tmp_path / "model" / "model.onnx")
    [found] = session.run(["probabilities"], {"images": NORMALISE(pixels)})
    [(trained, _)] = heads
    trained = trained.cooled(json.loads((tmp_path / "output" / "data" / "metrics.json").read_text())["temperature"])
    assert found == pytest.approx(np.exp(trained.log_probabilities(backbone(weights)(pixels))), abs=1e-4)


def test_it_needs_no_torch_and_says_what_memory_it_took(few_digits: Path, tmp_path: Path, weights: Path) -> None:
    program = (
        "import sys; from training.__main__ import main; code = main(sys.argv[1:]); "
        "assert 'torch' not in sys.modules; sys.exit(code)"
    )
    flags = [*flags_of(few_digits, weights), "--output", str(tmp_path), "--epochs", "1"]
    subprocess.run([sys.executable, "-c", program, *flags], check=True)
    metrics = json.loads((tmp_path / "output" / "data" / "metrics.json").read_text())
    assert metrics["engine"].startswith("OpenVINO")
    assert metrics["device"].startswith("cpu, ")
    assert 50 < metrics["peak_memory_mb"] < 450


def test_unreadable_images_are_named(
    few_digits: Path, tmp_path: Path, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = sorted((few_digits / "valid" / "1").iterdir())[3]
    broken.write_bytes(b"x")
    assert run_here(few_digits, tmp_path, weights) == 1
    first, *_ = capsys.readouterr().err.splitlines()
    assert first == (
        f"error: valid/1/{broken.name}: not an image that can be read: convert it to {READABLE}; replace or remove it"
    )


def test_an_image_whose_features_are_no_numbers_is_named(
    weights: Path, images: dict[str, Images], folder: Folder
) -> None:
    engine, valid = opened(weights), images["valid"]
    seen = iter(range(100))

    def run(pixels: np.ndarray) -> np.ndarray:
        return engine.run(pixels) * (np.nan if next(seen) == 1 else 1)  # of the second batch of four

    wanted = rf"features of {re.escape(valid.files[4].name)} that are not numbers, in {engine.name}: give other weights"
    with pytest.raises(InputError, match=wanted):
        extract(valid, replace(engine, run=run), folder, process=Process())


@pytest.mark.parametrize(
    ("architecture", "trainable", "mend"),
    [
        ("resnet18", "head", "ARCH=resnet18, or set trainable=all"),
        ("resnet18", "last-stage", "ARCH=resnet18, or set trainable=all"),
        ("onnx", "head", "FILE=FILE.onnx"),
    ],
)
def test_frozen_layers_need_weights(
    few_digits: Path, tmp_path: Path, architecture: str, trainable: str, mend: str, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ["--architecture", architecture, "--trainable", trainable]
    assert main(["--data", str(few_digits), "--output", str(tmp_path), *flags]) == 1
    said = f"error: trainable={trainable} needs pretrained weights: give the file of make weights {mend}\n"
    assert capsys.readouterr().err == said

"""With several GPUs the program becomes torchrun, for real: here two that PyTorch finds no driver for."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from local_aws.ports import free_port
from training.machine import cores


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_process_for_each_gpu_trains_one_model(few_digits: Path, program: Path, tmp_path: Path) -> None:
    places = ["--data", str(few_digits), "--output", str(tmp_path / "out"), "--checkpoints", str(tmp_path / "kept")]
    settings = ["--architecture", "resnet10", "--image-size", "16", "--batch-size", "16", "--epochs", "2"]
    variables = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"} | {
        "PYTHONPATH": str(program),
        "CUDA_VISIBLE_DEVICES": "0,1",
        "MASTER_PORT": str(free_port()),
    }
    command = [sys.executable, "-m", "training", *places, *settings, "--export-int8", "never"]
    result = subprocess.run(command, cwd=tmp_path, env=variables, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    assert [line.partition(" ")[0] for line in lines if line.startswith("epoch=")] == ["epoch=1", "epoch=2"]
    assert lines[-1].startswith("test:accuracy=")
    metrics = json.loads((tmp_path / "out" / "output" / "data" / "metrics.json").read_text())
    threads = max(1, cores() // 2)
    assert (metrics["world"], metrics["device"]) == (2, f"cpu, {threads} thread{'s' if threads > 1 else ''}")
    assert (tmp_path / "kept" / "checkpoint.pt").exists()

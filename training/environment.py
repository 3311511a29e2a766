"""Folders of a run, and the place of this process among the run's processes.

Layout and files are SageMaker's: https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-training-algo-running-container.html
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.errors import InputError

DEFAULT_BASE = "/opt/ml"
DEFAULT_PORT = 29500
_TUNING_METRIC = "_tuning_objective_metric"  # a tuning job adds it to the hyper-parameters of its training jobs


@dataclass(frozen=True)
class Process:
    """This process among the processes of the run.

    Attributes:
        rank: 0 to world - 1; rank 0 writes the results.
        world: number of processes.
        local_world: number of them on this machine, which share its cores.
        master: host of rank 0.
        port: TCP port at which the processes meet there.
        interface: network interface they talk over; None lets gloo choose.
    """

    rank: int = 0
    world: int = 1
    local_world: int = 1
    master: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    interface: str | None = None


@dataclass(frozen=True)
class Places:
    """Folders of a run: images and optional weights to read, model and output to write, checkpoints for both."""

    images: Path
    weights: Path
    model: Path
    output: Path
    checkpoints: Path | None

    @property
    def failure(self) -> Path:
        """File whose text SageMaker shows as the job's FailureReason."""
        return self.output / "failure"


def sagemaker_places(base: Path) -> Places:
    """Folders inside a SageMaker training container."""
    data = base / "input" / "data"
    return Places(data / "images", data / "weights", base / "model", base / "output", base / "checkpoints")


def sagemaker_base(variables: Mapping[str, str]) -> Path:
    """Root of SageMaker's layout; SAGEMAKER_BASE_DIR is sagemaker-training-toolkit's variable."""
    return Path(variables.get("SAGEMAKER_BASE_DIR", DEFAULT_BASE))


def laptop_places(data: Path, output: Path, weights: Path | None, checkpoints: Path | None) -> Places:
    """Folders of a run on this machine: results go to OUTPUT/model and OUTPUT/output."""
    return Places(data, weights or data / "no-weights-given", output / "model", output / "output", checkpoints)


def read_hyperparameters(base: Path) -> dict[str, str]:
    """Reads hyperparameters.json: texts by name.

    Raises:
        InputError: no such file, or not an object of texts.
    """
    path = base / "input" / "config" / "hyperparameters.json"
    texts = _read_json(path)
    if not isinstance(texts, dict) or not all(isinstance(text, str) for text in texts.values()):
        raise InputError(f"{path} must be a JSON object whose values are all strings")
    return {name: text for name, text in texts.items() if name != _TUNING_METRIC}


def read_process(base: Path | None, variables: Mapping[str, str]) -> Process:
    """Reads rank and world: from torchrun's variables, else SageMaker's resourceconfig.json, else one process.

    MASTER_ADDR and MASTER_PORT also win without the others: several hosts on one machine need a port each.

    Raises:
        InputError: an unreadable variable, or a resourceconfig.json that does not list its own host.
    """
    if "RANK" in variables or "WORLD_SIZE" in variables:
        numbers = {name: _whole(variables, name) for name in ("RANK", "WORLD_SIZE", "MASTER_PORT")}
        if not 0 <= numbers["RANK"] < numbers["WORLD_SIZE"]:
            raise InputError(f"RANK={numbers['RANK']} is not below WORLD_SIZE={numbers['WORLD_SIZE']}")
        return Process(
            rank=numbers["RANK"],
            world=numbers["WORLD_SIZE"],
            local_world=_whole(variables, "LOCAL_WORLD_SIZE", "1"),
            master=variables.get("MASTER_ADDR", "127.0.0.1"),
            port=numbers["MASTER_PORT"],
            interface=variables.get("GLOO_SOCKET_IFNAME"),
        )
    if base is None:
        return Process(port=_whole(variables, "MASTER_PORT", str(DEFAULT_PORT)))
    path = base / "input" / "config" / "resourceconfig.json"
    config = _read_json(path)
    try:
        hosts: list[str] = config["hosts"]
        rank = hosts.index(config["current_host"])
    except (KeyError, TypeError, ValueError):
        raise InputError(f"{path} must name current_host and list it among hosts") from None
    return Process(
        rank=rank,
        world=len(hosts),
        master=variables.get("MASTER_ADDR", hosts[0]),
        port=_whole(variables, "MASTER_PORT", str(DEFAULT_PORT)),
        interface=variables.get("GLOO_SOCKET_IFNAME", config.get("network_interface_name")),
    )


def _whole(variables: Mapping[str, str], name: str, default: str | None = None) -> int:
    text = variables.get(name, default)
    if text is None or not text.isdecimal():
        raise InputError(f"environment variable {name} is {text!r}: give a whole number, or unset RANK and WORLD_SIZE")
    return int(text)


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(
            f"no {path}: this is not a SageMaker container; on a laptop give --data FOLDER --output DIR"
        ) from None
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read {path}: {error}") from None

"""A proof without AWS: steps that note that they were taken, and rows that say so."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tools.prove import run as engine
from tools.prove.row import Answer, ProofRow
from tools.prove.run import Proof
from tools.prove.state import ProofState
from tools.prove.step import ProofStep


class System:
    """The part of a ProvedSystem that the engine uses."""

    def __init__(self, *, local: bool = False) -> None:
        self.local = local
        self.facts: dict[str, dict[str, Any]] = {}
        self.said: list[str] = []
        self.console = self
        self.settled = 0

    def say(self, line: str) -> None:
        self.said.append(line)

    print = say

    def require_quotas(self, changes: object) -> None:
        pass


class Bill:
    """Counts a dollar for each step."""

    def __init__(self, refuses: str = "") -> None:
        self.refuses = refuses

    def count(self) -> None:
        pass

    def require(self, steps: list[ProofStep]) -> None:
        if steps[0].name == self.refuses:
            raise engine.OutOfBudget("MAX_USD=1: too dear")

    def add(self, step: ProofStep) -> None:
        pass


class World:
    """Steps by name, in order, and what happened: names of steps taken and rows asked."""

    def __init__(self, path: Path) -> None:
        self.file = path / "prove.json"
        self.happened: list[str] = []
        self.act: dict[str, Callable[[], dict[str, Any]]] = {}
        self.answer: dict[str, Callable[[], Answer]] = {}
        self.state = ProofState("1" * 12, "eu-west-1", {})

    def step(self, name: str, **about: Any) -> ProofStep:
        def act(_: object) -> dict[str, Any]:
            self.happened.append(name)
            return self.act.get(name, dict)()

        return ProofStep(name, name, act, minutes=1, seconds=1, **about)

    def row(self, name: str, step: str, **about: Any) -> ProofRow:
        def ask(_: object) -> Answer:
            self.happened.append(f"asked {name}")
            return self.answer.get(name, lambda: Answer("yes", True, "seen"))()

        return ProofRow(name, f"{name}?", "yes", step, ask, **about)

    def prove(
        self, *rows: ProofRow, system: System | None = None, bill: Bill | None = None
    ) -> dict[str, dict[str, Any]]:
        """Run the proof; returns the answers."""
        Proof(system or System(), rows, self.state, bill or Bill(), self.file).run()  # type: ignore[arg-type]
        return self.state.answers


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> World:
    world = World(tmp_path)
    steps = [
        world.step("preflight"), world.step("base"), world.step("load"), world.step("ec2", account_only=True),
        world.step("failed", after=("load",)), world.step("destroy", always=True),
    ]  # fmt: skip
    monkeypatch.setattr(engine, "STEPS", {step.name: step for step in steps})
    monkeypatch.setattr(engine, "_settle", lambda _: None)
    return world

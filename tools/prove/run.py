"""Takes the steps in their order, and asks the rows after each."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from aws.prices import UnknownPrice
from tools.deploy.inventory import pages
from tools.prove.money import Bill, OutOfBudget
from tools.prove.row import Answer, ProofRow
from tools.prove.state import ProofState
from tools.prove.step import ProofStep
from tools.prove.steps import BASE, DESTROY, PREFLIGHT, STEPS
from tools.prove.system import ProvedSystem
from tools.stack import is_busy
from training.errors import ReportedError

_STEP_ERRORS = (ReportedError, UnknownPrice, ClientError, BotoCoreError)


def needed(rows: Iterable[ProofRow], *, local: bool) -> list[ProofStep]:
    """Steps that these rows take, in their order; on the local AWS without those of accounts alone."""
    names: set[str] = set()
    pending = [PREFLIGHT, BASE, DESTROY, *(step for row in rows for step in (row.step, *row.uses))]
    while pending:
        name = pending.pop()
        if name not in names:
            names.add(name)
            pending += STEPS[name].after
    return [step for step in STEPS.values() if step.name in names and not (local and step.account_only)]


class Proof:
    """One proof: steps, rows, and what is known so far, which is written to `file` after each of them."""

    def __init__(
        self, system: ProvedSystem, rows: Sequence[ProofRow], state: ProofState, bill: Bill, file: Path
    ) -> None:
        self.rows = rows
        self._system, self._state, self._bill, self._file = system, state, bill, file
        self._unmet: dict[str, str] = {}  # why steps were not taken, or failed, by name
        system.facts = state.facts

    def run(self) -> None:
        """Take the steps that are not taken yet, and ask what is not answered yet.

        Raises:
            ReportedError: preflight found something wrong, so that nothing was created.
        """
        steps = needed(self.rows, local=self._system.local)
        for row in self.rows:  # what a run before could not ask
            if row.why != "later" and self._state.answers.get(row.name, {}).get("why") == "later":
                del self._state.answers[row.name]
        if self._state.done:
            _settle(self._system)
        for step in steps:
            if step.name not in self._state.done:
                self._take(step)
            for row in self.rows:
                if row.step == step.name:
                    self.ask(row)
        for row in self.rows:  # those of accounts alone, whose steps were left out
            if row.step not in {step.name for step in steps} and self._system.local:
                self.ask(row)

    def _take(self, step: ProofStep) -> None:
        for name in () if step.always else (BASE, *step.after):
            if name in self._unmet:
                self._unmet[step.name] = self._unmet[name]
                return
        self._system.console.print(f"[bold]▸ {step.about}[/bold]")
        try:
            if not step.always:
                self._bill.require([step, STEPS[DESTROY]])
            self._system.require_quotas(step.changes)
            self._bill.add(step)
            self._state.facts[step.name] = step.act(self._system)
        except OutOfBudget as error:
            later = [each for each in STEPS if each not in self._state.done and each != DESTROY]
            self._unmet = dict.fromkeys(later, str(error)) | self._unmet
        except _STEP_ERRORS as error:
            if step.name in (PREFLIGHT, DESTROY):  # nothing was created, or it stands still: the command says which
                raise
            self._unmet[step.name] = str(error)
        else:
            self._state.done.append(step.name)
        if step.name in self._unmet:
            self._system.say(f"not done: {self._unmet[step.name]}")
        self.save()

    def ask(self, row: ProofRow) -> None:
        """Answer the row, unless it is answered."""
        if row.name in self._state.answers:
            return
        told = self._answer(row)
        self._system.say(f"{'–' if told['ok'] is None else '✓' if told['ok'] else '✗'} {row.name}: {told['answer']}")
        self._state.answers[row.name] = told
        self.save()

    def _answer(self, row: ProofRow) -> dict[str, Any]:
        if row.why == "account only" and self._system.local:
            return _entry(row, Answer("only an account can tell", None, ""), why="account only")
        unmet = [self._unmet[name] for name in (row.step, *row.uses) if name in self._unmet]
        if unmet and not row.despite_failure:
            return _entry(row, Answer("not asked", None, unmet[0]), why="later")
        try:
            answer = row.ask(self._system)
        except Exception as error:  # whatever one row meets must not end a proof that costs money
            return _entry(row, Answer("could not be read", None, f"{type(error).__name__}: {error}"), why="later")
        if row.why in ("later", "person"):
            return _entry(row, Answer(answer.answer, None, answer.evidence), why=row.why)
        return _entry(row, answer, why="later" if answer.ok is None else "")

    def save(self) -> None:
        self._bill.count()
        self._state.save(self._file)


def _entry(row: ProofRow, answer: Answer, why: str) -> dict[str, Any]:
    return {
        "name": row.name,
        "question": row.question,
        "answer": answer.answer,
        "ok": answer.ok,
        "why": why,
        "evidence": answer.evidence,
        "doubt": row.doubt,
    }


def _settle(system: ProvedSystem) -> None:
    """Wait for what an interrupted run left CloudFormation to do."""
    system.say("waiting for what the interrupted run had begun")

    def busy() -> list[str]:
        return [
            stack["StackName"]
            for stack in pages("cloudformation", "describe_stacks", "Stacks")
            if stack["StackName"].startswith(f"{system.prefix}-") and is_busy(stack["StackStatus"])
        ]

    system.until(lambda: not busy(), minutes=60, local_seconds=600)
    if left := busy():
        raise ReportedError(f"stack {', '.join(left)} is still being changed: run make prove later")

"""Findings of the gate."""

from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class GateFinding:
    """One problem, with its place and its fix.

    Attributes:
        rule: short name of the check.
        role: name of the role or file with the problem, or `<stack>.<logical id>` of a resource.
        statement: Sid of the statement; empty for a line of the contract.
        where: file and line to change.
        message: the problem.
        fix: the change that solves it.
        witness: an ARN or text that proves it.
    """

    rule: str
    role: str
    statement: str
    where: str
    message: str
    fix: str
    witness: str = ""

    def __str__(self) -> str:
        example = f" For example: {self.witness}." if self.witness else ""
        statement = f" {self.statement}" if self.statement else ""
        return f"{self.where}: [{self.rule}] {self.role}{statement}: {self.message}.{example} Fix: {self.fix}."

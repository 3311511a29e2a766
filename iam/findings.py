"""What the gate has to say."""

from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Finding:
    """One thing wrong.

    Attributes:
        rule: short name of what was checked, as in docs/iam.md.
        role: the role's name, or the file that is at fault.
        statement: the statement's Sid, or what stands for it.
        where: file and line to change.
        message: what is wrong.
        fix: what to do.
        witness: an ARN or text that shows it.
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

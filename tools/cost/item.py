"""One item of the bill."""

from dataclasses import KW_ONLY, dataclass

from tools.cost.usage import Usage


@dataclass(frozen=True)
class Item:
    """Billed item, in US dollars: fixed `month`, plus `prediction` and `training` for each one of those.

    `what` names it within its `stack`; two revisions are compared by both. `basis` shows the calculation.
    """

    what: str
    basis: str
    _: KW_ONLY
    stack: str = ""
    month: float = 0.0
    prediction: float = 0.0
    training: float = 0.0

    def monthly(self, usage: Usage) -> float:
        """Cost of a month in dollars under `usage`."""
        return self.month + self.prediction * usage.predictions + self.training * usage.trainings

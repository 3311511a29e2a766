"""One thing that is billed."""

from dataclasses import dataclass

from tools.cost.usage import Usage


@dataclass(frozen=True, kw_only=True)
class Item:
    """`what` of `stack` costs `month` dollars a month come what may, and besides some for each prediction and training.

    `basis` says how that was reckoned. A revision's item is compared with the same stack's and name's of another.
    """

    stack: str
    what: str
    basis: str
    month: float = 0.0
    prediction: float = 0.0
    training: float = 0.0

    def monthly(self, usage: Usage) -> float:
        """Dollars a month under `usage`."""
        return self.month + self.prediction * usage.predictions + self.training * usage.trainings

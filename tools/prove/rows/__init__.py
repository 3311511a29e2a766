"""The rows of the proof, by theme, in the order of the steps. Importing this package declares them all."""

from tools.prove.rows import (
    access,
    alarms,
    containers,
    deploys,
    doors,
    function,
    hosts,
    jobs,
    notebook,
    removal,
    scaling,
    training,
    tuning,
    updates,
)

__all__ = [
    "access", "alarms", "containers", "deploys", "doors", "function", "hosts", "jobs", "notebook", "removal", "scaling",
    "training", "tuning", "updates",
]  # fmt: skip

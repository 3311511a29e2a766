"""The steps of the proof, in their order."""

from tools.prove import deploys
from tools.prove.step import Step

BASE, PREFLIGHT, END, DESTROY = "base", "preflight", "end", "destroy"
STEPS = {
    step.name: step
    for step in (
        Step(PREFLIGHT, "ask whether a deploy could work", deploys.preflight, minutes=1, seconds=15),
        Step(
            BASE, "deploy everything: train on 2 instances, serve on 2", deploys.base,
            minutes=25, seconds=100, jobs=1,
        ),
        Step("again", "deploy once more, with no change", deploys.again, minutes=2, seconds=20),
        Step(END, "read what arrives late", deploys.nothing, minutes=15, seconds=5),
        Step(DESTROY, "remove everything", deploys.remove, minutes=15, seconds=40, always=True),
    )
}  # fmt: skip

"""The steps of the proof, in their order. Those after the notebook keep its role, which its stack uses."""

from tools.prove.step import ProofStep
from tools.prove.steps import base, doors, jobs, load, machines, updates

PREFLIGHT, BASE, END, DESTROY = "preflight", "base", "end", "destroy"
STEPS = {
    step.name: step
    for step in (
        ProofStep(PREFLIGHT, "ask whether a deploy could work", base.preflight, minutes=1, seconds=10),
        ProofStep(BASE, "deploy everything: train on 2 instances, serve on 2", base.base, minutes=25, seconds=60,
                  jobs=1),
        ProofStep("again", "deploy once more, with no change", base.again, minutes=2, seconds=15),
        ProofStep("load", "call until the endpoint scales out, and wait until it is in again", load.load, minutes=45,
                  seconds=60, fleets=1),
        ProofStep("api", "deploy an HTTP API, for signed calls", doors.api, minutes=5, seconds=15, changes=doors.API),
        ProofStep("off", "switch the endpoint off, score the test images, and switch it on", doors.off, minutes=40,
                  seconds=45, jobs=1, changes=doors.OFF),
        ProofStep("floor", "deploy a model under its floor", updates.floor, minutes=8, seconds=25, jobs=1,
                  changes=updates.FLOOR),
        ProofStep("tuned", "deploy the best of a tuning's models, as a canary", updates.tuned, minutes=35, seconds=70,
                  jobs=2, fleets=1, changes=updates.TUNED),
        ProofStep("rollback", "deploy a model whose alarm rings", updates.rollback, minutes=25, seconds=50, jobs=1,
                  fleets=1, changes=updates.ROLLBACK),
        ProofStep("broken", "deploy an archive without a model", updates.broken, minutes=35, seconds=30, fleets=1,
                  changes=updates.BROKEN),
        ProofStep("spot", "stop a spot job, and have it go on", jobs.spot, minutes=15, seconds=50, jobs=2,
                  changes=jobs.SPOT),
        ProofStep("toolkit", "train by the image's own entry point", jobs.toolkit, minutes=8, seconds=20, jobs=1),
        ProofStep("gpus", "train on 4 GPUs", jobs.gpus, minutes=12, seconds=0, jobs=1, changes=jobs.GPUS,
                  account_only=True),
        ProofStep("notebook", "start the notebook instance", machines.notebook, minutes=12, seconds=25,
                  changes=machines.NOTEBOOK),
        ProofStep("ec2", "train on an EC2 instance, and reboot it meanwhile", machines.ec2, minutes=45, seconds=60,
                  changes=machines.EC2),
        ProofStep("ec2-failed", "have the training on EC2 fail", machines.ec2_failed, minutes=20, seconds=0,
                  changes=machines.EC2_FAILED, after=("ec2",), account_only=True),
        ProofStep("type", "move the endpoint to an instance with an ARM processor", updates.other_type, minutes=25,
                  seconds=40, fleets=1, changes=updates.OTHER_TYPE),
        ProofStep(END, "read what arrives late", base.nothing, minutes=20, seconds=10),
        ProofStep(DESTROY, "remove everything", base.remove, minutes=15, seconds=40, always=True),
    )
}  # fmt: skip

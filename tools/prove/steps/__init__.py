"""The steps of the proof, in their order. Serving steps come before those that only train."""

from tools.prove.step import Step
from tools.prove.steps import base, jobs, load, machines, updates

PREFLIGHT, BASE, END, DESTROY = "preflight", "base", "end", "destroy"
STEPS = {
    step.name: step
    for step in (
        Step(PREFLIGHT, "ask whether a deploy could work", base.preflight, minutes=1, seconds=10),
        Step(BASE, "deploy everything: train on 2 instances, serve on 2", base.base, minutes=25, seconds=60, jobs=1),
        Step("again", "deploy once more, with no change", base.again, minutes=2, seconds=15),
        Step("load", "call until the endpoint scales out, and wait until it is in again", load.load, minutes=45,
             seconds=60, fleets=1),
        Step("floor", "deploy a model under its floor", updates.floor, minutes=8, seconds=25, jobs=1,
             changes=updates.FLOOR),
        Step("tuned", "deploy the best of a tuning's models, as a canary", updates.tuned, minutes=35, seconds=70,
             jobs=2, fleets=1, changes=updates.TUNED),
        Step("rollback", "deploy a model whose alarm rings", updates.rollback, minutes=25, seconds=50, jobs=1,
             fleets=1, changes=updates.ROLLBACK),
        Step("broken", "deploy an archive without a model", updates.broken, minutes=35, seconds=30, fleets=1,
             changes=updates.BROKEN),
        Step("spot", "stop a spot job, and have it go on", jobs.spot, minutes=15, seconds=50, jobs=2,
             changes=jobs.SPOT),
        Step("toolkit", "train by the image's own entry point", jobs.toolkit, minutes=8, seconds=20, jobs=1),
        Step("gpus", "train on 4 GPUs", jobs.gpus, minutes=12, seconds=0, jobs=1, changes=jobs.GPUS,
             account_only=True),
        Step("notebook", "start the notebook instance", machines.notebook, minutes=12, seconds=25,
             changes=machines.NOTEBOOK),
        Step("ec2", "train on an EC2 instance, and reboot it meanwhile", machines.ec2, minutes=45, seconds=60,
             changes=machines.EC2),
        Step("ec2-failed", "have the training on EC2 fail", machines.ec2_failed, minutes=20, seconds=0,
             changes=machines.EC2_FAILED, after=("ec2",), account_only=True),
        Step("type", "move the endpoint to an instance with an ARM processor", updates.other_type, minutes=25,
             seconds=40, fleets=1, changes=updates.OTHER_TYPE),
        Step(END, "read what arrives late", base.nothing, minutes=20, seconds=10),
        Step(DESTROY, "remove everything", base.remove, minutes=15, seconds=40, always=True),
    )
}  # fmt: skip

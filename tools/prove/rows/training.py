"""Rows about training jobs."""

from tools.prove.row import Answer, row
from tools.prove.system import ProvedSystem


@row(
    question="Does the training image run our program from the zip?",
    expected="lines `epoch=1 train:loss=…`",
    step="base",
)
def program_from_zip(system: ProvedSystem) -> Answer:
    """Read the log of the first training job."""
    job = system.jobs()[0]
    lines = [line for line in system.job_log(job.name) if "train:loss=" in line]
    return Answer("it does" if lines else "no such line", bool(lines), "\n".join(lines[:2]))


@row(
    question="Do several instances find each other?",
    expected="a log stream for each instance, and one accuracy",
    step="base",
)
def several_instances(system: ProvedSystem) -> Answer:
    """Read the log streams of the first training job."""
    job = system.jobs()[0]
    told = [line for line in system.job_log(job.name) if "test:accuracy=" in line]
    found = len(job.log_streams) == job.instances > 1 and len(told) == 1
    evidence = "\n".join([*job.log_streams, *told])
    return Answer(f"{job.instances} instances, {len(job.log_streams)} streams, {len(told)} accuracy", found, evidence)

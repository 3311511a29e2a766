"""Rows about the tuning job."""

import boto3

from tools.deploy.inventory import RUNNING
from tools.prove.row import Answer, row
from tools.prove.steps.updates import LIMIT_SECONDS
from tools.prove.system import ProvedSystem


@row(
    question="Does the image's toolkit run our program in a tuning job, where no command can be given?",
    expected="lines `epoch=1 train:loss=…` of two training jobs; the better one is deployed",
    step="tuned",
)
def tuning_runs_our_program(system: ProvedSystem) -> Answer:
    """Deploy with `tuning_max_jobs=2`; read the logs of its training jobs, and which one is the best."""
    facts = system.facts["tuned"]
    lines = [line for job in facts["jobs"] for line in system.job_log(job)[:200] if "epoch=1 " in line]
    good = len(facts["jobs"]) == 2 == len(lines) and not facts["failure"] and facts["before"] != facts["after"]
    return Answer(f"{len(facts['jobs'])} jobs", good, "\n".join([*facts["jobs"], *lines, facts["failure"]]))


@row(
    question="Does the training image install the wheels from the program's zip?",
    expected='"frozen layers run once, in ONNX Runtime fp32", or in OpenVINO where the image has it, or "on the GPU"',
    step="tuned",
)
def wheels_of_the_zip(system: ProvedSystem) -> Answer:
    """Train a head on frozen layers, and read its log."""
    facts = system.facts["tuned"]
    lines = [line for job in facts["jobs"] for line in system.job_log(job) if "frozen layers run once" in line]
    return Answer("it does" if lines else "no such line", bool(lines), "\n".join(lines[:2]))


@row(
    question="Is a tuning job at its time limit Completed or Stopped?",
    expected="either: the best model so far is deployed",
    step="end",
    doubt="tuning-limit-completes",
    uses=("tuned",),
)
def tuning_at_its_limit(system: ProvedSystem) -> Answer:
    """Create a tuning job with more epochs than its 2 minutes have room for; describe it at its end."""
    name, client = system.facts["tuned"]["limited"], boto3.client("sagemaker")

    def status() -> str:
        return str(client.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)[_STATUS])

    system.until(lambda: status() not in RUNNING, minutes=30, local_seconds=200)
    found = client.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
    if found[_STATUS] in RUNNING:
        return Answer("it has not ended yet", None, f"{name}: {found[_STATUS]}")
    seconds = (found["HyperParameterTuningEndTime"] - found["CreationTime"]).total_seconds()
    shown = {key: found[key] for key in (_STATUS, "FailureReason", "TrainingJobStatusCounters") if key in found}
    evidence = f"{name}, {seconds:.0f} s: {shown}"
    if seconds < LIMIT_SECONDS:
        return Answer("it did not run into its limit", None, evidence)
    return Answer(found[_STATUS], found[_STATUS] in ("Stopped", "Completed"), evidence)


_STATUS = "HyperParameterTuningJobStatus"

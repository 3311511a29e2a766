"""Rows about further training jobs: spot, GPUs, and the image's own entry point."""

from aws.log_groups import TRAINING_JOBS
from settings.names import CHECKPOINTS
from tools.deploy.inventory import pages
from tools.prove.row import Answer, row
from tools.prove.system import ProvedSystem


@row(
    question="Does an interrupted spot job resume?",
    expected='the log says "going on after … epochs"; objects under `checkpoints/`',
    step="spot",
)
def spot_job_resumes(system: ProvedSystem) -> Answer:
    """Stop a spot job after an epoch, deploy again, and read the second job's log and the bucket."""
    jobs = system.facts["spot"]["jobs"]
    lines = [line for line in system.job_log(jobs[-1]) if "going on after" in line]
    kept = pages("s3", "list_objects_v2", "Contents", Bucket=system.bucket, Prefix=f"{CHECKPOINTS}/")
    keys = [item["Key"] for item in kept]
    good = len(jobs) == 2 and bool(lines) and bool(keys)
    return Answer(f"{len(jobs)} jobs", good, "\n".join([*jobs, *lines[:2], *keys[:2]]))


@row(
    question="Does SIGTERM reach the program in the container?",
    expected='"stopped as asked (SIGTERM) in epoch …"',
    step="spot",
)
def sigterm_reaches_the_program(system: ProvedSystem) -> Answer:
    """Stop the spot job, and read its log."""
    [stopped, *_] = system.facts["spot"]["jobs"]
    lines = [line for line in system.job_log(stopped) if "SIGTERM" in line]
    status = system.job(stopped)["TrainingJobStatus"]
    return Answer("it does" if lines else "no such line", bool(lines), "\n".join([f"{stopped}: {status}", *lines[:2]]))


@row(
    question="Does a job use every GPU of its instance?",
    expected="the log of torchrun, one accuracy; all GPUs above 0 %",
    step="gpus",
    why="account only",
)
def every_gpu_is_used(system: ProvedSystem) -> Answer:
    """Train on ml.g4dn.12xlarge, which has 4; read the log, and GPUUtilization, which is 400 % at most."""
    [job] = system.facts["gpus"]["jobs"]
    lines = [line for line in system.job_log(job) if "training on" in line or "test:accuracy=" in line]
    used = pages("cloudwatch", "list_metrics", "Metrics", Namespace=TRAINING_JOBS, MetricName="GPUUtilization")
    hosts = [each["Dimensions"] for each in used if job in str(each["Dimensions"])]
    since = system.job(job)["CreationTime"].timestamp()
    named = {each["Name"]: each["Value"] for each in (hosts or [[]])[0]}
    most = system.metric(TRAINING_JOBS, "GPUUtilization", since, named, "Maximum")
    accuracies = sum("test:accuracy=" in line for line in lines)
    evidence = "\n".join([*lines, f"GPUUtilization: {most:g} % of 400 at most, {hosts}"])
    return Answer(f"{most:.0f} % of 400", accuracies == 1 and most > 0, evidence)


@row(
    question="Does the training image's entry point run `SAGEMAKER_TRAINING_MODULE`, on several instances too?",
    expected="a log stream for each instance, and one accuracy; otherwise give the job ContainerEntrypoint",
    step="toolkit",
)
def entry_point_runs_our_module(system: ProvedSystem) -> Answer:
    """Create the first job again without a command, on its two instances; read its log."""
    name = system.facts["toolkit"]["job"]
    job = system.job(name)
    [seen] = [each for each in system.jobs() if each.name == name]
    told = [line for line in system.job_log(name) if "test:accuracy=" in line]
    good = job["TrainingJobStatus"] == "Completed" and len(seen.log_streams) == seen.instances and len(told) == 1
    evidence = "\n".join([*seen.log_streams, *told, job.get("FailureReason", "")])
    return Answer(job["TrainingJobStatus"], good, evidence)

"""Rows about the first training job."""

import boto3

from settings.names import resource_name
from tools.prove.row import Answer, row
from tools.prove.system import ProvedSystem

_MAX_PAUSE = 120.0  # seconds; the sweep would take up to 300
_PAUSE_SECONDS = 5  # of lambda/trained_model/jobs.py between two looks for the final metrics


def _first(system: ProvedSystem) -> str:
    return str(system.facts["base"]["jobs"][0])


@row(
    question="Does the training image run our program from the zip?",
    expected="lines `epoch=1 train:loss=…`",
    step="base",
)
def program_from_zip(system: ProvedSystem) -> Answer:
    """Read the job's log."""
    lines = [line for line in system.job_log(_first(system)) if "train:loss=" in line]
    return Answer("it does" if lines else "no such line", bool(lines), "\n".join(lines[:2]))


@row(
    question="Do several instances find each other?",
    expected="a log stream for each instance, and one accuracy",
    step="base",
)
def several_instances(system: ProvedSystem) -> Answer:
    """Read the log streams of the job, which has two instances."""
    [job] = [job for job in system.jobs() if job.name == _first(system)]
    told = [line for line in system.job_log(job.name) if "test:accuracy=" in line]
    found = len(job.log_streams) == job.instances > 1 and len(told) == 1
    evidence = "\n".join([*job.log_streams, *told])
    return Answer(f"{job.instances} instances, {len(job.log_streams)} streams, {len(told)} accuracy", found, evidence)


@row(
    question="Is CreateLogStream authorised on the stream's ARN?",
    expected="the log streams exist",
    step="base",
)
def log_streams_exist(system: ProvedSystem) -> Answer:
    """List the streams of the job: the training role may create them on their own ARN alone."""
    [job] = [job for job in system.jobs() if job.name == _first(system)]
    return Answer(f"{len(job.log_streams)} streams", bool(job.log_streams), "\n".join(job.log_streams))


@row(
    question="Is `kms:CreateGrant` with `kms:GrantIsForAWSResource` enough for encrypted volumes?",
    expected="job and endpoint start on volumes under the key",
    step="base",
)
def volumes_under_the_key(system: ProvedSystem) -> Answer:
    """Describe job and endpoint configuration: their keys, and that both started."""
    job, config, endpoint = system.job(_first(system)), system.endpoint_config(), system.endpoint()
    keys = {"job": job["ResourceConfig"].get("VolumeKmsKeyId"), "endpoint": config.get("KmsKeyId")}
    states = {"job": job["TrainingJobStatus"], "endpoint": endpoint["EndpointStatus"]}
    good = all(keys.values()) and states == {"job": "Completed", "endpoint": "InService"}
    return Answer("both started" if good else f"{states}", good, f"keys: {keys}\nstates: {states}")


@row(
    question="Are a job's final metrics there when its event comes?",
    expected="yes, or later: the function waits for them up to a minute",
    step="base",
    doubt="metrics-late",
)
def metrics_with_the_event(system: ProvedSystem) -> Answer:
    """Read in Lambda's log how long the function's calls took after the job's end: it looks again every 5 s."""
    ended = system.job(_first(system))["SecondaryStatusTransitions"][-1]["StartTime"].timestamp()
    kept = _kept(system)
    calls = system.until(
        lambda: system.function_calls("trained-model", since=ended - 1, until=kept + 60), minutes=5, local_seconds=10
    )
    if not calls:
        return Answer("no call is in the log", False, f"the job ended at {ended:.0f}, its model was kept at {kept:.0f}")
    longest = max(seconds for seconds, _ in calls)
    word = "a few seconds later" if longest >= _PAUSE_SECONDS else "yes"
    return Answer(f"{word}: no call took over {longest:.1f} s", True, "\n".join(line for _, line in calls[:4]))


@row(
    question="How long is the pause between a job's end and the function's answer to its event?",
    expected="seconds: the sweep every 5 minutes is for lost events alone",
    step="base",
)
def event_comes_soon(system: ProvedSystem) -> Answer:
    """Compare the end of the first job with the time at which its model was copied."""
    ended = system.job(_first(system))["SecondaryStatusTransitions"][-1]["StartTime"].timestamp()
    kept = _kept(system)
    seconds = max(kept - ended, 0.0)
    return Answer(f"{seconds:.0f} s", seconds < _MAX_PAUSE, f"job ended {ended:.0f}, model kept {kept:.0f} (epoch s)")


def _kept(system: ProvedSystem) -> float:
    """When the live model was copied to its place, epoch seconds."""
    _, _, key = system.outputs("trained-model")["ModelDataUrl"].removeprefix("s3://").partition("/")
    return float(boto3.client("s3").head_object(Bucket=system.bucket, Key=key)["LastModified"].timestamp())


@row(
    question="How often does a job's event come?",
    expected="once, or more often: a second one changes nothing",
    step="base",
    doubt="events-doubled",
)
def events_of_a_job(system: ProvedSystem) -> Answer:
    """Read how often the rule of ended jobs matched, where one job has ended."""
    rule, base = resource_name(system.prefix, "job-ended"), system.facts["base"]
    ended = len(base["jobs"])

    def matches() -> float:
        return system.metric("AWS/Events", "TriggeredRules", base["began"], {"RuleName": rule})

    found = system.until(matches, minutes=10, local_seconds=10)
    word = {0: "never", 1: "once", 2: "twice"}.get(round(found / ended), "more often")
    return Answer(word, found >= ended, f"{rule}: {found:g} matches, {ended} jobs ended ({', '.join(base['jobs'])})")

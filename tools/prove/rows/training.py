"""Rows about the first training job."""

import boto3

from settings.names import resource_name
from tools.prove.row import Answer, row
from tools.prove.system import FunctionCall, ProvedSystem

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
    calls = _calls_after_the_end(system)
    if not calls:
        return Answer("no call is in the log", False, _times(system))
    longest = max(call.ended - call.began for call in calls)
    word = "a few seconds later" if longest >= _PAUSE_SECONDS else "yes"
    return Answer(f"{word}: no call took over {longest:.1f} s", True, "\n".join(call.line for call in calls[:4]))


@row(
    question="Does DescribeTrainingJob show a job's last status when its event comes?",
    expected="yes, or later: the sweep every 5 minutes makes it good",
    step="base",
    doubt="events-early",
)
def status_with_the_event(system: ProvedSystem) -> Answer:
    """Read in the function's log whether the call that kept the model was the first one after the job's end."""
    if not _matches(system, "base"):
        return Answer("the event did not come", None, _times(system))
    calls, kept = _calls_after_the_end(system), _kept(system)
    keeping = [call for call in calls if call.ended >= kept]
    if not keeping:
        return Answer("no call that kept the model is in the log", False, _times(system))
    before = [call for call in calls if call.ended < keeping[0].began]
    word = "a few seconds later" if before else "yes"
    evidence = "\n".join([_times(system), *(call.line for call in [*before[:2], keeping[0]])])
    return Answer(f"{word}: {len(before)} calls before the one that kept the model", True, evidence)


def _calls_after_the_end(system: ProvedSystem) -> list[FunctionCall]:
    """Calls of the function from the first job's end until its model was kept, and a minute more."""
    since, until = _ended(system) - 1, _kept(system) + 60
    return system.until(
        lambda: system.function_calls("trained-model", since=since, until=until), minutes=5, local_seconds=10
    )


def _ended(system: ProvedSystem) -> float:
    """When the first job ended, epoch seconds."""
    return float(system.job(_first(system))["SecondaryStatusTransitions"][-1]["StartTime"].timestamp())


def _times(system: ProvedSystem) -> str:
    return f"job ended {_ended(system):.0f}, model kept {_kept(system):.0f} (epoch s)"


@row(
    question="How long is the pause between a job's end and the function's answer to its event?",
    expected="seconds: the sweep every 5 minutes is for lost events alone",
    step="base",
)
def event_comes_soon(system: ProvedSystem) -> Answer:
    """Compare the end of the first job with the time at which its model was copied."""
    seconds = max(_kept(system) - _ended(system), 0.0)
    return Answer(f"{seconds:.0f} s", seconds < _MAX_PAUSE, _times(system))


def _kept(system: ProvedSystem) -> float:
    """When the live model was copied to its place, epoch seconds without their fraction."""
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
    jobs, found = system.facts["base"]["jobs"], _matches(system, "base")
    word = {0: "never", 1: "once", 2: "twice"}.get(round(found / len(jobs)), "more often")
    return Answer(word, found >= len(jobs), f"{found:g} matches, {len(jobs)} jobs ended ({', '.join(jobs)})")


@row(
    question="Do the events of all jobs come?",
    expected="yes, or not all: the sweep every 5 minutes makes it good",
    step="floor",
    doubt="events-lost",
    uses=("base",),
)
def events_of_all_jobs(system: ProvedSystem) -> Answer:
    """Read how often the rule of ended jobs matched, where two jobs have ended; a doubled event hides a lost one."""
    jobs = [*system.facts["base"]["jobs"], *system.facts["floor"]["jobs"]]
    found = _matches(system, "base", at_least=len(jobs))
    told = f"{found:g} matches, {len(jobs)} jobs ended"
    return Answer(f"{'yes' if found >= len(jobs) else 'no'}: {told}", True, f"{told}: {', '.join(jobs)}")


def _matches(system: ProvedSystem, step: str, at_least: int = 1) -> float:
    """Count the matches of the rule of ended jobs since that step began; the metric may come minutes later."""
    place = {"RuleName": resource_name(system.prefix, "job-ended")}

    def matches() -> float:
        return system.metric("AWS/Events", "TriggeredRules", system.facts[step]["began"], place)

    system.until(lambda: matches() >= at_least, minutes=10, local_seconds=10)
    return matches()


@row(
    question="Do the names of a training job's instances, such as algo-1, resolve when its program starts?",
    expected="yes, or later: PyTorch looks for the name again and again",
    step="base",
    doubt="hosts-late",
)
def host_names_resolve(system: ProvedSystem) -> Answer:
    """Read in the job's log, which has two instances, whether PyTorch says that a name could not be resolved."""
    lines = system.job_log(_first(system))
    late = [line for line in lines if "network addresses of (algo-" in line and "cannot be retrieved" in line]
    met = [line for line in lines if "test:accuracy=" in line]
    word = "a few seconds later" if late else "yes"
    return Answer(f"{word}: {len(late)} names were looked for in vain", bool(met), "\n".join([*late[:2], *met[:1]]))

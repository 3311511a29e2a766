"""Every name of the system, and the layout of its bucket.

`prefix` is `<app>-<stage>` (`Settings.prefix`), with which every name begins. iam/contract.yaml has names a second
time, on purpose. Code that runs in AWS cannot import this module: the names in lambda/ and ec2/user_data.sh are held
equal to these by tests/settings/test_names.py.
"""

import hashlib
from typing import Literal

from training.listing import LIST, MANIFEST

StackSuffix = Literal[
    "storage", "network", "roles", "trained-model", "serving", "operations", "notebook", "ec2-training"
]
FunctionSuffix = Literal["classify", "trained-model"]
RoleSuffix = Literal[
    "training", "hosting", "scoring", "trained-model", "classify", "notebook", "notebook-trial", "ec2-training"
]
RuleSuffix = Literal["job-ended", "job-sweep", "training-failed", "ec2-training-failed"]
Suffix = StackSuffix | FunctionSuffix | RoleSuffix | RuleSuffix | Literal["alarms", "api", "monthly"]

ALIAS = "live"  # the alias of the function that callers use
VARIANT = "live"  # fixed: auto-scaling and deployment guardrails follow the variant by its name
REQUEST_METRICS = "Slipway/Classify"  # namespace of the metrics that the function's log lines carry

# ------------------------------------------------------------------ folders and files of the bucket
DATA = "data"
JOBS = "jobs"
MODELS = "models"
WAITING = f"{JOBS}/waiting"
WEIGHTS = "weights"
CHECKPOINTS = "checkpoints"
CAPTURE = "capture"
SCORES = "scores"
JOB_DAYS, SCORE_DAYS, CAPTURE_DAYS = 90, 90, 30  # until objects of these folders expire
ARTIFACT = "model.tar.gz"  # SageMaker's names for the model that a training job makes, and for its other files
JOB_FILES = "output.tar.gz"
EC2_ARTIFACTS = "TrainedModels"
EC2_MODEL, EC2_LOG, EC2_DIGEST = "model.onnx", "train.log", "digest.txt"
EC2_ARTIFACT_FILES = (EC2_MODEL, ARTIFACT, "metrics.json", EC2_LOG, EC2_DIGEST)


def data_folder(dataset: str) -> str:
    """Prefix of the keys of one uploaded data set; `dataset` is its digest."""
    return f"{DATA}/{dataset}/"


def data_manifest(dataset: str) -> str:
    """Key of the object that an upload writes last: with it the data set is complete."""
    return f"{data_folder(dataset)}{MANIFEST}"


def data_list(dataset: str) -> str:
    """Key of the list of a data set's images, with their sha256 and their places in shards."""
    return f"{data_folder(dataset)}{LIST}"


def model_key(digest: str) -> str:
    """Key of a finished model that was good enough to serve."""
    return f"{MODELS}/{digest}/{ARTIFACT}"


def result_key(digest: str) -> str:
    """Key of the JSON with the job that trained this model, and its test accuracy."""
    return f"{MODELS}/{digest}/result.json"


def job_artifact(job: str) -> str:
    """Key that SageMaker writes a training job's model to, below the job's output path `jobs`."""
    return f"{JOBS}/{job}/output/{ARTIFACT}"


def job_output(job: str) -> str:
    """Key that SageMaker writes a training job's metrics and pictures to."""
    return f"{JOBS}/{job}/output/{JOB_FILES}"


def waiting_note(digest: str) -> str:
    """Key of the note that a stack waits for this digest's job."""
    return f"{WAITING}/{digest}.json"


def weights_folder(digest: str) -> str:
    """Prefix of `weights_key`, the only key below it."""
    return f"{WEIGHTS}/{digest}/"


def weights_key(digest: str) -> str:
    """Key of the file of pretrained weights with this digest."""
    return f"{weights_folder(digest)}weights.safetensors"


def checkpoint_prefix(digest: str) -> str:
    """Prefix of the keys of a spot job's checkpoint, which a later attempt at the same model reads."""
    return f"{CHECKPOINTS}/{digest[:12]}/"


def scoring_folder(name: str) -> str:
    """Prefix of all keys of the scoring `name`."""
    return f"{SCORES}/{name}/"


def scoring_input(name: str) -> str:
    """Prefix of the keys of the images that `make score` uploads for the scoring `name`."""
    return f"{scoring_folder(name)}input/"


def scoring_results(name: str) -> str:
    """Prefix of the keys of the results of the scoring `name`."""
    return f"{scoring_folder(name)}results/"


# ------------------------------------------------------------------ resources
def resource_name(prefix: str, suffix: Suffix) -> str:
    """`<prefix>-<suffix>`: name of a stack, Lambda function, EventBridge rule, SNS topic or notebook instance.

    The names of IAM roles and of the budget begin so, see `regional`.
    """
    return f"{prefix}-{suffix}"


def regional(name: str, region: str) -> str:
    """`<name>-<region>`: name of what a whole account has, so that a stage can be in several regions."""
    return f"{name}-{region}"


def role_name(prefix: str, suffix: RoleSuffix, region: str) -> str:
    """Name of an IAM role, and of its instance profile. `region` may be a CDK token."""
    return regional(resource_name(prefix, suffix), region)


def alarm_name(prefix: str, alarm: str) -> str:
    """Name of an alarm, such as `endpoint-latency`, which is its heading in docs/runbook.md too."""
    return f"{prefix}-{alarm}"


def key_alias(prefix: str) -> str:
    """Alias of the KMS key that encrypts everything."""
    return f"alias/{prefix}"


def bucket_name(prefix: str, account: str, region: str) -> str:
    """Name of the bucket. Bucket names are global, hence account and region, which may be CDK tokens."""
    return f"{prefix}-{account}-{region}"


def access_log_bucket(bucket: str) -> str:
    """Name of the bucket with the access log of `bucket`."""
    return f"{bucket}-logs"


def endpoint_name(prefix: str, instance_type: str) -> str:
    """`<prefix>-<4 hex of the instance type>`.

    SageMaker refuses a new instance type for an auto-scaled variant. A name that follows the type makes
    CloudFormation create the new endpoint, move the function to it, and then delete the old one.
    """
    return f"{prefix}-{hashlib.sha256(instance_type.encode()).hexdigest()[:4]}"


def endpoint_name_pattern(prefix: str) -> str:
    """Pattern of all names that `endpoint_name` returns: the old endpoint must work until the new one does."""
    return f"{prefix}-????"


def job_prefix(prefix: str) -> str:
    """Prefix of the names of training and tuning jobs; 12 hex digits of the model digest and an attempt follow."""
    return f"{prefix}-"


def scoring_prefix(prefix: str) -> str:
    """Prefix of the names of scoring jobs, which are SageMaker processing jobs."""
    return f"{prefix}-score-"


def notebook_prefix(prefix: str) -> str:
    """Prefix of the names of everything that the notebook makes. No model digest begins with `nb-`."""
    return f"{prefix}-nb-"


def notebook_endpoint_name(prefix: str) -> str:
    """Name of the endpoint that the notebook makes.

    It has four letters, so that `endpoint_name_pattern` covers it, and they are no hex digits, so that it is never the
    deployed endpoint.
    """
    return f"{prefix}-note"

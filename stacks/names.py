"""Names that more than one stack has to know before the resource exists."""

import hashlib

from aws_cdk import Aws

VARIANT = "live"  # fixed: auto-scaling and deployment guardrails follow the variant by its name

CHECKPOINTS = "checkpoints"
CAPTURE = "capture"
EC2_ARTIFACTS = "TrainedModels"
EC2_ARTIFACT_FILES = ("model.onnx", "model.tar.gz", "metrics.json", "train.log", "digest.txt")


def bucket_name(prefix: str) -> str:
    return f"{prefix}-{Aws.ACCOUNT_ID}-{Aws.REGION}"


def endpoint_name(prefix: str, instance_type: str) -> str:
    """`<prefix>-<4 hex of the instance type>`.

    SageMaker refuses a new instance type for an auto-scaled variant. A name that follows the type makes
    CloudFormation create the new endpoint, move the function to it, and then delete the old one.
    """
    return f"{prefix}-{hashlib.sha256(instance_type.encode()).hexdigest()[:4]}"


def endpoint_name_pattern(prefix: str) -> str:
    """Matches every name `endpoint_name` can give: the old endpoint has to work until the new one does."""
    return f"{prefix}-????"


def weights_folder(digest: str) -> str:
    """Prefix of the bucket's keys under which the one file of pretrained weights with this digest lies."""
    return f"weights/{digest}/"


def notebook_name(prefix: str) -> str:
    """The notebook instance."""
    return f"{prefix}-notebook"


def notebook_prefix(prefix: str) -> str:
    """Start of the name of everything that the notebook makes; a model digest's first digits are never `nb-`."""
    return f"{prefix}-nb-"


def notebook_endpoint_name(prefix: str) -> str:
    """The notebook's own endpoint.

    Four letters, so that what the hosting role may do for `endpoint_name_pattern` holds for it too, and no hex
    digits, so that it is never the deployed one.
    """
    return f"{prefix}-note"


def job_prefix(prefix: str) -> str:
    """Start of every training and tuning job's name; a model digest's first 12 digits and an attempt number follow."""
    return f"{prefix}-"


def checkpoint_prefix(digest: str) -> str:
    """Where a spot job keeps its checkpoint, and where a later attempt at the same model finds it."""
    return f"{CHECKPOINTS}/{digest[:12]}/"


def failed_training_rule(prefix: str) -> str:
    return f"{prefix}-training-failed"


def ec2_training_stack(prefix: str) -> str:
    return f"{prefix}-ec2-training"


def failed_ec2_training_rule(prefix: str) -> str:
    return f"{prefix}-ec2-training-failed"


def endpoint_log_group_name(endpoint: str) -> str:
    """The group that SageMaker writes to by itself."""
    return f"/aws/sagemaker/Endpoints/{endpoint}"


def log_group_name(function_name: str) -> str:
    return f"/aws/lambda/{function_name}"

"""Properties of the deployed system that the notebook uses, read from AWS."""

import json
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.exceptions import ClientError

from settings.names import RoleSuffix, StackSuffix, resource_name, result_key, role_name
from tools.preflight import NotReady, require_aws
from tools.stack import NotDeployed, outputs

_STACKS: tuple[StackSuffix, ...] = ("storage", "trained-model", "serving", "notebook")


class Unusable(Exception):
    """The system cannot be used. The message is one line that names the fix; the notebook shows only that."""

    def _render_traceback_(self) -> list[str]:
        """The text that IPython prints instead of a stack trace."""
        return [str(self)]


@dataclass(frozen=True)
class Deployed:
    """A deployed system.

    Attributes:
        job: response of DescribeTrainingJob for the job that trained the live model. Jobs of the notebook are based on
            it, because their role may read only this data set and this program.
    """

    prefix: str
    account: str
    region: str
    bucket: str
    endpoint: str
    function: str
    job: dict[str, Any]

    @property
    def dataset(self) -> str:
        """Digest of the data set."""
        [uri] = [uri for name, uri in self.channels.items() if name not in ("code", "weights")]
        return uri.rstrip("/").rpartition("/")[2]

    @property
    def channels(self) -> dict[str, str]:
        """S3 address of each of the job's channels."""
        return {
            channel["ChannelName"]: channel["DataSource"]["S3DataSource"]["S3Uri"]
            for channel in self.job["InputDataConfig"]
        }

    @property
    def key(self) -> str:
        """ARN of the KMS key that encrypts everything."""
        return str(self.job["OutputDataConfig"]["KmsKeyId"])

    def role(self, name: RoleSuffix) -> str:
        """ARN of one of the system's roles, such as `notebook-trial`."""
        path, _, _ = str(self.job["RoleArn"]).rpartition("/")
        return f"{path}/{role_name(self.prefix, name, self.region)}"


def connect(prefix: str) -> Deployed:
    """Read the system `<app>-<stage>` from the AWS of the environment.

    Raises:
        Unusable: AWS does not answer, or has no such system.
    """
    app, _, stage = prefix.partition("-")
    words = f"app={app} stage={stage}"
    try:
        account, region = require_aws()
        said = {stack: outputs(resource_name(prefix, stack)) for stack in _STACKS}
    except NotReady as error:
        raise Unusable(str(error)) from None
    except (NotDeployed, ClientError) as error:
        raise Unusable(
            f"no system {prefix} with a notebook ({error}): "
            f'deploy it (make deploy DATA=FOLDER SETTINGS="{words} notebook=true"), or correct PREFIX'
        ) from None
    if "EndpointName" not in said["serving"]:
        raise Unusable(f'the endpoint of {prefix} is off: make wake SETTINGS="{words}" switches it on')
    bucket, digest = said["storage"]["BucketName"], said["trained-model"]["ModelDigest"]
    kept = boto3.client("s3").get_object(Bucket=bucket, Key=result_key(digest))["Body"].read()
    job = boto3.client("sagemaker").describe_training_job(TrainingJobName=json.loads(kept)["job"])
    return Deployed(
        prefix=prefix,
        account=account,
        region=region,
        bucket=bucket,
        endpoint=said["serving"]["EndpointName"],
        function=said["serving"]["FunctionName"],
        job=dict(job),
    )

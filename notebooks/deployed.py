"""What the notebook has to know of the deployed system, asked of the AWS that the environment names."""

import json
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.exceptions import ClientError

from settings.names import StackSuffix, result_key, stack_name
from tools.preflight import NotReady, require_aws
from tools.stack import NotDeployed, outputs

_STACKS: tuple[StackSuffix, ...] = ("storage", "trained-model", "serving", "notebook")


class Unusable(Exception):
    """There is nothing to work with; the message is one line that names the fix, and a notebook shows no more."""

    def _render_traceback_(self) -> list[str]:
        """What IPython prints in place of the stack trace."""
        return [str(self)]


@dataclass(frozen=True)
class Deployed:
    """A deployed system.

    Attributes:
        job: the training job that made the live model, as DescribeTrainingJob tells it. A job of the notebook is
            the same but for what it tries: the role may read this data and this program, and nothing else.
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
        """Digest of the images."""
        [uri] = [uri for name, uri in self.channels.items() if name not in ("code", "weights")]
        return uri.rstrip("/").rpartition("/")[2]

    @property
    def channels(self) -> dict[str, str]:
        """The address of each channel of the job."""
        return {
            channel["ChannelName"]: channel["DataSource"]["S3DataSource"]["S3Uri"]
            for channel in self.job["InputDataConfig"]
        }

    @property
    def key(self) -> str:
        """ARN of the key that encrypts everything."""
        return str(self.job["OutputDataConfig"]["KmsKeyId"])

    def role(self, name: str) -> str:
        """ARN of the system's role of that name, such as `hosting`."""
        return str(self.job["RoleArn"]).removesuffix("training") + name


def connect(prefix: str) -> Deployed:
    """The system `<app>-<stage>`.

    Raises:
        Unusable: no AWS answers, or it has no such system.
    """
    try:
        account, region = require_aws()
        said = {stack: outputs(stack_name(prefix, stack)) for stack in _STACKS}
    except NotReady as error:
        raise Unusable(str(error)) from None
    except (NotDeployed, ClientError) as error:
        raise Unusable(
            f"no system {prefix} with a notebook ({error}): "
            "deploy it (make deploy DATA=FOLDER SETTINGS=notebook=true), or correct PREFIX"
        ) from None
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

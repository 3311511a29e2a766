"""A whole deployment, in order: bucket, images, everything else."""

import tempfile
from collections.abc import Callable
from pathlib import Path

import boto3
from botocore.exceptions import ClientError

from settings.names import StackSuffix
from tools import cdk
from tools.assembly import Assembly
from tools.dataset.upload import upload
from tools.deploy.progress import TrainingLog
from tools.preflight import nobody_listens, require_answer
from tools.stack import outputs
from training.folder import Folder

Say = Callable[[str], None]


def bootstrap(account: str, region: str) -> bool:
    """Prepare the account for the CDK unless it is; returns whether there was anything to do."""
    try:
        boto3.client("ssm").get_parameter(Name="/cdk-bootstrap/hnb659fds/version")
        return False
    except ClientError:
        with tempfile.TemporaryDirectory() as nowhere:  # in the app's folder it would synthesize the app first
            cdk.run("bootstrap", f"aws://{account}/{region}", on_line=lambda _: None, folder=Path(nowhere))
        return True


def deploy(assembly: Assembly, *stacks: StackSuffix, say: Say) -> None:
    """Deploy the named stacks of the assembly, or all of them.

    Raises:
        cdk.CdkFailed: CloudFormation's reason; what was there before the deploy is still there.
        NotReady: the AWS at AWS_ENDPOINT_URL does not answer any more.
    """
    chosen = [assembly.stack(suffix) for suffix in stacks] if stacks else ["--all"]
    try:
        with TrainingLog(assembly.prefix, say):
            cdk.run(
                "deploy", *chosen, "--app", str(assembly.folder), "--require-approval", "never",
                "--progress", "events", on_line=say,
                hopeless=nobody_listens,  # the CLI would try for another 90 s
            )  # fmt: skip
    except cdk.CdkFailed:
        require_answer()  # an AWS that went away explains more than the CLI's last words
        raise


def deploy_everything(assembly: Assembly, images: Folder | None, *, say: Say) -> None:
    """Storage, then the images into it, then the rest."""
    if images is not None:
        deploy(assembly, "storage", say=say)
        upload(images, outputs(assembly.stack("storage"))["BucketName"])
    deploy(assembly, say=say)

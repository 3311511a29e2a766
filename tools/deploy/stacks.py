"""Deploys the stacks in order: bucket, images, everything else."""

import tempfile
from collections.abc import Callable
from pathlib import Path

import boto3
from botocore.exceptions import ClientError

from settings.names import StackSuffix, job_prefix
from tools import cdk
from tools.assembly import SynthesizedApp
from tools.dataset.upload import upload
from tools.deploy.progress import TrainingLog
from tools.preflight import nobody_listens, require_answer
from tools.stack import outputs
from training.folder import Folder

Say = Callable[[str], None]


def bootstrap(account: str, region: str) -> bool:
    """Deploy CDK's bootstrap stack unless the account and region have it; returns true if it did."""
    try:
        boto3.client("ssm").get_parameter(Name="/cdk-bootstrap/hnb659fds/version")
        return False
    except ClientError:
        with tempfile.TemporaryDirectory() as nowhere:  # in the app's folder the CLI would synthesize the app first
            cdk.run("bootstrap", f"aws://{account}/{region}", on_line=lambda _: None, folder=Path(nowhere))
        return True


def deploy(assembly: SynthesizedApp, *stacks: StackSuffix, say: Say) -> None:
    """Deploy the stacks with these suffixes, or all of them.

    Raises:
        cdk.CdkFailed: with CloudFormation's reason; it has rolled back to the state before the deploy.
        NotReady: the AWS at AWS_ENDPOINT_URL has stopped answering.
    """
    chosen = [assembly.stack(suffix) for suffix in stacks] if stacks else ["--all"]
    try:
        with TrainingLog(job_prefix(assembly.prefix), say):
            cdk.run(
                "deploy", *chosen, "--app", str(assembly.folder), "--require-approval", "never",
                "--progress", "events", on_line=say,
                should_abort=nobody_listens,  # the CLI would retry for another 90 s
            )  # fmt: skip
    except cdk.CdkFailed:
        require_answer()  # if AWS has gone, say that rather than the CLI's last lines
        raise


def deploy_everything(assembly: SynthesizedApp, images: Folder | None, *, say: Say) -> None:
    """Deploy the storage stack, upload the images into its bucket, deploy the rest."""
    if images is not None:
        deploy(assembly, "storage", say=say)
        upload(images, outputs(assembly.stack("storage"))["BucketName"])
    deploy(assembly, say=say)

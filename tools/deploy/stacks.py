"""Deploys the stacks in order: bucket, images, everything else."""

from collections.abc import Callable

import boto3

from settings.names import StackSuffix, job_prefix
from tools import cdk
from tools.assembly import SynthesizedApp
from tools.dataset.upload import upload
from tools.deploy.idle import REFUSED, require_idle
from tools.deploy.narration import NOTE
from tools.deploy.progress import JobLog
from tools.deploy.rollback import finish_rollback
from tools.preflight import nobody_listens, require_aws
from tools.stack import outputs
from training.folder import Folder

Say = Callable[[str], None]
# SageMaker refuses an update while Application Auto Scaling changes the number of instances.
_SCALING = "Cannot update in-progress endpoint"


def deploy(assembly: SynthesizedApp, *stacks: StackSuffix, say: Say) -> None:
    """Deploy the stacks with these suffixes, or all of them; once more if the endpoint was being scaled.

    Raises:
        StackBusy: another deploy changes one of them.
        cdk.CdkFailed: with CloudFormation's reason; it has rolled back to the state before the deploy.
        NotReady: the AWS at AWS_ENDPOINT_URL has stopped answering, or the credentials have expired.
    """
    chosen = [assembly.stack(suffix) for suffix in stacks] if stacks else ["--all"]
    try:
        _deploy(assembly, chosen, say)
    except cdk.CdkFailed as failed:
        require_aws()  # if AWS has gone, or the session ended, say that rather than the CLI's last lines
        if REFUSED in str(failed):
            require_idle(assembly.stacks, begun=True)
        finish_rollback(assembly, say=say)
        if _SCALING not in str(failed):
            raise
        name = outputs(assembly.stack("serving"))["EndpointName"]
        say(f"{NOTE}scaling was changing {name}: waiting until it is in service, then deploying again")
        boto3.client("sagemaker").get_waiter("endpoint_in_service").wait(EndpointName=name)
        _deploy(assembly, chosen, say)


def _deploy(assembly: SynthesizedApp, chosen: list[str], say: Say) -> None:
    with JobLog(job_prefix(assembly.prefix), say):
        cdk.run(
            "deploy", *chosen, "--app", str(assembly.folder), "--require-approval", "never",
            "--progress", "events", on_line=say,
            should_abort=nobody_listens,  # the CLI would retry for another 90 s
        )  # fmt: skip


def deploy_everything(assembly: SynthesizedApp, images: Folder | None, *, layout: str, say: Say) -> None:
    """Deploy the storage stack, upload the images into its bucket in this `image_layout`, deploy the rest."""
    if images is not None:
        deploy(assembly, "storage", say=say)
        upload(images, outputs(assembly.stack("storage"))["BucketName"], layout)
    deploy(assembly, say=say)

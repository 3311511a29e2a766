"""A whole deployment, in order: bucket, images, everything else."""

import atexit
import json
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import ClientError

from dataset.upload import upload
from deploy import cdk
from deploy.preflight import nobody_listens, require_answer
from deploy.progress import TrainingLog
from training.folder import Folder

Say = Callable[[str], None]


@dataclass(frozen=True)
class Assembly:
    """A synthesized app: what is deployed is exactly what was synthesized."""

    folder: Path
    stacks: list[str]

    def stack(self, suffix: str) -> str:
        """The stack whose name ends with `-<suffix>`."""
        [name] = [name for name in self.stacks if name.endswith(f"-{suffix}")]
        return name

    def template(self, suffix: str) -> dict[str, Any]:
        """That stack's template."""
        template: dict[str, Any] = json.loads((self.folder / f"{self.stack(suffix)}.template.json").read_text())
        return template

    @property
    def prefix(self) -> str:
        """`<app>-<stage>-`: what all names of this deployment begin with."""
        return self.stack("storage").removesuffix("storage")


def synthesize(context: Mapping[str, str]) -> Assembly:
    """`cdk synth` with these settings over cdk.json's; what it writes goes when this process ends.

    Raises:
        cdk.CdkFailed: carrying the app's list of wrong settings.
    """
    folder = Path(tempfile.mkdtemp(prefix="slipway-cdk-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    cdk.run("synth", "--quiet", "--output", str(folder), context=context, on_line=lambda _: None)
    manifest = json.loads((folder / "manifest.json").read_text())["artifacts"]
    return Assembly(folder, [name for name, part in manifest.items() if part["type"] == "aws:cloudformation:stack"])


def bootstrap(account: str, region: str) -> bool:
    """Prepare the account for the CDK unless it is; returns whether there was anything to do."""
    try:
        boto3.client("ssm").get_parameter(Name="/cdk-bootstrap/hnb659fds/version")
        return False
    except ClientError:
        with tempfile.TemporaryDirectory() as nowhere:  # in the app's folder it would synthesize the app first
            cdk.run("bootstrap", f"aws://{account}/{region}", on_line=lambda _: None, folder=Path(nowhere))
        return True


def deploy(assembly: Assembly, *stacks: str, say: Say) -> None:
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


def outputs(stack: str) -> dict[str, str]:
    """A deployed stack's outputs."""
    [described] = boto3.client("cloudformation").describe_stacks(StackName=stack)["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in described.get("Outputs", [])}


def describe(error: Exception) -> list[str]:
    """What a person should read of an error: its problems, one a line."""
    problems: Any = getattr(error, "problems", None)
    return list(problems) if problems else str(error).splitlines()

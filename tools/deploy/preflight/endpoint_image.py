"""Check, before anything is created, that the endpoint's image can be built, or that the pushed one can be served."""

import json
import os
import ssl
import subprocess
import urllib.request
from typing import Any

import boto3
from botocore.exceptions import ClientError

from aws.containers import MANIFEST_TYPE, PUSHED_FORM, PushedImage
from aws.pseudo_parameters import fill
from settings import Settings
from tools.assembly import SynthesizedApp
from tools.preflight import NotReady

MISSING = ("RepositoryNotFoundException", "ImageNotFoundException")
_NAME = f"serving_image={PUSHED_FORM}"
_VERSION_SECONDS = 60  # a Docker that is starting keeps its callers waiting


def require_image(assembly: SynthesizedApp, settings: Settings, *, account: str, region: str) -> str:
    """Say where the image comes from.

    CDK and SageMaker would refuse it too, but only once the stacks before are changed.

    Raises:
        NotReady: the deploy has to build the image and cannot, or `serving_image` names none that fits.
        ClientError: the caller may not read the repository of `serving_image`.
    """
    if settings.pushed_image:
        _require_pushed(settings.pushed_image, region=region, arm=settings.endpoint_instance.arm)
        return "serving_image is there and fits"
    if all(_is_pushed(*named) for named in _built(assembly, account, region)):
        return "pushed by an earlier deploy"
    return f"{require_builder()} builds it"


def require_builder() -> str:
    """The command that the CDK builds images with.

    Raises:
        NotReady: it does not run, or makes what SageMaker refuses.
    """
    command = os.environ.get("CDK_DOCKER", "docker")
    try:
        done = subprocess.run([command, "version"], capture_output=True, text=True, timeout=_VERSION_SECONDS)
        failed = (done.stderr.strip() or f"exit code {done.returncode}").splitlines()[-1] if done.returncode else ""
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotReady(_not_running(command, str(error))) from error
    if failed:
        raise NotReady(_not_running(command, failed))
    if "podman" in done.stdout.lower():
        raise NotReady(
            f"{command} is Podman, whose OCI manifests SageMaker refuses: build with Docker or Finch "
            f"(CDK_DOCKER=finch), or push what `podman build --format docker serving` makes, and name it: {_NAME}"
        )
    return command


def _not_running(command: str, reason: str) -> str:
    return (
        f"the deploy builds the endpoint's image, and {command} does not run ({reason}): start Docker, or set "
        f"CDK_DOCKER=finch, or name a pushed image: {_NAME}"
    )


def _built(assembly: SynthesizedApp, account: str, region: str) -> list[tuple[str, str]]:
    """Repository and tag of each image that the serving stack builds."""
    text = (assembly.folder / f"{assembly.stack('serving')}.assets.json").read_text()
    images = json.loads(fill(text, AccountId=account, Region=region)).get("dockerImages", {}).values()
    return [(to["repositoryName"], to["imageTag"]) for image in images for to in image["destinations"].values()]


def _is_pushed(repository: str, tag: str) -> bool:
    """True where an earlier deploy has pushed the image, so that the CDK does not build it."""
    try:
        boto3.client("ecr").describe_images(repositoryName=repository, imageIds=[{"imageTag": tag}])
    except ClientError as error:
        if error.response["Error"]["Code"] not in (*MISSING, "AccessDeniedException"):
            raise
        return False
    return True


def _require_pushed(image: PushedImage, *, region: str, arm: bool) -> None:
    if image.region != region:
        raise NotReady(
            f"serving_image is in {image.region}, and SageMaker pulls an endpoint's image from its own region: push it "
            f"to a repository in {region}"
        )
    kind, architecture = _described(image)
    if kind != MANIFEST_TYPE:
        raise NotReady(
            f"serving_image has a manifest of type {kind}, which SageMaker refuses: push a single image with "
            "docker build --output type=docker,oci-mediatypes=false, or podman build --format docker"
        )
    wanted = "arm64" if arm else "amd64"
    if architecture != wanted:
        raise NotReady(
            f"serving_image is built for {architecture}, and endpoint_instance_type runs {wanted}: build it with "
            f"--platform linux/{wanted}, or take an instance type for {architecture}"
        )


def _described(image: PushedImage) -> tuple[str, str]:
    """Type of the image's manifest, and its architecture as Docker names it; empty for a list of images.

    The architecture is in the image's configuration, a blob as its layers are ("Image Manifest Version 2, Schema 2",
    CNCF Distribution); DescribeImages does not give it.

    Raises:
        NotReady: the repository or the image is not there.
        ClientError: the caller may not read it.
    """
    client = boto3.client("ecr")
    repository = {"registryId": image.account, "repositoryName": image.repository}
    try:
        found = client.batch_get_image(**repository, imageIds=[{"imageDigest": image.digest}])["images"]
    except client.exceptions.RepositoryNotFoundException:
        found = []
    if not found:
        raise NotReady(
            f"serving_image: no image {image.digest} in repository {image.repository} of account {image.account}: push "
            "it, or name another; they are listed by aws ecr describe-images "
            f"--registry-id {image.account} --repository-name {image.repository}"
        )
    kind = found[0]["imageManifestMediaType"]
    config = json.loads(found[0]["imageManifest"]).get("config")
    if not config:
        return kind, ""
    url = client.get_download_url_for_layer(**repository, layerDigest=config["digest"])["downloadUrl"]
    return kind, str(_download(url).get("architecture"))


def _download(url: str) -> Any:
    context = ssl.create_default_context(cafile=os.environ.get("AWS_CA_BUNDLE"))
    with urllib.request.urlopen(url, timeout=30, context=context) as answer:  # noqa: S310 (ECR's own address)
        return json.load(answer)

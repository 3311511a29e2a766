"""The image that the endpoint's instances run: built from serving/ by the deploy, or pushed before it."""

from pathlib import Path

from aws_cdk.aws_ecr_assets import DockerImageAsset, Platform
from constructs import Construct

from settings import Settings

_SOURCE = Path(__file__).parent.parent / "serving"


class ServingImage(Construct):
    """`uri`, where SageMaker pulls the image.

    `cdk deploy` builds our own and pushes it to the CDK's repository, unless it is there: its tag is a digest of its
    files and its platform. `cdk synth` only computes that digest, without Docker.
    """

    def __init__(self, scope: Construct, id: str, *, settings: Settings, source: Path = _SOURCE) -> None:
        super().__init__(scope, id)
        if settings.serving_image:
            self.uri = settings.serving_image
            return
        asset = DockerImageAsset(
            self,
            "Asset",
            directory=str(source),
            platform=Platform.LINUX_ARM64 if settings.endpoint_instance.arm else Platform.LINUX_AMD64,
            # "*" first: only what is named after it counts, so that every machine computes the same digest.
            exclude=["*", "!Dockerfile", "!requirements.txt", "!*.py", ".*"],
            # SageMaker takes Docker's manifests and refuses OCI's, which Docker 29 writes unless it is told otherwise:
            # https://github.com/aws/amazon-sagemaker-feedback/issues/180
            outputs=["type=docker,oci-mediatypes=false"],
        )
        self.uri = asset.image_uri

"""An endpoint's image that cannot be built, or does not fit, is reported before anything is created."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from settings import Settings, read_settings
from tests.defaults import DEFAULTS
from tests.stacks.conftest import synthesize_to
from tools.assembly import SynthesizedApp
from tools.deploy.preflight.endpoint_image import require_builder, require_image
from tools.preflight import NotReady

ACCOUNT, REGION = "123456789012", "eu-west-1"
REPOSITORY = f"cdk-hnb659fds-container-assets-{ACCOUNT}-{REGION}"
DIGEST = f"sha256:{'5e' * 32}"
PUSHED = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/teams/classifier@{DIGEST}"
DOCKER, OCI = "application/vnd.docker.distribution.manifest.v2+json", "application/vnd.oci.image.manifest.v1+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"


@pytest.fixture
def builder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Makes CDK_DOCKER name a program that only answers `version`."""

    def make(script: str) -> Path:
        path = tmp_path / "builder"
        path.write_text(f'#!/bin/sh\ntest "$*" = version || exit 99\n{script}\n')
        path.chmod(0o755)
        monkeypatch.setenv("CDK_DOCKER", str(path))
        return path

    return make


def refused() -> str:
    """The message of `require_builder`, which is one line."""
    with pytest.raises(NotReady) as said:
        require_builder()
    (line,) = said.value.problems
    return line


def test_a_builder_that_runs_is_taken(builder: Callable[..., Path]) -> None:
    builder("echo 'Client: Docker Engine'")
    require_builder()


def test_it_is_docker_where_the_environment_names_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CDK_DOCKER", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert refused().startswith("the deploy builds the endpoint's image, and docker does not run (")
    (tmp_path / "docker").write_text("#!/bin/sh\n")
    (tmp_path / "docker").chmod(0o755)
    require_builder()


def test_one_that_does_not_run_is_told_with_its_reason_and_the_other_ways(builder: Callable[..., Path]) -> None:
    path = builder("echo 'Cannot connect to the Docker daemon. Is it running?' >&2; exit 1")
    assert refused() == (
        f"the deploy builds the endpoint's image, and {path} does not run (Cannot connect to the Docker daemon. Is it "
        "running?): start Docker, or set CDK_DOCKER=finch, or name a pushed image: "
        "serving_image=ACCOUNT.dkr.ecr.REGION.amazonaws.com/REPOSITORY@sha256:DIGEST"
    )


def test_finch_that_is_named_and_not_installed_is_told_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("CDK_DOCKER", "finch")
    assert refused().startswith("the deploy builds the endpoint's image, and finch does not run (")


def test_podman_whose_manifests_sagemaker_refuses_is_told_how_to_do_it(builder: Callable[..., Path]) -> None:
    builder("echo 'Client: Podman Engine'")
    assert refused().endswith(
        "or push what `podman build --format docker serving` makes, and name it: "
        "serving_image=ACCOUNT.dkr.ecr.REGION.amazonaws.com/REPOSITORY@sha256:DIGEST"
    )


@pytest.fixture(scope="module")
def assembly(tmp_path_factory: pytest.TempPathFactory) -> SynthesizedApp:
    """The app with the settings of cdk.json."""
    folder = tmp_path_factory.mktemp("cdk.out")
    return SynthesizedApp(folder, [f"slipway-dev-{suffix}" for suffix in synthesize_to(folder)])


@pytest.fixture
def ecr(monkeypatch: pytest.MonkeyPatch) -> Stubber:
    client = boto3.client("ecr", region_name=REGION, aws_access_key_id="a", aws_secret_access_key="b")
    monkeypatch.setattr(boto3, "client", {"ecr": client}.__getitem__)
    stub = Stubber(client)
    stub.activate()
    return stub


def check(assembly: SynthesizedApp, settings: Settings | None = None) -> None:
    require_image(assembly, settings or read_settings(DEFAULTS), account=ACCOUNT, region=REGION)


@pytest.fixture
def no_builder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CDK_DOCKER", str(tmp_path / "missing"))


def asset(assembly: SynthesizedApp) -> dict[str, Any]:
    """The question about the app's own image."""
    assets = json.loads((assembly.folder / "slipway-dev-serving.assets.json").read_text())
    (tag,) = assets["dockerImages"]
    return {"repositoryName": REPOSITORY, "imageIds": [{"imageTag": tag}]}


@pytest.mark.usefixtures("no_builder")
def test_an_image_that_an_earlier_deploy_has_pushed_needs_no_builder(assembly: SynthesizedApp, ecr: Stubber) -> None:
    ecr.add_response("describe_images", {"imageDetails": [{"imageDigest": DIGEST}]}, asset(assembly))
    check(assembly)


@pytest.mark.usefixtures("no_builder")
@pytest.mark.parametrize("answer", ["RepositoryNotFoundException", "ImageNotFoundException", "AccessDeniedException"])
def test_one_that_is_not_there_or_cannot_be_looked_for_needs_one(
    assembly: SynthesizedApp, ecr: Stubber, answer: str
) -> None:
    ecr.add_client_error("describe_images", answer, expected_params=asset(assembly))
    with pytest.raises(NotReady, match="the deploy builds the endpoint's image"):
        check(assembly)


def served(instance_type: str = "ml.m5.large") -> Settings:
    return read_settings(DEFAULTS | {"serving_image": PUSHED, "endpoint_instance_type": instance_type})


def is_there(ecr: Stubber, *, kind: str = DOCKER, architecture: str = "amd64") -> None:
    """Makes ECR have the image, whose configuration is read as a blob."""
    of = {"registryId": ACCOUNT, "repositoryName": "teams/classifier"}
    manifest = json.dumps({"manifests": []} if kind == DOCKER_LIST else {"config": {"digest": "sha256:0c"}})
    image = {"imageManifest": manifest, "imageManifestMediaType": kind}
    ecr.add_response("batch_get_image", {"images": [image]}, of | {"imageIds": [{"imageDigest": DIGEST}]})
    if kind != DOCKER_LIST:
        url = f'data:application/json,{{"architecture":"{architecture}"}}'
        ecr.add_response("get_download_url_for_layer", {"downloadUrl": url}, of | {"layerDigest": "sha256:0c"})


@pytest.mark.usefixtures("no_builder")
@pytest.mark.parametrize(("instance_type", "architecture"), [("ml.m5.large", "amd64"), ("ml.c7g.large", "arm64")])
def test_a_pushed_image_for_the_instance_type_is_taken_without_a_builder(
    assembly: SynthesizedApp, ecr: Stubber, instance_type: str, architecture: str
) -> None:
    is_there(ecr, architecture=architecture)
    check(assembly, served(instance_type))


@pytest.mark.parametrize(
    ("instance_type", "is_for", "wanted"), [("ml.m5.large", "arm64", "amd64"), ("ml.c7g.large", "amd64", "arm64")]
)
def test_one_for_another_processor_is_refused(
    assembly: SynthesizedApp, ecr: Stubber, instance_type: str, is_for: str, wanted: str
) -> None:
    is_there(ecr, architecture=is_for)
    with pytest.raises(NotReady, match=f"built for {is_for}, and endpoint_instance_type runs {wanted}: .*{wanted}, or"):
        check(assembly, served(instance_type))


@pytest.mark.parametrize("kind", [OCI, DOCKER_LIST])
def test_a_manifest_that_sagemaker_refuses_is_refused(assembly: SynthesizedApp, ecr: Stubber, kind: str) -> None:
    """https://github.com/aws/amazon-sagemaker-feedback/issues/180."""
    is_there(ecr, kind=kind)
    with pytest.raises(NotReady, match="which SageMaker refuses: push a single image with docker build --output"):
        check(assembly, served())


def test_a_missing_image_or_repository_is_named(assembly: SynthesizedApp, ecr: Stubber) -> None:
    ecr.add_response("batch_get_image", {"images": [], "failures": [{"failureCode": "ImageNotFound"}]})
    ecr.add_client_error("batch_get_image", "RepositoryNotFoundException")
    for _ in range(2):
        with pytest.raises(NotReady, match=f"no image {DIGEST} in repository teams/classifier of account {ACCOUNT}"):
            check(assembly, served())


def test_one_in_another_region_is_refused(assembly: SynthesizedApp) -> None:
    """`Image` in "ContainerDefinition", SageMaker API reference."""
    with pytest.raises(NotReady, match=r"serving_image is in eu-west-1, .* push it to a repository in us-east-1"):
        require_image(assembly, served(), account=ACCOUNT, region="us-east-1")


def test_who_may_not_read_the_repository_is_told_so(assembly: SynthesizedApp, ecr: Stubber) -> None:
    ecr.add_client_error("batch_get_image", "AccessDeniedException")
    with pytest.raises(ClientError, match="AccessDenied"):
        check(assembly, served())

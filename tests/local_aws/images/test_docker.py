"""The stand-in for Docker, which CDK_DOCKER names, publishes an image as the CDK CLI asks it to."""

import base64
import json
import os
import ssl
import subprocess
import urllib.request
from pathlib import Path

import pytest

from aws.containers import training_container
from aws.instances import Instance
from local_aws.home import ACCOUNT, Home, read_env
from local_aws.images.docker import _ImageStore
from tests.local_aws.conftest import Client, assume, clients, make_role

pytestmark = pytest.mark.e2e

REGISTRY = f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com"
REPOSITORY = "pushed"


@pytest.fixture(scope="module")
def repository(client: Client) -> str:
    client("ecr").create_repository(repositoryName=REPOSITORY)
    return f"{REGISTRY}/{REPOSITORY}"


@pytest.fixture
def context(tmp_path: Path) -> Path:
    (tmp_path / "program.py").write_text("print(1)")
    (tmp_path / "Dockerfile").write_text('FROM python:3\nCOPY program.py /\nENTRYPOINT ["python", "/program.py"]\n')
    return tmp_path


def docker(home: Home, *arguments: str, folder: Path | None = None, said: str = "") -> subprocess.CompletedProcess[str]:
    variables = read_env(home.env_file)
    return subprocess.run(
        [variables["CDK_DOCKER"], *arguments],
        cwd=folder, input=said, capture_output=True, text=True, env={**os.environ, **variables},
    )  # fmt: skip


def password(client: Client) -> str:
    [data] = client("ecr").get_authorization_token()["authorizationData"]
    return base64.b64decode(data["authorizationToken"]).decode().removeprefix("AWS:")


def log_in(home: Home, client: Client) -> None:
    done = docker(home, "login", "--username", "AWS", "--password-stdin", REGISTRY, said=password(client))
    assert done.returncode == 0, done.stderr


def test_an_image_is_built_tagged_pushed_and_described(
    home: Home, client: Client, repository: str, context: Path
) -> None:
    assert docker(home, "inspect", "cdkasset-1").returncode == 1
    assert (
        docker(home, "build", "--tag", "cdkasset-1", "--platform", "linux/arm64", ".", folder=context).returncode == 0
    )
    assert docker(home, "inspect", "cdkasset-1").returncode == 0
    log_in(home, client)
    assert docker(home, "tag", "cdkasset-1", f"{repository}:1").returncode == 0
    pushed = docker(home, "push", f"{repository}:1")
    assert pushed.returncode == 0, pushed.stderr
    with pytest.raises(client("ecr").exceptions.ImageNotFoundException):  # by which the CDK CLI knows what to push
        client("ecr").describe_images(repositoryName=REPOSITORY, imageIds=[{"imageTag": "2"}])
    [found] = client("ecr").describe_images(repositoryName=REPOSITORY, imageIds=[{"imageTag": "1"}])["imageDetails"]
    assert found["imageDigest"].startswith("sha256:")
    manifest = json.loads(client("ecr").batch_get_image(
        repositoryName=REPOSITORY, imageIds=[{"imageDigest": found["imageDigest"]}]
    )["images"][0]["imageManifest"])  # fmt: skip
    address = client("ecr").get_download_url_for_layer(
        repositoryName=REPOSITORY, layerDigest=manifest["config"]["digest"]
    )["downloadUrl"]  # fmt: skip
    trusted = ssl.create_default_context(cafile=read_env(home.env_file)["AWS_CA_BUNDLE"])
    with urllib.request.urlopen(address, context=trusted) as answer:
        assert json.load(answer)["architecture"] == "arm64"
    listed = docker(home, "images", "--format", "{{.Repository}}:{{.Tag}}", "--filter", "reference=*/*:1")
    assert listed.stdout.strip() == f"{repository}:1"


def test_of_aws_s_images_it_knows_those_that_jobs_name(client: Client) -> None:
    aws = {"registryId": "763104351884", "repositoryName": "pytorch"}
    tag = training_container("763104351884", Instance.parse("ml.m5.large")).tag
    [found] = client("ecr").describe_images(**aws, imageIds=[{"imageTag": tag}])["imageDetails"]
    assert found["registryId"] == "763104351884"
    with pytest.raises(client("ecr").exceptions.ImageNotFoundException):
        client("ecr").describe_images(**aws, imageIds=[{"imageTag": "1.0"}])
    with pytest.raises(client("ecr").exceptions.RepositoryNotFoundException):
        client("ecr").describe_images(**aws | {"repositoryName": "caffe"}, imageIds=[{"imageTag": "1.0"}])


def test_a_registry_that_is_not_local_aws_s_is_refused(home: Home, context: Path) -> None:
    other = "111122223333.dkr.ecr.us-east-1.amazonaws.com"
    refused = docker(home, "login", "--username", "AWS", "--password-stdin", other, said="secret")
    assert refused.returncode == 1
    assert f"{other} is not local AWS's" in refused.stderr
    docker(home, "build", "--tag", f"{other}/x:1", ".", folder=context)
    assert "is not local AWS's" in docker(home, "push", f"{other}/x:1").stderr


def test_a_dockerfile_that_cannot_be_built_fails_with_its_line(home: Home, context: Path) -> None:
    (context / "Dockerfile").write_text("FROM python:3\nHEALTHCHECK NONE\n")
    failed = docker(home, "build", "--tag", "bad", ".", folder=context)
    assert failed.returncode == 1
    assert "Dockerfile, line 2: local AWS does not know HEALTHCHECK" in failed.stderr


def test_what_the_cli_never_asks_is_refused(home: Home) -> None:
    assert docker(home, "run", "x").returncode == 2
    assert docker(home, "version").returncode == 0


def test_a_password_lets_its_owner_do_what_the_policies_say(
    home: Home, client: Client, repository: str, context: Path
) -> None:
    """ "Private registry authentication", Amazon ECR user guide: a token has the permissions of who asked for it."""
    make_role(client, "image-reader", "lambda.amazonaws.com", {"Action": "ecr:GetAuthorizationToken", "Resource": "*"})
    log_in(home, assume(client, home, "image-reader"))
    docker(home, "build", "--tag", f"{repository}:2", ".", folder=context)
    refused = docker(home, "push", f"{repository}:2")
    assert refused.returncode == 1
    assert "ecr:InitiateLayerUpload" in refused.stderr
    log_in(home, client)
    assert docker(home, "push", f"{repository}:2").returncode == 0


def test_without_a_password_nothing_can_be_pushed_or_pulled(home: Home, repository: str, context: Path) -> None:
    docker(home, "login", "--username", "AWS", "--password-stdin", REGISTRY, said="made-up")
    docker(home, "build", "--tag", f"{repository}:3", ".", folder=context)
    assert "log in again" in docker(home, "push", f"{repository}:3").stderr


def test_a_registry_is_one_region_s(home: Home, client: Client, repository: str, context: Path) -> None:
    """ "Amazon ECR private registry", Amazon ECR user guide: one for each region, `…dkr.ecr.REGION.amazonaws.com`."""
    elsewhere = clients(read_env(home.env_file) | {"AWS_REGION": "eu-west-1"})("ecr")
    elsewhere.create_repository(repositoryName="elsewhere")
    registry = REGISTRY.replace("us-east-1", "eu-west-1")
    docker(home, "login", "--username", "AWS", "--password-stdin", registry, said=password(lambda _: elsewhere))
    docker(home, "build", "--tag", f"{registry}/elsewhere:1", ".", folder=context)
    pushed = docker(home, "push", f"{registry}/elsewhere:1")
    assert pushed.returncode == 0, pushed.stderr
    assert elsewhere.describe_images(repositoryName="elsewhere")["imageDetails"][0]["imageTags"] == ["1"]
    with pytest.raises(client("ecr").exceptions.RepositoryNotFoundException):
        client("ecr").describe_images(repositoryName="elsewhere")


def test_the_file_of_passwords_is_private_even_if_an_older_one_is_not(tmp_path: Path) -> None:
    store = _ImageStore(Home(tmp_path))
    logins = tmp_path / "scratch/images/logins.json"
    logins.write_text("{}")
    logins.chmod(0o644)
    store.log_in(REGISTRY, "secret")
    assert store.password(REGISTRY) == "secret"
    assert logins.stat().st_mode & 0o777 == 0o600

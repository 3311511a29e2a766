"""`make score` refuses what cannot work before anything is spent, and says what still runs after an end of its own."""

import json
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from tests.tools.score.conftest import BUCKET, MODEL, TEMPLATE, Aws, result, score
from tools.score import __main__ as command


def test_another_bucket_or_folder_is_refused_with_the_copy_that_mends_it(
    aws: Aws, capsys: pytest.CaptureFixture[str]
) -> None:
    for address in ("s3://other/pictures/", f"s3://{BUCKET}/capture/x", f"s3://{BUCKET}/models/"):
        assert score(address) == 1
        said = capsys.readouterr().err
        assert (
            f"aws s3 sync {address.rstrip('/')}/ s3://{BUCKET}/scores/NAME/input/, then make score DATA=s3://" in said
        )
    assert aws.request == {}


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ("nowhere", "no folder nowhere: give a folder of images, a zip or tar of one, or s3://…"),
        ("empty", "empty has no file: give a folder of images, nested or not"),
        ("file.jpg", "file.jpg is neither a folder nor a zip or tar of one"),
        (f"s3://{BUCKET}/data/none/", "data/none/ has no object"),
    ],
)
def test_data_that_is_none_is_refused(
    aws: Aws, tmp_path: Path, capsys: pytest.CaptureFixture[str], data: str, said: str
) -> None:
    (tmp_path / "empty/.cache").mkdir(parents=True)
    (tmp_path / "empty/.cache/x").touch()
    (tmp_path / "file.jpg").write_bytes(b"\xff\xd8\xff")
    assert score(data) == 1
    assert said in capsys.readouterr().err
    assert aws.request == {}


def test_without_a_model_nothing_is_uploaded(aws: Aws, pictures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    del aws.objects["models/12ab/model.tar.gz"]
    assert score(str(pictures)) == 1
    assert f'no model at {MODEL}: make deploy SETTINGS="stage=prod" trains it again' in capsys.readouterr().err
    assert aws.objects == {}


@pytest.mark.parametrize(
    ("taken", "data"), [("input/a.jpg", ""), ("results/0.jsonl", ""), ("results/0.jsonl", f"s3://{BUCKET}/data/1/")]
)
def test_a_name_is_used_once(
    aws: Aws, pictures: Path, capsys: pytest.CaptureFixture[str], taken: str, data: str
) -> None:
    aws.objects |= {f"scores/n1/{taken}": b"", "data/1/a.jpg": b""}
    assert score(data or str(pictures)) == 1
    assert "is of a scoring of the same name: give another --name" in capsys.readouterr().err
    assert aws.request == {}


@pytest.mark.parametrize("name", ["A", "a_b", "a--b", "-a", "a" * 46])
def test_a_name_that_sagemaker_would_refuse_is_refused(
    aws: Aws, pictures: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    assert command.main([str(pictures), f"--name={name}", "--settings", "stage=prod"]) == 1
    assert "give small letters, digits and single hyphens, 44 at most" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("deployed", "given", "said"),
    [
        ("ml.c7g.large", [], "built for ml.c7g.large, an Arm type, on which SageMaker runs no processing jobs"),
        ("ml.c5.large", [], "ml.c5.large for processing jobs: SageMaker has no such type for this; take ml.c5.xlarge"),
        ("ml.m5.large", ["--instance-type", "m5.large"], 'ARGS="--instance-type ml.m5.large"'),
    ],
)
def test_an_instance_type_that_runs_no_job_is_refused_before_the_upload(
    aws: Aws, serving: dict[str, str], pictures: Path, capsys: pytest.CaptureFixture[str],
    deployed: str, given: list[str], said: str,
) -> None:  # fmt: skip
    cluster = {"InstanceType": deployed, "InstanceCount": 1}
    serving["ScoringJob"] = json.dumps(TEMPLATE | {"ProcessingResources": {"ClusterConfig": cluster}})
    assert score(str(pictures), *given) == 1
    assert said in capsys.readouterr().err
    assert not [key for key in aws.objects if key.startswith("scores/")]


def test_a_deploy_of_before_is_told_to_deploy(
    aws: Aws, serving: dict[str, str], pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    del serving["ScoringJob"]
    assert score(str(pictures)) == 1
    assert 'without scoring: make deploy SETTINGS="stage=prod"' in capsys.readouterr().err


def test_a_quota_that_is_too_low_is_told_with_what_mends_it(
    aws: Aws, pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    error = {"Code": "ResourceLimitExceeded", "Message": "The limit 'ml.m5.large for processing job usage' is 0."}
    aws.refusal = ClientError({"Error": error}, "CreateProcessingJob")
    assert score(str(pictures)) == 1
    assert (
        "usage' is 0. make preflight with the same SETTINGS has the command that asks for more"
        in capsys.readouterr().err
    )


@pytest.mark.parametrize(
    ("status", "reason", "said"),
    [
        ("Failed", "AlgorithmError: See job logs", "failed: AlgorithmError: See job logs (the model is broken)"),
        ("Stopped", "", "stopped: it was stopped, or ran into its limit of time"),
    ],
)
def test_a_job_that_does_not_complete_is_told_with_its_log(
    aws: Aws, pictures: Path, capsys: pytest.CaptureFixture[str], status: str, reason: str, said: str
) -> None:
    aws.status, aws.reason = status, reason
    assert score(str(pictures)) == 1
    error = capsys.readouterr().err
    assert said in error
    assert (
        "aws logs tail /aws/sagemaker/ProcessingJobs --since 1d --log-stream-name-prefix slipway-prod-score-n1/"
        in error
    )


def test_an_image_without_a_result_is_no_success(
    aws: Aws, pictures: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    aws.results = [[result("cat.jpg", "cat")]]
    assert score(str(pictures)) == 1
    assert "1 of 3 images have a result below s3://" in capsys.readouterr().err
    assert not (tmp_path / "out/scores/n1.jsonl").exists()


@pytest.mark.parametrize(
    ("when", "said"),
    [
        ("upload", "stopped; no job was started. s3://slipway-prod-000000000000-us-east-1/scores/n1/input/ expires in"),
        ("job", "job slipway-prod-score-n1 runs on and bills 0.12 $ an hour, until it is done; its results will be in"),
    ],
)
def test_ctrl_c_says_what_still_runs_and_how_to_end_it(
    aws: Aws, pictures: Path, capsys: pytest.CaptureFixture[str], when: str, said: str
) -> None:
    aws.interrupt = when
    assert score(str(pictures)) == 130
    error = capsys.readouterr().err
    assert said in error
    ends = "End it: aws sagemaker stop-processing-job --processing-job-name slipway-prod-score-n1"
    assert (ends in error) is (when == "job")


def test_credentials_that_expire_leave_the_job_running_and_the_command_says_so(
    aws: Aws, pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    aws.interrupt = "credentials"
    assert score(str(pictures)) == 1
    error = capsys.readouterr().err
    assert "ExpiredTokenException" in error
    assert "job slipway-prod-score-n1 runs on and bills" in error

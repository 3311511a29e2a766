"""`make capacity`: output, files, and error messages."""

import json
from pathlib import Path

import pytest
from PIL import Image

from settings.schedule import MAX_INSTANCES
from tools.assembly import SynthesizedApp
from tools.capacity import __main__ as command


def resource(type_: str, **properties: object) -> dict[str, object]:
    return {"Type": type_, "Properties": properties}


@pytest.fixture(autouse=True)
def synthesized(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A synthesized app, and a temporary working folder."""
    tracking = {
        "PredefinedMetricSpecification": {
            "PredefinedMetricType": "SageMakerVariantConcurrentRequestsPerModelHighResolution"
        },
        "TargetValue": 4,
        "ScaleInCooldown": 300,
        "ScaleOutCooldown": 30,
    }
    resources = {
        "target": resource(
            "AWS::ApplicationAutoScaling::ScalableTarget", ServiceNamespace="sagemaker", MinCapacity=1, MaxCapacity=3
        ),
        "policy": resource(
            "AWS::ApplicationAutoScaling::ScalingPolicy",
            ScalingTargetId={"Ref": "target"},
            TargetTrackingScalingPolicyConfiguration=tracking,
        ),
        "config": resource("AWS::SageMaker::EndpointConfig", ProductionVariants=[{"InstanceType": "ml.m5.large"}]),
    }
    (tmp_path / "a-b-serving.template.json").write_text(json.dumps({"Resources": resources}))
    monkeypatch.setattr(command, "synthesize", lambda _: SynthesizedApp(tmp_path, ["a-b-serving"]))
    monkeypatch.setenv("AWS_REGION", "us-east-1")  # no developer's profile
    monkeypatch.chdir(tmp_path)
    Path("trace.csv").write_text("seconds,rate\n0,0.5\n600,0.5\n600,1.3\n1200,1.3\n")


# A call of a second, beside the traffic above, at a server that lets calls wait.
SLOW_CALLS = ("--trace", "trace.csv", "--rate", "1", "--service-time", "1000", "--max-instances", "2", "--queue", "60")
MEASURED = {"result": {"peak_rate": 1.0, "service_seconds": 1.0}, "options": {"limit_seconds": 8.0}}


def test_it_leaves_figures_and_a_picture_the_same_each_time(capsys: pytest.CaptureFixture[str]) -> None:
    Path("search.json").write_text(json.dumps(MEASURED))
    arguments = ["--trace", "trace.csv", "--measured", "search.json", "--start-seconds", "60", *SLOW_CALLS[-4:]]

    assert command.main(arguments) == 0
    first, said = Path("out/capacity/trace.json").read_text(), capsys.readouterr().out
    assert command.main(arguments) == 0
    assert Path("out/capacity/trace.json").read_text() == first

    result = json.loads(first)
    chosen = result["cheapest"]
    assert result["limits"] == {"p99": 8.0, "dropped": 0.001}  # the latency limit of the measurement
    assert chosen["p99_seconds"] <= 8
    assert chosen["dollars"] == pytest.approx(chosen["instance_hours"] * 0.115, abs=1e-3)
    settings = chosen["policy"]
    assert f"endpoint_min_instances={settings['minimum']} endpoint_max_instances={settings['maximum']}" in said
    assert f"endpoint_target_concurrency={settings['target']:g}" in said
    with Image.open("out/capacity/trace.png") as picture:
        assert picture.width > 800


def test_for_programs_stdout_is_the_file_s_content(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main([*SLOW_CALLS, "--p99", "8000", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads(Path("out/capacity/trace.json").read_text())


def test_what_it_prints_to_deploy_is_what_it_simulated_and_has_no_schedule(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "a-b-serving.template.json"
    template = json.loads(file.read_text())
    action = {"Schedule": "cron(0 0 * * ? *)", "ScalableTargetAction": {"MinCapacity": 2, "MaxCapacity": 3}}
    template["Resources"]["target"]["Properties"]["ScheduledActions"] = [action]
    file.write_text(json.dumps(template))

    assert command.main([*SLOW_CALLS, "--p99", "8000"]) == 0
    assert ' endpoint_schedule="' in capsys.readouterr().out


def test_the_policy_of_an_endpoint_that_is_off_is_simulated_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plain = command.synthesize

    def synthesize(given: dict[str, str]) -> SynthesizedApp:
        assert given["endpoint"] == "on"
        return plain(given)

    monkeypatch.setattr(command, "synthesize", synthesize)
    command.main(["-c", "endpoint=off", *SLOW_CALLS[:-2], "--queue", "1"])


def test_it_fails_when_no_policy_holds(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main([*SLOW_CALLS, "--p99", "900"]) == 1
    assert "holds the limits: raise --max-instances" in capsys.readouterr().err


def test_no_fleet_is_tried_that_the_settings_refuse(capsys: pytest.CaptureFixture[str]) -> None:
    given = ["--trace", "trace.csv", "--rate", "0.001", "--service-time", "1000", "--max-instances", "500"]
    assert command.main([*given, "--p99", "1"]) == 1
    assert f"of up to {MAX_INSTANCES} instances" in capsys.readouterr().err


def test_without_a_measurement_it_says_how_to_get_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main([]) == 1
    assert "run `make load` first, or give --rate and --service-time" in capsys.readouterr().err


def test_a_measurement_of_another_kind_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    Path("rate.json").write_text(json.dumps({"result": {}, "options": {}}))
    assert command.main(["--measured", "rate.json"]) == 1
    assert "no measurement in rate.json (KeyError: 'peak_rate')" in capsys.readouterr().err


def test_every_bad_line_of_a_trace_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    Path("bad.csv").write_text("0,1\n10,-1\nlater,2\n")
    assert command.main(["--trace", "bad.csv", "--rate", "1", "--service-time", "1000"]) == 1
    error = capsys.readouterr().err
    assert "bad.csv line 2" in error and "bad.csv line 3" in error

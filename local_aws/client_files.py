"""Files of a local AWS for its clients: aws.env, and the program that stands in for Docker."""

import os
import shlex
import sys
from pathlib import Path

import psutil

from local_aws import clock
from local_aws.home import Home, write_env
from local_aws.processes import HOME
from local_aws.running import LocalAwsError, LocalAwsRun


def write_client_files(home: Home, run: LocalAwsRun) -> None:
    """Write aws.env and the stand-in for Docker of a running local AWS, whose server alone knows the access key.

    Raises:
        LocalAwsError: the local AWS has just ended.
        OSError: the home folder cannot be written.
    """
    try:
        server = psutil.Process(run.supervisor).environ()
    except psutil.Error as error:
        raise LocalAwsError(f"local AWS at {run.endpoint} has just ended: start it again") from error
    docker = home.scratch / "docker"
    variables = {"PYTHONPATH": Path(__file__).resolve().parent.parent, HOME: home.root}
    settings = " ".join(f"{name}={shlex.quote(str(value))}" for name, value in variables.items())
    call = f"{settings} exec {shlex.quote(sys.executable)} -m local_aws.images.docker"
    docker.write_text(f'#!/bin/sh\n{call} "$@"\n')
    docker.chmod(0o755)
    write_env(
        home.env_file,
        {
            "AWS_ENDPOINT_URL": run.endpoint,
            "AWS_ACCESS_KEY_ID": server["AWS_ACCESS_KEY_ID"],
            "AWS_SECRET_ACCESS_KEY": server["AWS_SECRET_ACCESS_KEY"],
            "AWS_REGION": run.region,
            "AWS_DEFAULT_REGION": run.region,
            "AWS_CA_BUNDLE": run.certificate,
            "CDK_DOCKER": str(docker),
            **dict.fromkeys(("NO_PROXY", "no_proxy"), _without_proxy()),
            clock.VARIABLE: f"{run.time_factor:g}",
        },
    )


def _without_proxy() -> str:
    """Hosts that clients reach without a proxy: this machine, and those of the environment."""
    given = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    return ",".join(dict.fromkeys(filter(None, ["127.0.0.1", "localhost", *given.split(",")])))

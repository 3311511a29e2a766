"""The instances of a training job find each other by name, at once or after some seconds."""

import pytest

from local_aws.container import namespaces
from tests.local_aws.conftest import ended
from tests.local_aws.doubts.conftest import Answering
from tests.local_aws.sagemaker.test_training_jobs import logs_of

LOOKS = """
import os, socket, time
assert "MASTER_ADDR" not in os.environ
for attempt in range(600):
    try:
        found = [socket.gethostbyname(f"algo-{number}") for number in (1, 2)]
        print("found", *found, "later" if attempt else "at once")
        break
    except OSError:
        time.sleep(0.1)
"""


@pytest.mark.long
@pytest.mark.skipif(not namespaces(), reason="needs unprivileged namespaces")
def test_names_of_instances(aws: Answering) -> None:
    """ "Hostname information might not be immediately available": "Build your own processing container", SageMaker
    developer guide."""
    two = {"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 1}
    job = aws.train(LOOKS, ResourceConfig=two)
    assert ended(aws.client, job)["TrainingJobStatus"] == "Completed"
    found = "found 127.0.0.1 127.0.0.1 " + ("" if aws.other else "at once")  # or later, if it looks soon enough
    logs = logs_of(aws.client, job)
    assert logs.keys() == {"algo-1", "algo-2"}
    assert all(line.startswith(found) for [line] in logs.values())

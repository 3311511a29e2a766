"""The trained model's function in the AWS around it."""

from dataclasses import dataclass
from typing import Any

import trained_model

from tests.lambda_.fakes import FakeCloudFormation, FakeS3, FakeSageMaker

DIGEST = "0123456789abcdef" * 4
OTHER = "fedcba9876543210" * 4
JOB = f"slipway-dev-{DIGEST[:12]}-1"
SECOND_JOB = f"slipway-dev-{DIGEST[:12]}-2"
WAIT = "https://cloudformation.test/wait"
SECOND_WAIT = "https://cloudformation.test/second"
ANSWER = "https://cloudformation.test/answer"
WAITING = f"jobs/waiting/{DIGEST}.json"
MODEL = f"models/{DIGEST}/model.tar.gz"


@dataclass
class World:
    """The function in the AWS around it."""

    s3: FakeS3
    sagemaker: FakeSageMaker
    cloudformation: FakeCloudFormation
    now: float = 1_800_000_000.0

    def ask(self, kind: str, *, old: str | None = None, **properties: str) -> dict[str, Any]:
        """Send a request of CloudFormation's and return the answer it got."""
        event = {
            "RequestType": kind,
            "ResponseURL": ANSWER,
            "StackId": "stack",
            "RequestId": "request",
            "LogicalResourceId": "Training",
            "ResourceProperties": {
                "Digest": DIGEST,
                "Dataset": "da7a",
                "AccuracyFloor": "0.8",
                "Request": '{"RoleArn": "role"}',
                "WaitUrl": WAIT,
                **properties,
            },
        }
        if old:
            event["OldResourceProperties"] = {"Digest": old}
        before = len(self.cloudformation.sent_to(ANSWER))
        trained_model.handler(event, None)
        (answer,) = self.cloudformation.sent_to(ANSWER)[before:]
        return answer

    def job_ended(self) -> None:
        """Its event, of which the function reads no more than who sent it."""
        trained_model.handler({"source": "aws.sagemaker"}, None)

    def sweep(self) -> None:
        trained_model.handler({"source": "aws.events", "detail-type": "Scheduled Event"}, None)

    @property
    def signals(self) -> list[dict[str, Any]]:
        return self.cloudformation.sent_to(WAIT)

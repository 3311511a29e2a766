"""State-change events that SageMaker sends to EventBridge."""

import json
from typing import Any

from ministack.services import eventbridge

from local_aws import doubts


def announce(kind: str, arn: str, description: dict[str, Any]) -> None:
    """Send the event `SageMaker <kind> State Change` with the response of Describe…, times in epoch milliseconds.

    Source: "Events from SageMaker AI", EventBridge section of the SageMaker developer guide.
    """
    entry = {
        "Source": "aws.sagemaker",
        "DetailType": f"SageMaker {kind} State Change",
        "Detail": json.dumps(description, default=lambda value: int(value.timestamp() * 1000)),
        "Resources": [arn],
    }
    times = 2 if doubts.other("events-doubled") else 1
    eventbridge._put_events({"Entries": [entry] * times}, allow_aws_source=True)

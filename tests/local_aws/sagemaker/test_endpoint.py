"""An endpoint can be described while its state changes."""

from typing import Any

from local_aws.sagemaker.endpoint import LocalEndpoint


class Changing(dict[str, Any]):
    """State to which another thread adds a field while it is read."""

    def items(self) -> Any:
        for item in super().items():
            self["FailureReason"] = "an alarm"
            yield item


def test_a_field_that_is_added_meanwhile_does_no_harm() -> None:
    endpoint = LocalEndpoint("toy", "arn", {"EndpointConfigName": "toy", "ProductionVariants": [{"VariantName": "a"}]})
    endpoint._state = Changing(endpoint._state)
    assert endpoint.describe()["EndpointStatus"] == "InService"

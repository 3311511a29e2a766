"""Application Auto Scaling may be unable to use the service-linked role that was made for it a moment ago."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local_aws.conftest import make_role
from tests.local_aws.doubts.conftest import Answering
from tests.local_aws.iam.test_service_linked_roles import EMPTY_ZIP, delete
from tests.waiting import until

pytestmark = pytest.mark.e2e


def test_the_first_target_after_the_role_was_made(aws: Answering) -> None:
    """https://github.com/aws/aws-cdk/issues/4108."""
    target = make_target(aws)
    scaling = aws.client("application-autoscaling")
    delete(aws.client)

    if not aws.other:
        scaling.register_scalable_target(**target)
        return
    with pytest.raises(ClientError, match="Unable to assume IAM role"):
        scaling.register_scalable_target(**target)
    assert until(lambda: registered(scaling, target))


def registered(scaling: Any, target: dict[str, Any]) -> bool:
    try:
        scaling.register_scalable_target(**target)
    except ClientError as error:
        assert "Unable to assume IAM role" in str(error)
        return False
    return True


def make_target(aws: Answering) -> dict[str, Any]:
    """A function with an alias, as a scalable target that is not registered yet."""
    role = make_role(aws.client, "doubted", "lambda.amazonaws.com")
    aws.client("lambda").create_function(
        FunctionName="doubted", Runtime="python3.12", Role=role, Handler="f.handler", Code={"ZipFile": EMPTY_ZIP}
    )
    version = aws.client("lambda").publish_version(FunctionName="doubted")["Version"]
    aws.client("lambda").create_alias(FunctionName="doubted", Name="live", FunctionVersion=version)
    return {
        "ServiceNamespace": "lambda",
        "ScalableDimension": "lambda:function:ProvisionedConcurrency",
        "ResourceId": "function:doubted:live",
        "MinCapacity": 1,
        "MaxCapacity": 2,
    }

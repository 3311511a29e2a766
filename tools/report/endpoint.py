"""The endpoint that serves, and one call of the function in front of it."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from settings import Settings
from settings.names import ALIAS
from tools.classify import in_words
from tools.classify_client import ClassifyClient, ClassifyFailed, sample_image
from tools.endpoint import describe
from tools.report.absent import Missing

MAX_SECONDS = 2.0  # that the report waits for the function's answer


@dataclass(frozen=True)
class ServingEndpoint:
    """The endpoint as SageMaker describes it. `digest` is that of the model whose archive it runs."""

    name: str
    status: str
    failure: str
    instances: int
    instance_type: str
    digest: str
    image: str


@dataclass(frozen=True)
class FunctionAnswer:
    """The function's answer to a sample picture: SHA-256 of the `model` file, and the time of the call."""

    function: str
    model: str
    milliseconds: float


def read_endpoint(sagemaker: Any, outputs: Mapping[str, str], words: str) -> ServingEndpoint:
    """Describe the endpoint that the serving stack's `outputs` name.

    Args:
        words: what names the deployment to a make target.

    Raises:
        Missing: there is none, as it was removed or is off.
        ClientError: SageMaker refused.
    """
    name = outputs.get("EndpointName")
    if not name:
        raise Missing("the endpoint is switched off: no instance runs, and callers get 503", f"make wake{words}")
    endpoint = describe(name, sagemaker)
    if endpoint is None:
        raise Missing(f"there is no endpoint {name}: somebody removed it", f"make sleep{words} && make wake{words}")
    failure = endpoint.get("FailureReason", "")
    if "EndpointConfigName" not in endpoint or not endpoint.get("ProductionVariants"):
        return ServingEndpoint(name, endpoint["EndpointStatus"], failure, 0, "", "", "")
    config = sagemaker.describe_endpoint_config(EndpointConfigName=endpoint["EndpointConfigName"])
    [variant] = config["ProductionVariants"]
    model = sagemaker.describe_model(ModelName=variant["ModelName"])["PrimaryContainer"]
    return ServingEndpoint(
        name=name,
        status=endpoint["EndpointStatus"],
        failure=failure,
        instances=endpoint["ProductionVariants"][0].get("CurrentInstanceCount", 0),
        instance_type=variant["InstanceType"],
        digest=model["ModelDataUrl"].rpartition("/")[0].rpartition("/")[2],
        image=model["Image"],
    )


def ask_function(outputs: Mapping[str, str], settings: Settings) -> FunctionAnswer:
    """Have the function classify a sample picture, twice, as the first call makes connections.

    Raises:
        Missing: it answered with an error, or not in time.
    """
    function = outputs.get("FunctionName")
    if not function:
        raise Missing("the serving stack has no function")
    try:
        client = ClassifyClient(function, seconds=MAX_SECONDS)
        event = {"image": sample_image()}
        client.invoke(event)
        begin = time.perf_counter()
        answer = client.invoke(event)
    except ClassifyFailed as failed:
        raise Missing(f"{function}:{ALIAS} refused: {in_words(json.loads(str(failed)), outputs, settings)}") from failed
    except (BotoCoreError, ClientError) as error:
        raise Missing(f"{function}:{ALIAS} did not answer: {error}") from error
    return FunctionAnswer(function, answer["model"], 1000 * (time.perf_counter() - begin))

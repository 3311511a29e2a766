"""Says in a few lines what a deploy left running, how to try it, and how to stop it."""

import json
import re
from collections.abc import Iterator

from settings import Settings
from settings.names import resource_name
from tools.deployment import deployment
from tools.preflight import on_local_aws
from tools.stack import outputs


def summary(settings: Settings) -> Iterator[str]:
    """Lines about the live system.

    Raises:
        NotDeployed: there is none.
        ClientError: CloudFormation refused.
    """
    model = outputs(resource_name(settings.prefix, "trained-model"))
    serving = outputs(resource_name(settings.prefix, "serving"))
    trained = f"model {model['ModelDigest'][:12]}{test_accuracy(model['TestAccuracy'])}"
    if endpoint := serving.get("EndpointName"):
        yield f"Live: endpoint {endpoint}, {trained}"
        yield f"Try:  make classify IMAGE=cat.jpg{deployment(settings)}, or make try{deployment(settings)} for a page"
        if "ApiUrl" in serving:
            yield f"HTTP: POST {serving['ApiUrl']} ({settings.api}), see docs/api.md"
    else:
        yield f"Off:  no endpoint runs, and callers get 503; kept: {trained}"
        yield f"On:   make wake{deployment(settings)}"
    yield f"Stop: {stop(settings)}"


def test_accuracy(signalled: str) -> str:
    """Word the output TestAccuracy, a JSON object of accuracies by training job; "" if it has none."""
    try:
        [*_, last] = json.loads(signalled).values()
        found = re.fullmatch(r"([0-9.e-]+)(?:, balanced ([0-9.e-]+))?(?:, lowest class ([0-9.e-]+))?", last)
    except (AttributeError, TypeError, ValueError):
        found = None
    if found is None:
        return ""
    balanced = f", {float(found[2]):.1%} as the mean over classes" if found[2] else ""
    lowest = f", {float(found[3]):.1%} in the lowest class" if found[3] else ""
    return f", test accuracy {float(found[1]):.1%}{balanced}{lowest}"


def stop(settings: Settings, when: str = "") -> str:
    """The command that ends everything that bills; `when` says when it works."""
    destroy = f"make destroy{deployment(settings)}{when}"
    return f"{destroy}, or make down for the whole local AWS" if on_local_aws() else destroy

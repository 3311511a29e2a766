"""Check that the running endpoint, model and scaling match the last deploy, and that the function answers.

It prints a line for each check. SageMaker may roll an update back while the stack reports success: CloudFormation then
sees an endpoint in service, with the old model. Exit code 1 if anything differs, or the function does not answer.
"""

import contextlib
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError, WaiterError

from iam.template import load
from settings import Settings
from settings.names import endpoint_name_pattern, resource_name
from tools.assembly import SynthesizedApp
from tools.classify_client import ClassifyClient, ClassifyFailed, sample_image
from tools.cli import add_json, chosen_settings, command, make_parser, print_json
from tools.deploy.inventory import pages
from tools.deploy.stacks import Say
from tools.deployment import deployment
from tools.endpoint import describe
from tools.preflight import require_aws
from tools.stack import outputs

_SETTLE_SECONDS = 900
_RESUME = (
    "aws application-autoscaling register-scalable-target --service-namespace sagemaker "
    "--scalable-dimension sagemaker:variant:DesiredInstanceCount"
)


@dataclass(frozen=True)
class LiveCheck:
    """Result of one check. `differs` says what is wrong, and is empty if nothing is."""

    check: str
    differs: str = ""

    def __str__(self) -> str:
        return f"wrong  {self.check}: {self.differs}" if self.differs else f"ok     {self.check}"


def check(settings: Settings, asked: SynthesizedApp | None = None, *, say: Say, brief: bool = False) -> bool:
    """Pass a line for each of `checks` to `say`; returns true if nothing differs.

    Args:
        brief: pass only what differs, and how many checks found nothing.
    """
    findings = checks(settings, asked)
    wrong = [finding for finding in findings if finding.differs]
    if brief:
        say(f"checked what is live: {len(findings) - len(wrong)} of {len(findings)} checks are right")
    for finding in wrong if brief else findings:
        say(str(finding))
    return not wrong


def checks(settings: Settings, asked: SynthesizedApp | None = None) -> list[LiveCheck]:
    """Checks of the deployment that `settings` name by app and stage.

    Args:
        asked: app that was just deployed. Without it, what the stacks have now is taken for right; another deploy may
            have changed them.

    Raises:
        NotDeployed: there is no such deployment.
        ClientError: a resource is missing, or the caller may not describe it.
    """
    wanted = outputs(resource_name(settings.prefix, "serving"))
    found = [*(_templates(asked) if asked else ()), *_function(wanted)]
    if "EndpointName" in wanted:
        return [*found, *_endpoint(wanted, deployment(settings)), _call(wanted)]
    return [*found, _no_endpoint(settings.prefix), _call_while_off(wanted)]


def _templates(asked: SynthesizedApp) -> Iterator[LiveCheck]:
    cloudformation = _client("cloudformation")
    for name, template in load(asked.folder).items():
        live = cloudformation.get_template(StackName=name, TemplateStage="Original")["TemplateBody"]
        # Other parts, such as mappings, can change without a change to the stack, which then keeps the old ones.
        same = live["Resources"] == template["Resources"]
        yield LiveCheck(
            f"stack {name} is as this deploy made it", "" if same else "another deploy has changed it since"
        )


def _call(wanted: dict[str, str]) -> LiveCheck:
    """Classify an image through the function's alias."""
    function = wanted["FunctionName"]
    what = f"function {function}:{wanted['AliasName']} classifies an image"
    try:
        [best, *_] = ClassifyClient(function).invoke({"image": sample_image()})["predictions"]
    except (ClassifyFailed, BotoCoreError, ClientError) as error:
        return LiveCheck(what, str(error))
    return LiveCheck(f"{what}: {best['label']}, {best['probability']:.2f}")


def _no_endpoint(prefix: str) -> LiveCheck:
    """No endpoint is left: CloudFormation reports success when SageMaker refuses to delete an old resource."""
    found = pages("sagemaker", "list_endpoints", "Endpoints", NameContains=f"{prefix}-")
    pattern = endpoint_name_pattern(prefix)
    left = [name for each in found if fnmatchcase(name := each["EndpointName"], pattern)]
    delete = "; ".join(f"aws sagemaker delete-endpoint --endpoint-name {name}" for name in left)
    return LiveCheck("the endpoint is off", f"one is still there, and costs: {delete}" if left else "")


def _call_while_off(wanted: dict[str, str]) -> LiveCheck:
    """The function says to its callers that the endpoint is off."""
    function = wanted["FunctionName"]
    what = f"function {function}:{wanted['AliasName']} answers that it is off"
    try:
        ClassifyClient(function).invoke({"image": sample_image()})
    except ClassifyFailed as failed:
        return LiveCheck(what, "" if "EndpointOff" in str(failed) else str(failed))
    except (BotoCoreError, ClientError) as error:
        return LiveCheck(what, str(error))
    return LiveCheck(what, "it classified an image")


def _endpoint(wanted: dict[str, str], words: str) -> Iterator[LiveCheck]:
    """`wanted`: the outputs of the serving stack. `words`: what names the deployment to a make target."""
    name, sagemaker = wanted["EndpointName"], _client("sagemaker")
    with contextlib.suppress(WaiterError):  # failed or still changing: reported below
        # Auto-scaling may be changing it at this moment, which is no difference.
        waiter = sagemaker.get_waiter("endpoint_in_service")
        waiter.wait(EndpointName=name, WaiterConfig={"Delay": 2, "MaxAttempts": _SETTLE_SECONDS // 2})
    live = describe(name, sagemaker)
    if live is None:
        # The template has not changed, so that CloudFormation does nothing in a deploy.
        again = f"make sleep{words} && make wake{words} makes it again; a deploy alone changes nothing"
        yield LiveCheck(f"endpoint {name} is in service", f"somebody removed it: {again}")
        return
    status, why = live["EndpointStatus"], live.get("FailureReason")
    yield LiveCheck(
        f"endpoint {name} is in service",
        ""
        if status == "InService" and not why
        else f"it is {status}" + (f", and its last update failed: {why}" if why else ""),
    )
    yield _same("its configuration", wanted["EndpointConfigName"], live["EndpointConfigName"])
    config = sagemaker.describe_endpoint_config(EndpointConfigName=live["EndpointConfigName"])
    model = sagemaker.describe_model(ModelName=config["ProductionVariants"][0]["ModelName"])
    yield _same("its model", wanted["ModelDataUrl"], model["PrimaryContainer"]["ModelDataUrl"])
    [variant] = live["ProductionVariants"]
    place = f"endpoint/{name}/variant/{variant['VariantName']}"
    yield from _instances(place, variant["CurrentInstanceCount"], variant["DesiredInstanceCount"])


def _instances(place: str, current: int, desired: int) -> Iterator[LiveCheck]:
    """Check the number of instances, and that auto-scaling is on; a `make load` that was killed leaves it suspended."""
    scaling = _client("application-autoscaling")
    targets = scaling.describe_scalable_targets(ServiceNamespace="sagemaker", ResourceIds=[place])["ScalableTargets"]
    policies = scaling.describe_scaling_policies(ServiceNamespace="sagemaker", ResourceId=place)["ScalingPolicies"]
    if not targets or not policies:
        missing = "it has no policy" if targets else f"{place} is not registered"
        yield LiveCheck("auto-scaling", missing)
        return
    low, high = targets[0]["MinCapacity"], targets[0]["MaxCapacity"]
    suspended = [name for name, is_so in targets[0].get("SuspendedState", {}).items() if is_so]
    yield LiveCheck(
        f"auto-scaling, from {low} to {high} instances by {policies[0]['PolicyName']}",
        f"it is suspended; resume: {_RESUME} --resource-id {place} --suspended-state "
        + ",".join(f"{name}=false" for name in suspended)
        if suspended
        else "",
    )
    wrong = "" if low <= current <= high and current == desired else f"expected {desired}, within {low} to {high}"
    yield LiveCheck(f"instances: {current}", wrong)


def _function(wanted: dict[str, str]) -> Iterator[LiveCheck]:
    """`wanted`: the outputs of the serving stack."""
    function, alias, lambda_ = wanted["FunctionName"], wanted["AliasName"], _client("lambda")
    version = lambda_.get_alias(FunctionName=function, Name=alias)["FunctionVersion"]
    named = f"function {function}:{alias} is version {version}"
    try:
        kept = lambda_.get_provisioned_concurrency_config(FunctionName=function, Qualifier=alias)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ProvisionedConcurrencyConfigNotFoundException":
            raise
        kept = None
    asked = int(wanted["ProvisionedConcurrency"])
    if kept is None:
        yield LiveCheck(named, f"expected {asked} provisioned instances, found none" if asked else "")
        return
    ready = kept.get("AvailableProvisionedConcurrentExecutions", 0)
    enough = kept["Status"] == "READY" and ready >= asked
    reason = kept.get("StatusReason", "no reason given")
    yield LiveCheck(
        f"{named}, {ready} provisioned instances",
        "" if enough else f"expected {asked}; Lambda reports {kept['Status']}: {reason}",
    )


def _same(what: str, wanted: str, live: str) -> LiveCheck:
    return LiveCheck(f"{what} is {live}", "" if wanted == live else f"expected {wanted}")


def _client(service: str) -> Any:
    return boto3.client(service)  # type: ignore[call-overload]


@command
def main() -> int:
    parser = make_parser("live", (__doc__ or "").split("\n")[0])
    add_json(parser, "a list of the checks: check, and differs, which is empty if nothing does")
    arguments = parser.parse_args()
    settings = chosen_settings(arguments)
    require_aws()
    if not arguments.json:
        return 0 if check(settings, say=print) else 1
    findings = checks(settings)
    print_json([asdict(finding) for finding in findings])
    return 1 if any(finding.differs for finding in findings) else 0


if __name__ == "__main__":
    sys.exit(main())

"""EC2 operations that start and end instances: they boot a machine, where MiniStack only keeps a record."""

import base64
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ministack.core.responses import get_region
from ministack.core.tls import resolve_tls_material
from ministack.services import ec2, iam

from local_aws.ec2.machine import Machine, clean
from local_aws.ec2.metadata import MetadataServer
from local_aws.ec2.offerings import require_offered
from local_aws.home import Home
from local_aws.iam.authorization import caller, require_pass_role
from local_aws.iam.principal import RoleSession
from local_aws.service import ApiError, Response

Params = dict[str, Any]
machines: dict[str, Machine] = {}
_SERVICE = "ec2.amazonaws.com"
_CONSOLE_BYTES = 64 * 1024
_START, _END = "StartInstances", "TerminateInstances"
_ORDER = threading.Lock()


def install() -> None:
    """Boot instances that have user data; others stay MiniStack's records."""
    actions = ec2._ACTION_MAP
    plain = {name: actions[name] for name in ("RunInstances", _START, "StopInstances", "RebootInstances", _END)}

    def run(params: Params) -> Response:
        try:
            role = _role(params)
            if role:
                require_pass_role(caller.get(), role, _SERVICE)
            subnet = ec2._subnets.get(_p(params, "SubnetId")) or {}
            zone = subnet.get("AvailabilityZone") or f"{get_region()}a"
            require_offered(_p(params, "InstanceType"), zone)
        except ApiError as error:
            return _error(error)
        before = set(ec2._instances)
        answer: Response = plain["RunInstances"](params)
        for instance_id in set(ec2._instances) - before:
            try:
                _boot_new(instance_id, params, role)
            except (ApiError, ValueError) as error:
                plain[_END]({"InstanceId.1": [instance_id]})
                return _error(error)
        return answer

    def then(name: str, act: Callable[[Machine, Params], Any]) -> Any:
        def handle(params: Params) -> Response:
            answer: Response = plain[name](params)
            if answer[0] == 200:
                for instance_id in ec2._parse_member_list(params, "InstanceId"):
                    if machine := machines.get(instance_id):
                        _in_background(act, machine, params)
            return answer

        return handle

    actions["RunInstances"] = run
    actions[_START] = then(_START, _boot)
    actions["StopInstances"] = then("StopInstances", _stop)
    actions["RebootInstances"] = then("RebootInstances", _reboot)
    actions[_END] = then(_END, lambda machine, _: machine.remove())
    actions["GetConsoleOutput"] = _console_output


def _boot_new(instance_id: str, params: Params, role: str) -> None:
    instance = ec2._instances[instance_id]
    script = base64.b64decode(instance["UserData"] or "")
    if not script:
        return
    if _p(params, "MetadataOptions.HttpTokens") == "optional":
        raise ValueError(
            "local AWS supports version 2 of the instance metadata service only: set HttpTokens to required"
        )

    def credentials() -> dict[str, str]:
        # "IAM roles for Amazon EC2", EC2 user guide, has no source keys.
        return RoleSession(role, service=_SERVICE, session_name=instance_id).environment()

    values = {
        "instance-id": instance_id,
        "instance-type": instance["InstanceType"],
        "ami-id": instance["ImageId"],
        "placement/region": get_region(),
        "placement/availability-zone": f"{get_region()}a",
    }
    terminates = _p(params, "InstanceInitiatedShutdownBehavior") == "terminate"

    def ended() -> None:
        record = ec2._instances.get(instance_id)
        if record and record["State"]["Name"] == "running":
            action = _END if terminates else "StopInstances"
            ec2._ACTION_MAP[action]({"InstanceId.1": [instance_id]})

    port = int(os.environ["GATEWAY_PORT"])
    address = f"https://127.0.0.1:{port}"
    bundle = "/etc/local-aws.crt"
    machine = Machine(
        Home.from_environment().scratch / "ec2" / instance_id,
        instance_type=instance["InstanceType"],
        user_data=script,
        metadata=MetadataServer(values, role.rpartition("/")[2], credentials),
        environment=clean({"AWS_ENDPOINT_URL": address, "AWS_CA_BUNDLE": bundle, "CURL_CA_BUNDLE": bundle}),
        certificate=Path(resolve_tls_material()[0]),
        port=port,
        ended=ended,
    )
    machines[instance_id] = machine
    _in_background(_boot, machine, params)


def _boot(machine: Machine, _: Params) -> None:
    machine.boot()


def _reboot(machine: Machine, _: Params) -> None:
    machine.stop()
    machine.boot()


def _stop(machine: Machine, params: Params) -> None:
    machine.stop(skip_shutdown=_p(params, "SkipOsShutdown").lower() == "true")


def _role(params: Params) -> str:
    """ARN of the role in the request's instance profile; "" without a profile.

    Raises:
        ApiError: the profile does not exist or has no role.
    """
    arn, name = _p(params, "IamInstanceProfile.Arn"), _p(params, "IamInstanceProfile.Name")
    if not arn and not name:
        return ""
    profile = iam._lookup_instance_profile(name=name, arn=arn)
    if not profile or not profile.get("Roles"):
        raise ApiError("InvalidParameterValue", f"Invalid IAM Instance Profile name: {name or arn}")
    role = profile["Roles"][0]
    return str(iam._roles[role if isinstance(role, str) else role["RoleName"]]["Arn"])


def _console_output(params: Params) -> Response:
    instance_id = _p(params, "InstanceId")
    if instance_id not in ec2._instances:
        return _error(ApiError("InvalidInstanceID.NotFound", f"The instance ID '{instance_id}' does not exist"))
    # Nitro's alone, which t2 lacks: "Instance console output", EC2 user guide.
    if _p(params, "Latest") == "true" and str(ec2._instances[instance_id]["InstanceType"]).startswith("t2."):
        unsupported = "This instance type does not support retrieving the latest console logs"
        return _error(ApiError("UnsupportedOperation", unsupported))
    text = machines[instance_id].output() if instance_id in machines else ""
    encoded = base64.b64encode(text.encode()[-_CONSOLE_BYTES:]).decode()
    inner = f"<instanceId>{instance_id}</instanceId><timestamp>{ec2._now_ts()}</timestamp><output>{encoded}</output>"
    answer: Response = ec2._xml(200, "GetConsoleOutputResponse", inner)
    return answer


def _in_background(act: Callable[[Machine, Params], Any], machine: Machine, params: Params) -> None:
    """Run an operation in a thread, as AWS answers at once, after those before it.

    Errors go to the instance's console output.
    """

    def do(before: threading.Thread | None) -> None:
        if before:
            before.join()
        try:
            act(machine, params)
        except OSError as error:
            with machine.console.open("a") as console:
                console.write(f"local AWS: {error}\n")

    with _ORDER:
        operation = threading.Thread(target=do, args=(machine.operation,), name="ec2-operation", daemon=True)
        machine.operation = operation
        operation.start()


def _error(error: Exception) -> Response:
    code = error.code if isinstance(error, ApiError) else "InvalidParameterValue"
    answer: Response = ec2._error(code, str(error), getattr(error, "status", 400))
    return answer


def _p(params: Params, name: str) -> str:
    return str(ec2._p(params, name) or "")

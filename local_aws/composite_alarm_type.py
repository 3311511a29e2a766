"""CloudFormation type AWS::CloudWatch::CompositeAlarm, on top of MiniStack's composite alarms."""

from typing import Any

from ministack.services import cloudwatch

from local_aws.resource_type import Identity, ResourceType
from local_aws.service import require_success


def _put(request: dict[str, Any]) -> Identity:
    require_success(cloudwatch._put_composite_alarm({}, request, is_cbor=False, is_json=True))
    name = request["AlarmName"]
    return name, {"Arn": cloudwatch._composite_alarms[name]["AlarmArn"]}


TYPES = {
    "AWS::CloudWatch::CompositeAlarm": ResourceType(
        service="cloudwatch",
        operation="PutCompositeAlarm",
        create=_put,
        update=lambda _, request: _put(request),
        delete=lambda name, _: cloudwatch._composite_alarms.pop(name, None),
        generated_name="AlarmName",
        replacing=("AlarmName",),
    )
}

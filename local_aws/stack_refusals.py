"""Refusals of CloudFormation that MiniStack lacks: names that are taken, full buckets, exports in use.

Sources: "Get exported outputs from a deployed stack" and "Delete stack fails", CloudFormation user guide. Of the words:
aws-solutions-library-samples/accelerated-intelligent-document-processing-on-aws issue 564 (log groups), aws/aws-cdk
issue 21776 (buckets), anomalyco/sst issue 1256 and USSBA/aws-cft-tools issue 27 (exports).
"""

from typing import Any

from ministack.services import cloudformation, cloudwatch_logs, s3
from ministack.services.cloudformation import handlers, helpers, provisioners, stacks

_LOG_GROUP, _BUCKET = "AWS::Logs::LogGroup", "AWS::S3::Bucket"


def install() -> None:
    """Refuse a log group that is there, the deletion of a bucket with objects, and changes of exports in use."""
    _refuse_taken_log_groups()
    _refuse_to_delete_full_buckets()
    _refuse_changes_of_exports_in_use()
    _cancel_deletions_of_exports_in_use()


def _refuse_taken_log_groups() -> None:
    of_type = provisioners._RESOURCE_HANDLERS[_LOG_GROUP]
    original = of_type["create"]

    def create(logical_id: str, properties: dict[str, Any], stack_name: str) -> Any:
        name = properties.get("LogGroupName")
        if name in cloudwatch_logs._log_groups:
            raise ValueError(f"Resource of type '{_LOG_GROUP}' with identifier '{name}' already exists.")
        return original(logical_id, properties, stack_name)

    of_type["create"] = create


def _refuse_to_delete_full_buckets() -> None:
    of_type = provisioners._RESOURCE_HANDLERS[_BUCKET]
    original = of_type["delete"]

    def delete(name: str, properties: dict[str, Any]) -> None:
        bucket = s3._buckets.get(name)
        versions = (key for key in s3._object_versions if key[0] == name and s3._object_versions[key])
        if bucket and (bucket["objects"] or any(versions)):
            raise ValueError(
                "The bucket you tried to delete is not empty. You must delete all versions in the bucket. "
                "(Service: S3, Status Code: 409)"
            )
        original(name, properties)

    of_type["delete"] = delete


def _refuse_changes_of_exports_in_use() -> None:
    original = stacks._resolve_stack_outputs

    def resolve(*inputs: Any) -> Any:
        outputs, exports = original(*inputs)
        stack_name, stack_id = inputs[-2:]
        for name, known in list(cloudformation._exports.items()):
            if known["StackId"] != stack_id:
                if name in exports:
                    raise ValueError(f"Export with name {name} is already exported by stack {_name(known['StackId'])}.")
                continue
            now = exports.get(name)
            if now != known and (user := _importer(name, stack_name)):
                told = f"Export {name} cannot be updated as it is in use by {user}" if now else _cancelled(name, user)
                raise ValueError(told)
        return outputs, exports

    stacks._resolve_stack_outputs = resolve


def _cancel_deletions_of_exports_in_use() -> None:
    """The stack keeps its status, and an event says why. MiniStack refuses the call."""
    original = cloudformation._ACTION_HANDLERS["DeleteStack"]

    def delete_stack(params: dict[str, Any]) -> Any:
        stack = handlers._resolve_stack(helpers._p(params, "StackName"))
        for output in (stack or {}).get("Outputs", []):
            export = output.get("ExportName")
            if export and (user := _importer(export, stack["StackName"])):
                id_, name, type_ = stack["StackId"], stack["StackName"], "AWS::CloudFormation::Stack"
                stacks._add_event(id_, name, name, type_, stack["StackStatus"], _cancelled(export, user), id_)
                return helpers._xml(200, "DeleteStackResponse", "")
        return original(params)

    cloudformation._ACTION_HANDLERS["DeleteStack"] = delete_stack


def _cancelled(export: str, user: str) -> str:
    return f"Delete canceled. Cannot delete export {export} as it is in use by {user}."


def _name(stack_id: str) -> str:
    return stack_id.split("/")[1]


def _importer(export: str, exporter: str) -> str | None:
    """Name of a stack that imports the export."""
    for name, stack in cloudformation._stacks.items():
        there = stack.get("StackStatus") != "DELETE_COMPLETE" and name != exporter
        if there and export in handlers._imported_export_names(stack, name):
            return str(name)
    return None

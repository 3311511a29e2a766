"""A stack cannot make a log group that is there already; MiniStack would empty it.

Source of the words: aws-solutions-library-samples/accelerated-intelligent-document-processing-on-aws issue 564.
"""

from typing import Any

from ministack.services import cloudwatch_logs
from ministack.services.cloudformation import provisioners

_TYPE = "AWS::Logs::LogGroup"


def install() -> None:
    """Refuse to create a log group whose name is taken."""
    handlers = provisioners._RESOURCE_HANDLERS[_TYPE]
    original = handlers["create"]

    def create(logical_id: str, properties: dict[str, Any], stack_name: str) -> Any:
        name = properties.get("LogGroupName")
        if name in cloudwatch_logs._log_groups:
            raise ValueError(f"Resource of type '{_TYPE}' with identifier '{name}' already exists.")
        return original(logical_id, properties, stack_name)

    handlers["create"] = create

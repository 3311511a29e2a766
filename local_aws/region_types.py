"""Refuses templates with resource types that CloudFormation does not have in the region, as it does itself.

A resource with a false condition may have any type: https://github.com/aws-cloudformation/cfn-lint/issues/3495.
"""

from typing import Any

from ministack.core.responses import get_region
from ministack.services.cloudformation import changesets, handlers

from aws.resource_types import lacks


def install() -> None:
    """Look at the types of the region where MiniStack looks at all types."""
    for module in (changesets, handlers):
        module.validate_template_support = _also_of_region(module.validate_template_support)


def _also_of_region(original: Any) -> Any:
    def validate(
        template: dict[str, Any], conditions: dict[str, bool], params: dict[str, dict[str, Any]] | None = None
    ) -> None:
        original(template, conditions, params)
        resources = [each for each in (template.get("Resources") or {}).values() if isinstance(each, dict)]
        made = {str(each.get("Type")) for each in resources if conditions.get(str(each.get("Condition")), True)}
        if lacking := sorted(type_ for type_ in made if lacks(get_region(), type_)):
            raise ValueError(f"Template format error: Unrecognized resource types: [{', '.join(lacking)}]")

    return validate

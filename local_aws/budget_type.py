"""CloudFormation type AWS::Budgets::Budget, on top of MiniStack's budgets. Nothing costs here, so no alert is sent."""

from typing import Any

from ministack.services import budgets

from local_aws.home import ACCOUNT
from local_aws.resource_type import Identity, ResourceType
from local_aws.service import require_success


def _create(request: dict[str, Any]) -> Identity:
    name = request["Budget"]["BudgetName"]
    require_success(budgets._create_budget(request))
    return name, {}


def _update(physical_id: str, request: dict[str, Any]) -> Identity:
    _delete(physical_id, request)
    return _create(request)


def _delete(physical_id: str, _: dict[str, Any]) -> None:
    if physical_id in budgets._budgets:
        require_success(budgets._delete_budget({"BudgetName": physical_id}))


TYPES = {
    "AWS::Budgets::Budget": ResourceType(
        service="budgets",
        operation="CreateBudget",
        create=_create,
        update=_update,
        delete=_delete,
        translate=lambda properties: {**properties, "AccountId": ACCOUNT},
    )
}

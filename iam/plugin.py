"""The gate in the CDK app: a validation plugin, with which `cdk synth` fails when a role differs from the contract."""

import itertools
import json
from collections.abc import Iterable
from pathlib import Path

import jsii
from aws_cdk import (
    Acknowledgment,
    App,
    IPolicyValidationContext,
    IPolicyValidationPlugin,
    PolicyValidationPluginReport,
    PolicyViolatingResource,
    PolicyViolation,
    Validations,
)

from iam.acknowledged import Acknowledgement, own_rules
from iam.check import check_templates
from iam.contract import ContractError
from iam.findings import GateFinding

_SUFFIX = ".template.json"
_ROLES = "-roles" + _SUFFIX


def acknowledge(app: App, rows: Iterable[Acknowledgement], *, prefix: str) -> None:
    """Acknowledge `rows`, sorted by construct, on the constructs of `app` that exist."""
    for path, of_construct in itertools.groupby(rows, key=lambda row: row.construct):
        stack, *ids = path.split("/")
        construct = app.node.try_find_child(f"{prefix}-{stack}")
        for id in ids:
            construct = construct and construct.node.try_find_child(id)
        if construct:
            rules = [Acknowledgment(id=row.rule, reason=row.reason) for row in of_construct]
            Validations.of(construct).acknowledge(*rules)


@jsii.implements(IPolicyValidationPlugin)
class IamGate:
    """Check the templates that `cdk synth` wrote; see iam/check.py."""

    @property
    def name(self) -> str:
        return "IAM gate"

    @property
    def version(self) -> str:
        return "1.0.0"

    @property
    def rule_ids(self) -> list[str] | None:
        return None

    def validate(self, context: IPolicyValidationContext) -> PolicyValidationPluginReport:
        paths = [Path(path) for path in context.template_paths]
        folder = min((path.parent for path in paths), key=lambda parent: len(parent.parts))  # stages are below it
        templates = {
            str(path.relative_to(folder)).removesuffix(_SUFFIX): json.loads(path.read_text()) for path in paths
        }
        try:
            findings = [*check_templates(templates), *own_rules(folder)]
        except ContractError as error:
            findings = [GateFinding("contract", "the gate", "", "iam/contract.yaml", str(error), "correct it")]
        roles = next((path for path in paths if path.name.endswith(_ROLES)), paths[0])
        violations = [_violation(finding, roles) for finding in findings]
        return PolicyValidationPluginReport(success=not violations, violations=violations)


def _violation(finding: GateFinding, template: Path) -> PolicyViolation:
    resource = PolicyViolatingResource(resource_logical_id=finding.role, template_path=str(template), locations=[])
    return PolicyViolation(
        rule_name=finding.rule,
        description=str(finding),
        fix=finding.fix,
        violating_resources=[resource],
        severity="fatal",  # the CDK lets nobody acknowledge that
    )

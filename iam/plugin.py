"""The gate as a CDK validation plugin: `cdk synth` fails when a role is not as the contract says."""

import json
from pathlib import Path

import jsii
from aws_cdk import (
    IPolicyValidationContext,
    IPolicyValidationPlugin,
    PolicyValidationPluginReport,
    PolicyViolatingResource,
    PolicyViolation,
)

from iam.check import check_templates
from iam.contract import ContractError
from iam.findings import Finding
from iam.variables import Missing

_SUFFIX = ".template.json"
_ROLES = "-permissions" + _SUFFIX


@jsii.implements(IPolicyValidationPlugin)
class IamGate:
    """Checks what has just been synthesized; see iam/check.py."""

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
        try:
            findings = check_templates(
                {path.name.removesuffix(_SUFFIX): json.loads(path.read_text()) for path in paths}
            )
        except (ContractError, Missing) as error:
            findings = [Finding("contract", "the gate", "", "iam/contract.yaml", str(error), "mend it")]
        roles = next((path for path in paths if path.name.endswith(_ROLES)), paths[0])
        violations = [_violation(finding, roles) for finding in findings]
        return PolicyValidationPluginReport(success=not violations, violations=violations)


def _violation(finding: Finding, template: Path) -> PolicyViolation:
    resource = PolicyViolatingResource(resource_logical_id=finding.role, template_path=str(template), locations=[])
    return PolicyViolation(
        rule_name=finding.rule, description=str(finding), fix=finding.fix, violating_resources=[resource]
    )

"""Check that templates have the form that the gate reads. A part without it becomes a finding and is left out."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from iam.findings import GateFinding
from iam.policy import listed
from iam.resolve import Template, shown
from iam.source import source_of

MAX_DEPTH = 60  # deeper than any template of the CDK, and far from Python's own limit
_SECTIONS = {
    "AWSTemplateFormatVersion", "Description", "Metadata", "Parameters", "Mappings", "Conditions", "Rules",
    "Resources", "Outputs",
}  # fmt: skip
_ATTRIBUTES = {
    "Type", "Properties", "DependsOn", "Condition", "DeletionPolicy", "UpdateReplacePolicy", "Metadata",
}  # fmt: skip
_CDKS_OWN = ("aws:cdk:", "aws:asset:")  # metadata that the CDK writes
_WRITE_OUT = "write out what it stands for"
# CloudFormation replaces these before it looks at the template, with what nobody can see here; and {{resolve:…}}, says
# "Get values stored in other services using dynamic references", CloudFormation user guide.
_PROCESSED = ("Fn::Transform", "Fn::ForEach", "AWS::Include")
# Access keys ("Understanding unique ID prefixes", IAM user guide), private keys, tokens of GitHub and Slack.
_MARKS = (
    "AKIA",
    "ASIA",
    "-----BEGIN",
    "ghp_",
    "gho_",
    "ghu_",
    "ghs_",
    "ghr_",
    "xox",
)  # one of them is in each: it is found in a tenth of the time
_SECRET = re.compile(
    r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|-----BEGIN [A-Z ]*PRIVATE KEY|\bgh[pousr]_\w{36}|\bxox[abpr]-\w{10}"
)


def sane(templates: Any) -> tuple[dict[str, Template], list[GateFinding]]:
    """The readable parts of `templates`, which are by stack name, and a finding for each other part."""
    if not isinstance(templates, Mapping):
        return {}, [_finding("the app", "", "the templates are no mapping of stacks", "run make synth")]
    checked = {str(stack): _Checked(str(stack), template) for stack, template in templates.items()}
    return {stack: one.template for stack, one in checked.items()}, [
        f for one in checked.values() for f in one.findings
    ]


def _finding(where: str, stack: str, message: str, fix: str) -> GateFinding:
    return GateFinding("template", where, "", source_of(stack) if stack else "cdk.out", message, fix)


class _Checked:
    """The readable parts of one template, and the findings about the others."""

    def __init__(self, stack: str, template: Any) -> None:
        self._stack = stack
        self.findings: list[GateFinding] = []
        self.template: Template = {"Resources": {}}
        if not isinstance(template, dict):
            self._find("", f"the template is {shown(template)}, no object", "run make synth")
            return
        for section, content in template.items():
            if section not in _SECTIONS:
                self._find("", f"the template has {shown(section)}, which the gate cannot see through", _WRITE_OUT)
            elif section in ("AWSTemplateFormatVersion", "Description"):
                self.template[section] = str(content)
            elif not isinstance(content, dict):
                self._find("", f"{section} is {shown(content)}, no object", "give each entry a name")
            else:
                self.template[section] = {id: part for id, part in content.items() if self._reads(section, id, part)}
        if not self.template["Resources"]:
            self._find("", "the template has no resources that the gate can read", "run make synth")

    def _reads(self, section: str, id: Any, part: Any) -> bool:
        """True when the gate can read `part`; else it says why not."""
        before = len(self.findings)
        if not isinstance(id, str) or (section in ("Resources", "Outputs") and not re.fullmatch("[A-Za-z0-9]+", id)):
            self._find(str(id), f"{section} has {shown(id)}, which is no name", _WRITE_OUT)
        elif section in ("Resources", "Outputs") and not isinstance(part, dict):
            self._find(id, f"it is {shown(part)}, no object", "give it Type and Properties")
        elif section == "Resources":
            self._resource(id, part)
        for problem in sorted(set(_problems(part))):
            self._find(str(id), problem, _WRITE_OUT)
        return len(self.findings) == before

    def _resource(self, id: str, resource: Template) -> None:
        if not isinstance(resource.get("Type"), str):
            self._find(id, f"its type is {shown(resource.get('Type'))}, no text", "name a resource type")
        if not isinstance(resource.get("Properties", {}), dict):
            self._find(id, f"its properties are {shown(resource['Properties'])}, no object", _WRITE_OUT)
        if unknown := sorted(str(key) for key in resource.keys() - _ATTRIBUTES):
            self._find(id, f"it has {', '.join(unknown)}, which the gate does not know", "remove it")
        if odd := [str(key) for key in resource.get("Metadata") or [] if not str(key).startswith(_CDKS_OWN)]:
            fix = "give reasons in iam/acknowledged.yaml"
            self._find(id, f"its metadata has {', '.join(odd)}, by which scanners pass over it", fix)
        if not isinstance(resource.get("Condition", ""), str):
            self._find(id, f"its condition is {shown(resource['Condition'])}, no name", "name a condition")
        if not all(isinstance(on, str) for on in listed(resource.get("DependsOn", []))):
            self._find(id, f"it depends on {shown(resource['DependsOn'])}, no names", "name resources")

    def _find(self, id: str, message: str, fix: str) -> None:
        self.findings.append(_finding(f"{self._stack}.{id}" if id else self._stack, self._stack, message, fix))


def _problems(value: Any) -> Iterator[str]:
    """Parts of a value that only CloudFormation could read, or that nobody should."""
    if _deeper(value, MAX_DEPTH):
        yield f"it is nested deeper than {MAX_DEPTH}"
        return
    try:
        text = json.dumps(value)
    except (TypeError, ValueError) as error:
        yield f"it is no JSON: {error}"
        return
    for name in _PROCESSED:
        if name in text:
            yield f"{name} is processed before the gate could read its result"
    if "{{" in text.replace('", "', ""):  # whole, or in pieces that are joined
        yield "it has a dynamic reference, whose value is elsewhere"
    if any(mark in text for mark in _MARKS) and (found := _SECRET.search(text)):
        yield f"it has a secret, {found[0][:4]}…"


def _deeper(value: Any, depth: int) -> bool:
    """True when lists and objects are nested deeper than `depth`."""
    level = [value]
    for _ in range(depth):
        inner = [one.values() if isinstance(one, dict) else one for one in level if isinstance(one, dict | list)]
        level = [one for several in inner for one in several]
        if not level:
            return False
    return True

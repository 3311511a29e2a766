"""EventBridge's metric TriggeredRules: events that a rule matched, with or without a target.

Source: "Monitoring Amazon EventBridge", EventBridge user guide.
"""

from typing import Any

from ministack.services import cloudwatch, eventbridge

_RULE = "rule "  # prefix of the owner text of a rule; an archive has another one


def install() -> None:
    """Count each match of a rule as TriggeredRules in AWS/Events."""
    original = eventbridge._matches_pattern_view

    def matches(pattern_str: Any, view: Any, owner: str = "rule") -> bool:
        matched = bool(original(pattern_str, view, owner))
        if matched and owner.startswith(_RULE):
            name = eventbridge._rules[owner.removeprefix(_RULE)]["Name"]
            cloudwatch.record_metric("AWS/Events", "TriggeredRules", 1, "Count", {"RuleName": name})
        return matched

    eventbridge._matches_pattern_view = matches

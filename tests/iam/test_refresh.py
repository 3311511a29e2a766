"""The slice of iam-data has what the gate asks of each service in the contract."""

import json
from pathlib import Path

from iam import facts, refresh


def _package(folder: Path, services: set[str]) -> Path:
    """An npm package of the shape of iam-data, with one action in each service."""
    (folder / "dist" / "esm").mkdir(parents=True)
    (folder / "package.json").write_text(json.dumps({"version": "1.2", "updatedAt": "2026-09-26T04:46:59Z"}))
    keys = "export const globalConditionKeys = [{ key: 'aws:SourceAccount' }];"
    (folder / "dist/esm/globalConditionKeys.js").write_text(keys)
    (folder / "dist/esm/package.json").write_text('{"type": "module"}')
    for service in services:
        thing = {"name": "thing", "conditionKeys": [f"{service}:OfThing"]}
        action = {"name": "DoIt", "conditionKeys": [f"{service}:Key"], "resourceTypes": [thing]}
        key = {"key": f"{service}:Key", "type": "String", "description": "This key has been deprecated."}
        for part, content in {
            "actions": {"doit": action},
            "resourceTypes": {"thing": {"key": "thing", "arn": f"arn:${{Partition}}:{service}:::thing/${{Name}}"}},
            "conditionKeys": {f"{service}:key": key},
        }.items():
            (folder / "data" / part).mkdir(parents=True, exist_ok=True)
            (folder / "data" / part / f"{service}.json").write_text(json.dumps(content))
    return folder


def test_a_slice_answers_what_the_gate_asks(tmp_path: Path) -> None:
    sliced = facts.Facts(refresh.take(_package(tmp_path, refresh.services())))

    action = sliced.action("s3:DoIt")
    assert action is not None
    assert action.resource_types == ("thing",)
    assert sliced.resource_types("s3:DoIt", "arn:aws:s3:::thing/x") == ["thing"]
    assert sliced.supports_key(action, "s3:OfThing")
    assert sliced.supports_key(action, "aws:sourceaccount")
    assert sliced.deprecated("s3:Key")
    assert sliced.action("s3:DoThat") is None


def test_the_vendored_slice_has_every_service_of_the_contract() -> None:
    assert all(facts.load().knows_service(f"{service}:x") for service in refresh.services())
    assert facts.load().version.startswith("0.21.")

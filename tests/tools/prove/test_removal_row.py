"""The row about the removal."""

from types import SimpleNamespace
from typing import Any

import pytest

from tools.prove.rows import removal


@pytest.mark.parametrize(
    ("kept", "ok"),
    [
        *((f"sagemaker:eu-west-1:1:{kind}-job/app-dev-1", True) for kind in ("training", "processing")),
        ("sagemaker:eu-west-1:1:hyper-parameter-tuning-job/app-dev-1", True),
        ("sagemaker:eu-west-1:1:endpoint/app-dev-1", False),
    ],
)
def test_ended_jobs_that_sagemaker_keeps_are_not_left_by_the_removal(
    kept: str, ok: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Resource Groups lists what has the tags, and jobs of all three kinds have them."""
    monkeypatch.setattr(removal, "pages", lambda *_, **__: [{"ResourceARN": f"arn:aws:{kept}"}])
    monkeypatch.setattr(removal.boto3, "client", lambda _: None)
    system: Any = SimpleNamespace(facts={"destroy": {"left": []}}, tags=[{"Key": "app", "Value": "app"}])
    assert removal.destroy_leaves_nothing(system).ok is ok

"""docs/iam.md says what the contract says."""

from iam.document import DOCUMENT, render
from iam.resolve import Template


def test_it_is_up_to_date() -> None:
    assert DOCUMENT.read_text() == render(), "run make iam-docs"


def test_every_role_and_the_ledgers_are_there(synthesized: dict[str, Template]) -> None:
    text = render()

    for role in ("training", "hosting", "trained-model", "classify"):
        assert f"## `PREFIX-{role}-REGION`" in text
    [training] = [line for line in text.splitlines() if "REGION | `ecr:GetAuthorizationToken`, `ec2:Describe" in line][
        :1
    ]
    assert training.startswith("| PREFIX-training-REGION") and training.endswith(
        "| `*` | AWS has no resource for this action |"
    )
    assert "a metric has no ARN" in text
    assert "## `function PREFIX-classify:live`" in text
    assert "Called by **Service apigateway.amazonaws.com**, only if " in text
    assert "- PREFIX-trained-model-REGION, `sagemaker:StopTrainingJob`:" in text
    assert "```mermaid" in text

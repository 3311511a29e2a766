"""CloudFormation's pseudo parameters, such as `${AWS::Region}`, in texts of templates.

Source: "Get AWS values using pseudo parameters", CloudFormation user guide.
"""


def fill(text: str, **values: str) -> str:
    """The text with the given pseudo parameters filled in, by their names after `AWS::`; the others stay."""
    for name, value in values.items():
        text = text.replace(f"${{AWS::{name}}}", value)
    return text

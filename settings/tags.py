"""A setting that holds tags of AWS resources, as text."""

import re

FORM, EXAMPLE = "KEY=VALUE, more of them after a comma", "team=vision,cost-centre=4711"
MAX_TAGS = 40  # of the 50 that a resource may have; app, stage, and those of CloudFormation and the CDK are among them
_OURS = ("app", "stage")
# Characters and lengths that every service accepts: "Tag naming limits and requirements", Tagging AWS resources guide.
_KEY, _VALUE = re.compile(r"[\w .:/+\-@]{1,128}"), re.compile(r"[\w .:/=+\-@]{0,256}")


def read_tags(text: str) -> dict[str, str]:
    """Tags in `text`, by key; ValueError says what is wrong with the first that is."""
    tags: dict[str, str] = {}
    for entry in filter(None, (entry.strip() for entry in text.split(","))):
        key, equals, value = (part.strip() for part in entry.partition("="))
        if not equals or not _KEY.fullmatch(key) or not _VALUE.fullmatch(value):
            raise ValueError(
                f"must be {FORM}, such as {EXAMPLE}; {entry!r} is not: keys have 1 to 128 characters and values up to "
                "256, of letters, digits, spaces and _ . : / + - @"
            )
        if key.lower() in _OURS or key.lower().startswith("aws:"):
            raise ValueError(f"{key} is taken: app and stage are tags of every resource, and aws: is AWS's")
        # IAM's keys differ by more than case: "Tags for IAM resources", IAM user guide
        if key.lower() in map(str.lower, tags):
            raise ValueError(f"{key} is there twice: keys have to differ by more than case")
        tags[key] = value
    if len(tags) > MAX_TAGS:
        raise ValueError(f"has {len(tags)} tags: give at most {MAX_TAGS}")
    return tags

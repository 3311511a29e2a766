"""Writes the comment of a pull request: template diff, permissions in sentences, and cost, beside a git revision.

    make review BASE=main                       prints it
    make review BASE=main MARKDOWN=file.md      writes it into a file, of the length that a comment may have
    make review BASE=main SETTINGS=stage=prod   of that stage alone

It covers the default stage, and each that has a file in stages/. It needs no AWS: both revisions are synthesized, and
`cdk diff --template` compares each stack's templates.
"""

import json
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from iam import diff
from iam.revision import synthesized
from iam.template import Template, load, read
from settings import Sources
from tools import cdk
from tools.cli import chosen_settings, command, make_parser, settings_of
from tools.cost.estimate import estimate
from tools.cost.report import as_markdown
from tools.cost.usage import Usage
from training.flags import user_path

# The diff gets this share of a stage's part of the comment; permissions and cost get the rest.
DIFF_SHARE = 0.6


@command
def main(arguments: Sequence[str] | None = None) -> None:
    parser = make_parser("review", __doc__)
    parser.add_argument("base", help="git revision to compare with")
    parser.add_argument(
        "--markdown", type=user_path, metavar="FILE", help="write the comment there, not to the terminal"
    )
    options = parser.parse_args(arguments)
    given, stages = settings_of(options), {chosen_settings(options).stage}
    if not given.get("stage"):
        stages |= {file.stem for file in Sources().stages.glob("*.json")}
    part = diff.MAX_CHARACTERS // len(stages) if options.markdown else sys.maxsize
    comment = "\n".join(review(options.base, given, stage, part) for stage in sorted(stages))
    if options.markdown:
        options.markdown.write_text(comment)
        print(f"review: {options.markdown}")
    else:
        print(comment, end="")


def review(base: str, given: Mapping[str, str], stage: str, max_characters: int) -> str:
    """The part of the comment about a stage, as Markdown.

    Raises:
        GateError: the revision cannot be synthesized, or a template not read.
        InputError: a resource type that nobody has looked at.
        CdkFailed: the app cannot be synthesized, or the CDK command line not compare the templates.
    """
    given = {**given, "stage": stage}
    with tempfile.TemporaryDirectory(prefix="slipway-review-") as name, synthesized(base, given) as base_folder:
        folder = Path(name)
        _synthesize(folder, given)
        before, after = load(base_folder), load(folder)
        stacks = "\n".join(_stacks(before, after, folder)) or "Nothing changes.\n"
    heading = f"## Stage `{stage}`\n\n### Templates\n"
    if len(stacks) > max_characters * DIFF_SHARE:
        stacks = f"The diff is too long for a comment: `make review BASE={base} SETTINGS=stage={stage}` prints it.\n"
    cost = as_markdown(estimate(after, Usage()), estimate(before, Usage()), base[:12])
    left = max_characters - len(heading) - len(stacks) - len(cost) - 4
    permissions = diff.as_markdown(diff.compare(read(before), read(after)), left)
    return "\n".join([heading, stacks, permissions, cost])


def _synthesize(folder: Path, given: Mapping[str, str]) -> None:
    """Write the templates of the checkout, also where the IAM gate finds something: its own report says that."""
    try:
        cdk.synthesize(folder, given)
    except cdk.CdkFailed:
        if not (folder / "manifest.json").exists():
            raise


def _stacks(before: dict[str, Template], after: dict[str, Template], folder: Path) -> Iterator[str]:
    """A folded block for each stack whose template differs."""
    for name in sorted(before.keys() | after.keys()):
        if name not in after:
            yield f"Stack `{name}` is no longer in the app. The next `make deploy` removes it, if you agree.\n"
        elif before.get(name) != after[name]:
            shown = "\n".join(_difference(name, before.get(name, {}), folder))
            yield f"<details><summary>{name}</summary>\n\n```\n{shown}\n```\n\n</details>\n"


def _difference(stack: str, before: Template, folder: Path) -> list[str]:
    """The lines of `cdk diff` for one stack."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as template:
        json.dump(before, template)
        template.flush()
        lines = cdk.run(
            "diff", stack, "--exclusively", "--app", str(folder), "--template", template.name, on_line=lambda _: None
        )
    return [line for line in lines if line and not line.startswith(("Stack ", "✨"))]


if __name__ == "__main__":
    sys.exit(main())

"""Writes the comment of a pull request: template diff, permissions in sentences, and cost, beside a git revision.

    make review BASE=main                    prints it
    make review BASE=main MARKDOWN=file.md   writes it into a file

It needs no AWS: both revisions are synthesized, and `cdk diff --template` compares each stack's templates.
"""

import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from iam import diff
from iam.revision import synthesized
from iam.template import Template, load, read
from tools import cdk
from tools.cli import command, make_parser
from tools.cost.estimate import estimate
from tools.cost.report import as_markdown
from tools.cost.usage import Usage

# Permissions and cost take the rest of a comment (iam.diff.MAX_CHARACTERS).
MAX_DIFF_CHARACTERS = 40_000


@command
def main(arguments: Sequence[str] | None = None) -> None:
    parser = make_parser("review", __doc__, settings=False)
    parser.add_argument("base", help="git revision to compare with")
    parser.add_argument("folder", type=Path, help="folder that make synth wrote")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the comment there, not to the terminal")
    options = parser.parse_args(arguments)
    comment = review(options.base, options.folder)
    if options.markdown:
        options.markdown.write_text(comment)
        print(f"review: {options.markdown}")
    else:
        print(comment, end="")


def review(base: str, folder: Path) -> str:
    """The whole comment as Markdown.

    Raises:
        GateError: the revision or the folder cannot be read.
        InputError: a resource type that nobody has looked at.
        CdkFailed: the CDK command line could not compare the templates.
    """
    with synthesized(base) as base_folder:
        before, after = load(base_folder), load(folder)
    stacks = "\n".join(_stacks(before, after, folder)) or "Nothing changes.\n"
    if len(stacks) > MAX_DIFF_CHARACTERS:
        stacks = f"The diff is too long for a comment: `make review BASE={base}` prints it.\n"
    cost = as_markdown(estimate(after, Usage()), estimate(before, Usage()), base[:12])
    left = diff.MAX_CHARACTERS - len(stacks) - len(cost) - len("### Templates") - 4
    permissions = diff.as_markdown(diff.compare(read(before), read(after)), left)
    return "\n".join(["### Templates", "", stacks, permissions, cost])


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

"""Permissions that a change adds and removes, as sentences."""

from collections.abc import Iterable
from dataclasses import dataclass

from iam.policy import Grant, Role, Trust, excess, in_words
from iam.template import AppRoles, UnreadableFolder
from iam.variables import FILLED, variables


@dataclass(frozen=True)
class Difference:
    """Sentences about permissions that exist only after a change (`widened`) and only before it (`narrowed`)."""

    widened: tuple[str, ...]
    narrowed: tuple[str, ...]


def compare(before: AppRoles, after: AppRoles) -> Difference:
    """Permissions in `after` and not in `before`, and the other way round.

    Names that differ with every deployment (data set, code, image) are compared by what they stand for, so that a
    new data set is no new permission.

    Raises:
        UnreadableFolder: when a policy cannot be read, so that nothing can be said.
    """
    unread = [*before.findings, *after.findings]
    if unread:
        raise UnreadableFolder("not comparable:\n" + "\n".join(map(str, unread)))
    old, new = _by_name(before), _by_name(after)
    return Difference(tuple(_possible(old, new, "may now", "New")), tuple(_possible(new, old, "may no longer", "Gone")))


def as_text(difference: Difference) -> str:
    """Two lists for a terminal."""
    lines = []
    if difference.widened:
        lines += ["Newly possible:", *(f"  + {sentence}" for sentence in difference.widened)]
    if difference.narrowed:
        lines += ["No longer possible:", *(f"  - {sentence}" for sentence in difference.narrowed)]
    return "\n".join(lines or ["No role may do more or less than before."])


def as_markdown(difference: Difference) -> str:
    """A comment for a pull request."""
    if not difference.widened and not difference.narrowed:
        return "### IAM\n\nNo role may do more or less than before.\n"
    parts = ["### IAM\n"]
    if difference.widened:
        parts += ["**Newly possible**\n", *(f"- ⚠️ {sentence}" for sentence in difference.widened), ""]
    if difference.narrowed:
        parts += ["**No longer possible**\n", *(f"- {sentence}" for sentence in difference.narrowed), ""]
    return "\n".join(parts)


def _possible(before: dict[str, Role], after: dict[str, Role], may: str, role_is: str) -> Iterable[str]:
    for name, role in after.items():
        known = before.get(name)
        if known is None:
            yield f"{role_is} {'policy of ' if ' ' in name else 'role '}`{name}`."
        for trust in role.trusts:
            if known is None or trust not in known.trusts:
                yield f"`{name}` {may} {_let_in(trust)}{in_words(trust.conditions)}."
        for grant in role.grants:
            example = excess(grant, known.grants if known else [])
            if example is not None:
                yield f"`{name}` {may} `{grant.action}` on {_places(grant, example)}{in_words(grant.conditions)}."


def _let_in(trust: Trust) -> str:
    """Say after `may now` who comes in, or is kept out."""
    if trust.effect != "Allow":
        return f"deny {trust.principal} `{trust.action}` on `{trust.resource}`"
    if trust.resource:
        return f"let {trust.principal} `{trust.action}` on `{trust.resource}`"
    return f"be {'called' if trust.calls else 'assumed'} by {trust.principal} ({trust.action})"


def _places(grant: Grant, example: str) -> str:
    return f"`{grant.resource}`" + (f", for example `{example}`" if example not in ("", grant.resource) else "")


def _by_name(assembly: AppRoles) -> dict[str, Role]:
    """Roles by name, with the values of their deployment replaced by the names of the variables."""
    chosen = [
        (name, value)
        for name, value in variables(assembly).items()
        if name != "prefix" and value not in ("", FILLED)  # the prefix names the roles themselves
    ]
    chosen.sort(key=lambda item: -len(item[1]))  # the longest first: some hold others

    def general(text: str) -> str:
        for name, value in chosen:
            text = text.replace(value, f"${{{name}}}")
        return text

    return {role.name: role.renamed(general) for role in assembly.roles}

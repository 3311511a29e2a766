"""Table of roles and what they reach, from what the templates grant."""

import re
from collections.abc import Iterable, Iterator

from iam.picture import target
from iam.policy import Role
from iam.source import suffix

_LEGEND = "r reads, w makes, changes or removes, x calls, p hands the role to a service"
_READS = re.compile("(Batch)?(Get|List|Describe|Check)|Decrypt$")


def table(roles: Iterable[Role]) -> Iterator[str]:
    """Lines of the table: a row for each resource, a column for each role."""
    granted = {"-".join(suffix(role.name)): role for role in roles if role.grants}
    reached: dict[str, dict[str, set[str]]] = {}
    for name, role in granted.items():
        prefix = "-".join(role.name.split("-")[:2])
        for grant in role.grants:
            what = re.sub("([0-9a-f]{12})[0-9a-f]{52}", r"\1…", target(grant, prefix))
            does = reached.setdefault(what, {}).setdefault(name, set())
            does.add(_letter(grant.action.partition(":")[2]))
    first = max((len(what) for what in reached), default=0)
    yield "  ".join(["".ljust(first), *granted]).rstrip()
    for what, by in sorted(reached.items()):
        cells = ["".join(sorted(by.get(name, ()))).ljust(len(name)) for name in granted]
        yield "  ".join([what.ljust(first), *cells]).rstrip()
    yield _LEGEND


def _letter(verb: str) -> str:
    if verb == "PassRole":
        return "p"
    if verb.startswith("Invoke"):
        return "x"
    return "r" if _READS.match(verb) else "w"

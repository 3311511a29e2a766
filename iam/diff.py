"""Say in sentences what a change makes possible: permissions, policies of resources, bindings, network and types."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from iam.inventory import named
from iam.policy import Grant, Role, Trust, excess, in_words
from iam.properties import training_job
from iam.resolve import UNREADABLE, Resolver, readable
from iam.template import AppRoles, UnreadableFolder
from iam.variables import FILLED, TRAINED_MODEL, scoring_requests, training_request, variables

MAX_CHARACTERS = 65_536  # of a comment on GitHub, which refuses a longer one
# Properties that bind a resource to a role, a network, a key, or what it runs, wherever they stand. All properties of a
# network are of it.
_BINDING = (
    "Role", "RoleArn", "RoleARN", "Roles", "ExecutionRoleArn", "IamInstanceProfile", "ServiceToken", "Targets",
    "VpcConfig", "DirectInternetAccess", "EnableNetworkIsolation", "PublicAccessBlockConfiguration",
    "PermissionsBoundary", "AuthorizationType", "AuthorizerId", "JwtConfiguration", "CorsConfiguration", "Endpoint",
    "DataCaptureConfig", "Handler", "EndpointName", "EventPattern", "PrimaryContainer", "WaitUrl", "Target",
    "KmsKeyId", "KmsMasterKeyId", "BucketEncryption", "AccessLogSettings", "IntegrationUri",
    "Environment", "SecurityGroupIds", "Layers", "Runtime", "MaxSessionDuration",
)  # fmt: skip
_NETWORK = "AWS::EC2::"
_SCRIPTS = ("UserData", "OnStart")
_CHOSEN = {"Tags", "HyperParameters", "StaticHyperParameters", "ResourceConfig", "StoppingCondition"}  # of a job
_NOT_ITS_OWN = ("Tags", "UserData", "ImageId")  # differ with each deployment, or are no part of the network


@dataclass(frozen=True)
class Difference:
    """Sentences about what exists only after a change (`widened`) and only before it (`narrowed`)."""

    widened: tuple[str, ...]
    narrowed: tuple[str, ...]


def compare(before: AppRoles, after: AppRoles) -> Difference:
    """Sentences about what only `after` makes possible, and what only `before` did.

    Names that differ with every deployment (data set, code, image) are compared by what they stand for, so that a
    new data set is no new permission.

    Raises:
        UnreadableFolder: when a policy cannot be read, so that nothing can be said.
    """
    unread = [*before.findings, *after.findings]
    if unread:
        raise UnreadableFolder("not comparable:\n" + "\n".join(map(str, unread)))
    old, new = _App(before), _App(after)
    widened = [*_possible(old.roles, new.roles, "now", "New"), *_types(old, new, "New"), *_bound(old, new)]
    narrowed = [*_possible(new.roles, old.roles, "no longer", "Gone"), *_types(new, old, "Gone")]
    return Difference(tuple(widened), tuple(narrowed))


def as_text(difference: Difference) -> str:
    """Two lists for a terminal."""
    lines = []
    if difference.widened:
        lines += ["Newly possible:", *(f"  + {sentence}" for sentence in difference.widened)]
    if difference.narrowed:
        lines += ["No longer possible:", *(f"  - {sentence}" for sentence in difference.narrowed)]
    return "\n".join(lines or ["No role may do more or less than before."])


def as_markdown(difference: Difference, max_characters: int = MAX_CHARACTERS) -> str:
    """A comment for a pull request, of at most so many characters: the last sentences give way to their number."""
    if not difference.widened and not difference.narrowed:
        return "### IAM\n\nNo role may do more or less than before.\n"
    lines = ["### IAM\n"]
    if difference.widened:
        lines += ["**Newly possible**\n", *(f"- ⚠️ {sentence}" for sentence in difference.widened), ""]
    if difference.narrowed:
        lines += ["**No longer possible**\n", *(f"- {sentence}" for sentence in difference.narrowed), ""]
    left_out = 0
    while len(text := "\n".join([*lines, _more(left_out)])) > max_characters and len(lines) > 1:
        left_out += lines.pop().startswith("- ")
    return text


def _more(sentences: int) -> str:
    return f"\n{sentences} more sentences do not fit here: `make iam-diff` prints them.\n" if sentences else ""


class _App:
    """Roles, types and bindings of an app, with the values of its deployment replaced by the names of the variables."""

    def __init__(self, assembly: AppRoles) -> None:
        chosen = [
            (name, value)
            for name, value in variables(assembly).items()
            if name not in ("prefix", "kept", "kept_old", "retention")
            and value not in ("", FILLED)  # the prefix names the roles themselves
        ]
        self._chosen = sorted(chosen, key=lambda item: -len(item[1]))  # the longest first: some hold others
        self.roles = {role.name: role.renamed(self._general) for role in assembly.roles}
        self.types: set[str] = set()
        self.bindings: dict[tuple[str, str], Counter[str]] = {}  # several resources may share a name
        for stack, template in assembly.templates.items():
            for id, resource in template["Resources"].items():
                self.types.add(resource["Type"])
                name = readable(self._general(named(assembly.resolver, stack, id)))
                for property_, value in _of_interest(resource):
                    said = json.dumps(_resolved(value, assembly.resolver, stack), sort_keys=True, default=str)
                    if property_ in _SCRIPTS:
                        said = " ".join(sorted(set(re.findall(r'(?:\\n|")([A-Z_]+)=', said))))
                    self._bind(name, property_, said)
        for name, job in _jobs(assembly):
            for parameter, value in job.items():
                self._bind(name, parameter, json.dumps(value, sort_keys=True))

    def _bind(self, name: str, property_: str, said: str) -> None:
        self.bindings.setdefault((name, property_), Counter())[readable(self._general(said.strip('"')))] += 1

    def _general(self, text: str) -> str:
        for name, value in self._chosen:
            text = text.replace(value, f"${{{name}}}")
        return text


def _of_interest(resource: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    network = resource["Type"].startswith(_NETWORK)
    for name, value in resource.get("Properties", {}).items():
        if name in _BINDING or name in _SCRIPTS or (network and name not in _NOT_ITS_OWN):
            yield name, value


def _jobs(assembly: AppRoles) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Requests for jobs, without what settings choose: the training's and the scoring's, by where they stand."""
    stack, request = training_request(assembly)
    scoring = (("output ScoringJob", request) for request in scoring_requests(assembly))
    for name, job in ((f"{TRAINED_MODEL} {stack}", training_job(request)), *scoring):
        fixed = job.get("HyperParameters", job.get("StaticHyperParameters", {}))
        kept = {parameter: value for parameter, value in job.items() if parameter not in _CHOSEN}
        yield name, {**kept, "dataset-digest": fixed.get("dataset-digest", "")}


def _resolved(value: Any, resolver: Resolver, stack: str) -> Any:
    """`value` with its intrinsic functions as text, as far as they can be."""
    if isinstance(value, list):
        return [_resolved(one, resolver, stack) for one in value]
    if isinstance(value, Mapping):
        try:
            return resolver.text(value, stack)
        except UNREADABLE:
            return {name: _resolved(one, resolver, stack) for name, one in value.items()}
    return value


def _types(before: _App, after: _App, type_is: str) -> Iterator[str]:
    for kind in sorted(after.types - before.types):
        yield f"{type_is} type of resource `{kind}`."


def _bound(before: _App, after: _App) -> Iterator[str]:
    """Properties with another value: whether that is more or less, only a reader can tell."""
    there = {name for name, _ in after.bindings}
    for name, property_ in dict.fromkeys([*after.bindings, *before.bindings]):
        new, old = (app.bindings.get((name, property_), Counter[str]()) for app in (after, before))
        has, had = (" and ".join(f"`{value}`" for value in sorted(values)) for values in (new - old, old - new))
        if has or (had and name in there):
            now = f"`{property_}` {has}" if has else f"no `{property_}`"
            yield f"`{name}` now has {now}{had and f', before {had}'}."


def _possible(before: dict[str, Role], after: dict[str, Role], now: str, role_is: str) -> Iterable[str]:
    may = f"may {now}"
    for name, role in after.items():
        known = before.get(name)
        if known is None:
            yield f"{role_is} {'policy of ' if ' ' in name else 'role '}`{name}`."
        for trust in role.trusts:
            if trust.effect == "Allow" and (known is None or trust not in known.trusts):
                yield f"`{name}` {may} {_let_in(trust)}{in_words(trust.conditions)}."
        for grant in role.grants:
            example = excess(grant, known.grants if known else [])
            if example is not None:
                yield f"`{name}` {may} `{grant.action}` on {_places(grant, example)}{in_words(grant.conditions)}."
    for name, role in before.items():  # a denial less is more
        for trust in role.trusts:
            if trust.effect == "Deny" and (name not in after or trust not in after[name].trusts):
                denies = "no longer denies" if now == "now" else "now denies"
                said = f"{trust.principal} `{trust.action}` on `{trust.resource}`"
                yield f"`{name}` {denies} {said}{in_words(trust.conditions)}."


def _let_in(trust: Trust) -> str:
    """Say after `may now` who comes in."""
    if trust.resource:
        return f"let {trust.principal} `{trust.action}` on `{trust.resource}`"
    return f"be {'called' if trust.calls else 'assumed'} by {trust.principal} ({trust.action})"


def _places(grant: Grant, example: str) -> str:
    return f"`{grant.resource}`" + (f", for example `{example}`" if example not in ("", grant.resource) else "")

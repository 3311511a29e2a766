"""Compare values in templates with forms: what the contract says about the properties of a resource.

~                      any value, in which no role is named
text, number, true     this text, with * and ? as in a policy
{name: form}           an object with these names and no other; `name?` may be absent, `...` lets others be there
[form, …]              a list of such values, each of them there
{each: form}           a list, or an object by names, of such values, not empty
{one of: [form, …]}    one of them
{json: form}           text that is JSON
{script: {file: …}}    assignments, then the file of this repository; other names are those that are assigned, each
                       with its form
{policy: ~}            a policy, which is compared statement by statement
"""

import contextlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from iam import globs
from iam.resolve import UNREADABLE, Resolver, shown

_ROOT = Path(__file__).resolve().parent.parent
Form = Any
Mismatch = tuple[str, str, str]  # path below the resource, problem, form
_ROLE = re.compile(r":role/|\brole/[\w+=,.@-]+$")
# A line before a script assigns a value in single quotes, a word, or an array of words, so none of it is executed.
_ASSIGNMENT = re.compile(r"#!/bin/bash|([A-Z_]+)=(?:'([^'\n]*)'|([\w./:{}$-]*)(?<!\$)|(\([\w\s.,=/'-]*\)))")


class Matcher:
    """Compares values of one stack, in which `roles` are the names of roles."""

    def __init__(self, resolver: Resolver, stack: str, roles: frozenset[str]) -> None:
        self._resolver, self._stack, self._roles = resolver, stack, roles
        self._kinds: dict[str, Callable[[Any, Form, str], Iterator[Mismatch]]] = {
            "each": self._each, "one of": self._one_of, "json": self._json, "script": self._script,
            "policy": lambda *_: iter(()),
        }  # fmt: skip

    def mismatches(self, value: Any, form: Form, path: str) -> Iterator[Mismatch]:
        """Each part of `value` that does not have its form."""
        if form is None:
            for role in self._named_roles(value):
                yield path, f"it names the role {role}, which the contract does not", "nothing"
        elif isinstance(form, list):
            yield from self._list(value, form, path)
        elif not isinstance(form, Mapping):
            yield from self._text(value, form, path)
        elif len(form) == 1 and (kind := next(iter(form))) in self._kinds:
            yield from self._kinds[kind](value, form[kind], path)
        else:
            yield from self._object(value, form, path)

    def _text(self, value: Any, form: Form, path: str) -> Iterator[Mismatch]:
        wanted = str(form).lower() if isinstance(form, bool) else str(form)
        try:
            text = self._resolver.text(value, self._stack)
        except UNREADABLE as error:
            yield path, f"it cannot be read: {error}", wanted
            return
        if not globs.comparable(text) or globs.witness(text, frozenset([wanted])) is not None:
            yield path, f"it is {shown(text)}", wanted

    def _object(self, value: Any, form: Mapping[str, Form], path: str) -> Iterator[Mismatch]:
        if not isinstance(value, Mapping):
            yield path, f"it is {shown(value)}, no object", ", ".join(form)
            return
        optional = {name.removesuffix("?"): inner for name, inner in form.items() if name != "..."}
        for name, inner in value.items():
            if name in optional:
                yield from self.mismatches(inner, optional[name], f"{path}.{name}")
            elif "..." not in form:
                yield f"{path}.{name}", f"it is {shown(inner)}, and the contract does not know it", "absent"
            else:
                yield from self.mismatches(inner, form["..."], f"{path}.{name}")
        for name in form:
            if not name.endswith("?") and name not in value and name != "...":
                yield f"{path}.{name}", "it is absent", shown(form[name]).strip("'")

    def _list(self, value: Any, forms: list[Form], path: str) -> Iterator[Mismatch]:
        if not isinstance(value, list):
            yield path, f"it is {shown(value)}, no list", shown(forms)
            return
        for at, inner in enumerate(value):
            yield from self._one_of(inner, forms, f"{path}[{at}]")
        for form in forms:
            if not any(self._fits(inner, form) for inner in value):
                yield path, f"{shown(value)} has no {shown(form)}", shown(form)

    def _each(self, value: Any, form: Form, path: str) -> Iterator[Mismatch]:
        if not isinstance(value, list | Mapping) or not value:
            yield path, f"it is {shown(value)}, no list", "a list"
            return
        for name, inner in value.items() if isinstance(value, Mapping) else enumerate(value):
            yield from self.mismatches(inner, form, f"{path}[{name}]")

    def _one_of(self, value: Any, forms: list[Form], path: str) -> Iterator[Mismatch]:
        found = [list(self.mismatches(value, form, path)) for form in forms]
        if all(found):
            yield from min(found, key=len, default=[(path, f"it is {shown(value)}", "absent")])

    def _json(self, value: Any, form: Form, path: str) -> Iterator[Mismatch]:
        try:
            parsed = json.loads(self._resolver.text(value, self._stack))
        except UNREADABLE as error:
            yield path, f"it cannot be read: {error}", "JSON"
            return
        yield from self.mismatches(parsed, form, path)

    def _script(self, value: Any, form: Mapping[str, Form], path: str) -> Iterator[Mismatch]:
        file, missing = form["file"], set(form) - {"file"}
        try:
            text, script = self._resolver.text(value, self._stack), (_ROOT / file).read_text()
        except (OSError, *UNREADABLE) as error:
            yield path, f"it cannot be read: {error}", file
            return
        if not text.endswith(script):
            yield path, "it is another script", file
            return
        for line in text.removesuffix(script).splitlines():
            assigned = _ASSIGNMENT.fullmatch(line)
            if not assigned:
                yield path, f"{shown(line)} stands before {file}", "assignments alone"
            elif (name := assigned[1]) in form:
                missing.discard(name)
                value = assigned[2] or assigned[3] or assigned[4] or ""
                yield from self.mismatches(value, form[name], f"{path}.{name}")
            elif name:
                yield f"{path}.{name}", "it is assigned, and the contract does not know it", "absent"
        for name in sorted(missing):
            yield f"{path}.{name}", "it is absent", str(form[name])

    def _fits(self, value: Any, form: Form) -> bool:
        return next(self.mismatches(value, form, ""), None) is None

    def _named_roles(self, value: Any) -> Iterator[str]:
        """Names and ARNs of roles in a value, whichever way it refers to them."""
        text = value if isinstance(value, str) else ""
        inner: Iterable[Any] = (
            value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else []
        )
        if isinstance(value, Mapping) and len(value) == 1:
            with contextlib.suppress(*UNREADABLE):
                text, inner = self._resolver.text(value, self._stack), []
        if _ROLE.search(text) or text in self._roles:
            yield text
        for one in inner:
            yield from self._named_roles(one)

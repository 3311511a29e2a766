"""Each call of AWS's command line that a page or a message shows is one that AWS has, by botocore's service models."""

import itertools
import re
from functools import cache
from typing import Any

import botocore.session
import jmespath
from botocore import xform_name

from tests.shown_commands import ShownCommand, each_of, everywhere, words_of

AWS = [command for command in everywhere() if re.search(r"\baws [a-z0-9-]+ [a-z]", command.text)]
# Of commands that are no operation of a service: "AWS CLI Command Reference", version 2, by the e2e test too.
OWN_OPTIONS = {
    ("s3", "cp"): set[str](),
    ("s3", "rm"): {"--recursive"},
    ("s3", "sync"): set[str](),
    ("logs", "tail"): {"--since", "--log-stream-name-prefix"},
    ("sso", "login"): set[str](),
}
# Operations that a page names for a reader who has to find the rest, and not as a command.
NAMED = {"aws iam generate-service-last-accessed-details": "for each role of the app"}
GLOBAL_OPTIONS = {"--query", "--output", "--region", "--max-items", "--cli-binary-format"}


@cache
def aws_models() -> botocore.session.Session:
    return botocore.session.get_session()


@cache
def operations(service: str) -> dict[str, str]:
    model = aws_models().get_service_model(service)
    return {xform_name(name, "-"): name for name in model.operation_names}


def members(shape: Any, seen: frozenset[str] = frozenset()) -> set[str]:
    """Names of all members in a shape."""
    if shape is None or shape.name in seen:
        return set()
    seen |= {shape.name}
    match shape.type_name:
        case "structure":
            return {*shape.members, *(name for each in shape.members.values() for name in members(each, seen))}
        case "list":
            return members(shape.member, seen)
        case "map":
            return members(shape.value, seen)
    return set()


@each_of(AWS)
def test_an_operation_exists_and_has_the_options_that_it_is_given(command: ShownCommand) -> None:
    for _, service, name, *given in words_of(command.text, "aws"):
        options = [word for word in given if word.startswith("--")]
        if (service, name) in OWN_OPTIONS:
            assert set(options) <= OWN_OPTIONS[service, name]
            continue
        session = aws_models()
        if name == "wait":
            waiter = session.get_waiter_model(service).get_waiter("".join(map(str.title, given[0].split("-"))))
            name = xform_name(waiter.operation, "-")
        model = session.get_service_model(service)
        operation = model.operation_model(operations(service)[name])
        shape = operation.input_shape
        known = {f"--{xform_name(member, '-')}" for member in (shape.members if shape else ())}
        required = {f"--{xform_name(member, '-')}" for member in (shape.required_members if shape else ())}
        assert set(options) <= known | GLOBAL_OPTIONS
        assert required <= set(options) or command.text in NAMED
        for query in (value for option, value in itertools.pairwise(given) if option == "--query"):
            jmespath.compile(query)
            names = set(re.findall(r"[A-Za-z]\w*(?![\w(])", re.sub(r"'[^']*'|`[^`]*`", "", query)))
            assert names <= members(operation.output_shape)


def test_an_operation_that_is_named_only_is_still_named() -> None:
    assert NAMED.keys() <= {command.text for command in AWS}

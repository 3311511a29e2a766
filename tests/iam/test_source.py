"""A finding names the file and the line to change."""

from pathlib import Path

import pytest

from iam.source import line_of, source_of, suffix
from iam.template import read

_ROOT = Path(__file__).parents[2]
# The kind of a resource is put into the Sid: no line has it whole.
_PUT_TOGETHER = {
    f"TagNew{kind}" for kind in ("TrainingJob", "HyperParameterTuningJob", "Model", "EndpointConfig", "Endpoint")
}


def _written(where: str) -> str:
    """The line of the source that is meant."""
    file, line = where.split(":")
    return (_ROOT / file).read_text().splitlines()[int(line) - 1]


@pytest.mark.parametrize("made", ["with_everything", "tuned"])
def test_a_statement_is_found_where_its_role_gets_it(made: str, request: pytest.FixtureRequest) -> None:
    for role in read(request.getfixturevalue(made)).roles:
        own = "_".join(suffix(role.name))
        for sid in {grant.where for grant in role.grants}:
            where = line_of(role.name, sid)
            assert where.split(":")[0] in {f"stacks/permissions/{own}.py", "stacks/permissions/statements.py"}
            assert (f"def {own}_role(" if sid in _PUT_TOGETHER else f'"{sid}"') in _written(where)


def test_a_whole_role_is_where_it_is_made() -> None:
    assert "def hosting_role(" in _written(line_of("slipway-dev-hosting-REGION", ""))


@pytest.mark.parametrize("role", ["slipway-dev-serving.HelperRole", "slipway-dev-stack", "slipway-dev-unknown"])
def test_a_role_that_has_no_file_is_in_the_folder(role: str) -> None:
    assert line_of(role, "ReadModels") == "stacks/permissions"


def test_a_stack_is_a_file_or_a_folder() -> None:
    assert source_of("slipway-dev-trained-model") == "stacks/trained_model.py"
    assert source_of("slipway-dev-roles") == "stacks/permissions"

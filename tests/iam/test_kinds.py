"""No kind of change to the templates goes unnoticed: the security audit's and more, from tables."""

import pytest

from iam.check import check_templates
from tests.iam import audited, hidden, kinds, weaker
from tests.iam.conftest import Templates

KINDS = {
    what: change for table in (kinds.kinds(), weaker.kinds(), hidden.kinds(), audited.kinds()) for what, change in table
}


def test_there_are_at_least_250() -> None:
    assert len(KINDS) >= 250


@pytest.mark.parametrize("part", range(4))
def test_no_kind_survives(with_everything: Templates, part: int) -> None:
    tried = list(KINDS.items())[part::4]

    assert [what for what, change in tried if not check_templates(kinds.changed(with_everything, change))] == []

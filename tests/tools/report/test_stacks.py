"""The last change of a stack, as its events tell it."""

from tests.tools.report.conftest import BEGIN, event
from tools.report.stacks import DeployedStack, last_change

STACK = "slipway-dev-serving"


def test_a_change_begins_and_ends_with_the_events_of_the_stack_itself() -> None:
    """The stack's own events have its id as physical id: "StackEvent", CloudFormation API reference."""
    last, resources = last_change(
        [
            event(STACK, STACK, "UPDATE_COMPLETE", 60),
            event(STACK, STACK, "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", 55),
            event(STACK, "Endpoint", "UPDATE_COMPLETE", 50),
            event(STACK, "Endpoint", "UPDATE_IN_PROGRESS", 30),
            event(STACK, "Endpoint", "UPDATE_IN_PROGRESS", 10),
            event(STACK, STACK, "UPDATE_IN_PROGRESS", 0),
            event(STACK, STACK, "CREATE_COMPLETE", -100),
        ]
    )
    assert last
    assert (last.begin, last.seconds, last.status) == (BEGIN, 60, "UPDATE_COMPLETE")
    assert [(each.name, each.seconds) for each in resources] == [("Endpoint", 40)]


def test_a_roll_back_belongs_to_the_change_that_failed() -> None:
    last, _ = last_change(
        [
            event(STACK, STACK, "UPDATE_ROLLBACK_COMPLETE", 9),
            event(STACK, STACK, "UPDATE_ROLLBACK_IN_PROGRESS", 5),
            event(STACK, STACK, "UPDATE_IN_PROGRESS", 0),
        ]
    )
    assert last
    assert (last.status, last.seconds) == ("UPDATE_ROLLBACK_COMPLETE", 9)


def test_a_change_that_goes_on_has_no_time_yet() -> None:
    last, _ = last_change([event(STACK, STACK, "UPDATE_IN_PROGRESS", 0)])
    assert last
    assert last.seconds is None


def test_a_stack_whose_events_have_expired_has_no_last_change() -> None:
    """CloudFormation keeps events for 90 days: "DescribeStackEvents", CloudFormation API reference."""
    assert last_change([]) == (None, [])


def test_the_four_slowest_resources_are_named_in_their_order() -> None:
    events = [event(STACK, STACK, "CREATE_COMPLETE", 100)]
    for number in range(6):
        events += [event(STACK, f"R{number}", "CREATE_COMPLETE", 20 + number)]
    for number in range(6):
        events += [event(STACK, f"R{number}", "CREATE_IN_PROGRESS", 9 - number)]
    last, resources = last_change([*events, event(STACK, STACK, "CREATE_IN_PROGRESS", 0)])
    stack = DeployedStack(STACK, "CREATE_COMPLETE", {}, {}, last, tuple(resources))
    assert [each.name for each in stack.slowest] == ["R5", "R4", "R3", "R2"]

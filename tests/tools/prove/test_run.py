"""The proof's steps and rows: what is taken and asked, in which order, and what an interruption or a failure leaves."""

import pytest
from botocore.exceptions import ClientError

from aws.prices import UnknownPrice
from tools.cdk import CdkFailed
from tools.preflight import NotReady
from tools.prove.row import Answer
from tools.prove.state import read
from tools.prove.step import ProofStep

from .conftest import Bill, System, World


def raising(error: BaseException):  # type: ignore[no-untyped-def]
    def act() -> None:
        raise error

    return act


def test_it_takes_the_steps_that_the_rows_need_asks_after_each_and_removes(world: World) -> None:
    rows = world.row("b", "load"), world.row("a", "base")

    answers = world.prove(*rows)

    assert world.happened == ["preflight", "base", "asked a", "load", "asked b", "destroy"]
    assert answers["a"] == {
        "name": "a", "question": "a?", "answer": "yes", "ok": True, "why": "", "evidence": "seen", "doubt": "",
    }  # fmt: skip


def test_one_row_takes_its_own_step_and_those_before_it_alone(world: World) -> None:
    world.prove(world.row("c", "failed"))
    assert world.happened == ["preflight", "base", "load", "failed", "asked c", "destroy"]


def test_a_row_takes_the_steps_that_it_uses_and_is_not_asked_without_one(world: World) -> None:
    row = world.row("c", "destroy", uses=("load",))
    world.act["load"] = raising(CdkFailed("no capacity"))
    assert world.prove(row)["c"]["evidence"] == "no capacity"
    assert world.happened == ["preflight", "base", "load", "destroy"]


def test_an_interrupted_proof_goes_on_and_asks_nothing_twice(world: World) -> None:
    rows = world.row("a", "base"), world.row("b", "load")
    world.act["load"] = raising(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        world.prove(*rows)
    assert world.happened == ["preflight", "base", "asked a", "load"]

    known = read(world.file)
    assert known is not None
    world.state, world.act, world.happened = known, {}, []
    answers = world.prove(*rows)

    assert world.happened == ["load", "asked b", "destroy"]
    assert set(answers) == {"a", "b"}


def test_what_could_not_be_asked_before_an_interruption_is_asked_after_it(world: World) -> None:
    rows = world.row("b", "load"), world.row("d", "destroy")
    world.act["load"], world.act["destroy"] = raising(CdkFailed("throttled")), raising(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        world.prove(*rows)
    assert world.state.answers["b"]["ok"] is None
    world.act = {}
    assert world.prove(*rows)["b"]["ok"] is True


def test_a_step_that_fails_leaves_its_rows_and_those_of_later_ones_unasked_and_it_goes_on(world: World) -> None:
    world.act["load"] = raising(CdkFailed("UPDATE_FAILED: no capacity"))

    answers = world.prove(world.row("b", "load"), world.row("c", "failed"))

    assert world.happened == ["preflight", "base", "load", "destroy"]
    for name in ("b", "c"):
        assert (answers[name]["ok"], answers[name]["why"]) == (None, "later")
        assert answers[name]["evidence"] == "UPDATE_FAILED: no capacity"


def test_without_the_base_only_what_explains_its_failure_is_asked(world: World) -> None:
    world.act["base"] = raising(CdkFailed("CREATE_FAILED: RetainAllVariantProperties"))

    answers = world.prove(world.row("a", "base", despite_failure=True), world.row("b", "load"))

    assert world.happened == ["preflight", "base", "asked a", "destroy"]
    assert answers["b"]["evidence"] == "CREATE_FAILED: RetainAllVariantProperties"


def test_what_preflight_finds_wrong_ends_it_before_anything_is_created(world: World) -> None:
    world.act["preflight"] = raising(NotReady("eu-west-1 has no ml.m5.large"))
    with pytest.raises(NotReady, match=r"no ml\.m5\.large"):
        world.prove(world.row("a", "base"))
    assert world.happened == ["preflight"]


def test_a_removal_that_meets_an_error_ends_it_with_that_and_is_taken_again(world: World) -> None:
    """The command then says what still runs."""
    expired = ClientError({"Error": {"Code": "ExpiredToken", "Message": "the session ended"}}, "DeleteStack")
    world.act["destroy"] = raising(expired)
    with pytest.raises(ClientError, match="the session ended"):
        world.prove(world.row("a", "base"))
    world.act, world.happened = {}, []
    world.prove(world.row("a", "base"))
    assert world.happened == ["destroy"]


def test_out_of_budget_it_takes_no_further_step_and_removes(world: World) -> None:
    rows = world.row("a", "base"), world.row("b", "load"), world.row("d", "destroy")

    answers = world.prove(*rows, bill=Bill(refuses="load"))

    assert world.happened == ["preflight", "base", "asked a", "destroy", "asked d"]
    assert (answers["b"]["why"], answers["b"]["evidence"]) == ("later", "MAX_USD=1: too dear")


def test_a_quota_that_is_too_low_for_a_step_leaves_that_step_out(world: World) -> None:
    class Poor(System):
        refused = False

        def require_quotas(self, changes: object) -> None:
            if world.happened[-1:] == ["base"] and not self.refused:
                self.refused = True
                raise NotReady("ml.g4dn.12xlarge for training job usage is 0, needed: 1")

    answers = world.prove(world.row("b", "load"), system=Poor())

    assert "load" not in world.happened
    assert answers["b"]["evidence"] == "ml.g4dn.12xlarge for training job usage is 0, needed: 1"


def test_a_row_that_meets_an_error_does_not_end_the_others(world: World) -> None:
    world.answer["a"] = raising(KeyError("Image"))

    answers = world.prove(world.row("a", "base"), world.row("b", "base"))

    assert (answers["a"]["ok"], answers["a"]["evidence"]) == (None, "KeyError: 'Image'")
    assert answers["b"]["ok"] is True


def test_an_answer_that_does_not_tell_is_left_for_later(world: World) -> None:
    world.answer["a"] = lambda: Answer("it did not run into its limit", None, "60 s")
    answers = world.prove(world.row("a", "base"))
    assert (answers["a"]["ok"], answers["a"]["why"]) == (None, "later")


def test_the_local_aws_is_not_asked_what_only_an_account_can_tell(world: World) -> None:
    rows = world.row("a", "base", why="account only"), world.row("e", "ec2", why="account only")

    answers = world.prove(*rows, system=System(local=True))

    assert world.happened == ["preflight", "base", "destroy"]
    assert {answer["why"] for answer in answers.values()} == {"account only"}
    assert {answer["ok"] for answer in answers.values()} == {None}


def test_an_account_is_asked_it(world: World) -> None:
    answers = world.prove(world.row("e", "ec2", why="account only"))
    assert (answers["e"]["ok"], answers["e"]["why"]) == (True, "")


@pytest.mark.parametrize("why", ["later", "person"])
def test_a_row_for_a_person_or_a_day_says_what_to_do_and_is_not_answered(world: World, why: str) -> None:
    world.answer["a"] = lambda: Answer("look into the mailbox", True, "the topic is there")
    answers = world.prove(world.row("a", "base", why=why))
    assert (answers["a"]["ok"], answers["a"]["why"], answers["a"]["answer"]) == (None, why, "look into the mailbox")


def test_a_step_without_a_price_is_left_out(world: World) -> None:
    class Unpriced(Bill):
        def require(self, steps: list[ProofStep]) -> None:
            if steps[0].name == "load":
                raise UnknownPrice("no price of ml.x9.huge")

    answers = world.prove(world.row("b", "load"), bill=Unpriced())

    assert "load" not in world.happened
    assert (answers["b"]["why"], answers["b"]["evidence"]) == ("later", "no price of ml.x9.huge")

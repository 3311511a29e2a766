"""Rows about deploys."""

from tools.prove.row import Answer, row
from tools.prove.system import ProvedSystem


@row(
    question="Do Service Quotas, AWS's registry and IAM answer `make preflight` in time?",
    expected="no line is unknown, after 10 s at most",
    step="preflight",
)
def preflight_answers(system: ProvedSystem) -> Answer:
    """Run the checks of `make preflight`, once the app is synthesized."""
    facts = system.facts["preflight"]
    said = [*facts["unknown"], *facts["right"]]
    return Answer(
        f"{len(facts['unknown'])} of {len(said)} unknown, {facts['seconds']:.1f} s",
        not facts["unknown"] and facts["seconds"] <= 10,
        "\n".join(said),
    )


@row(
    question="Does a deploy with nothing changed train nothing?",
    expected='"(no changes)" for every stack',
    step="again",
)
def no_change(system: ProvedSystem) -> Answer:
    """Deploy the same again."""
    facts = system.facts["again"]
    return Answer(
        f"{facts['jobs']} jobs, {len(facts['unchanged'])} stacks unchanged",
        facts["jobs"] == 0 and bool(facts["unchanged"]),
        "\n".join(facts["unchanged"]),
    )

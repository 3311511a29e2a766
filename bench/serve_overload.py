"""Seconds to a refusal under 300 clients at once: each either gets its answer, or soon a 429, and comes back."""

from bench.result import BenchmarkResult, seconds
from bench.serve_load import put_under_load
from bench.serve_model import model
from bench.serve_ours import served

CLIENTS, SECONDS, MAX_SECONDS = 300, 20.0, 1.5


def run() -> BenchmarkResult:
    """Compare the p99 of a refusal with its limit of 1.5 s."""
    with served(model().folder) as ours:
        load = put_under_load(ours.url, model().photos, CLIENTS, SECONDS)
    note = (
        f"peer: the limit; answers {load.statuses}, {load.rate:.0f} of status 200 a second, p99 {load.p99:.2f} s; "
        f"load generator {1000 * load.processor:.1f} ms an answer"
    )
    return seconds(
        "serve-overload", load.refused_p99, MAX_SECONDS, 1, note, holds=load.statuses.keys() == {"200", "429"}
    )

"""Charts of one simulation: demand and capacity, instances, latency."""

from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from tools.capacity.search import ServiceLimits
from tools.capacity.simulation import SimulationResult
from tools.load.picture import BLUE, GREY, ORANGE, RED, finish


def draw(outcome: SimulationResult, rate: float, limits: ServiceLimits, title: str, path: Path) -> Path:
    """Draw three charts over one time axis and save them; `rate` is the maximum rate of one instance, requests/s."""
    hours = outcome.second / 3600
    figure = Figure(figsize=(9, 8), layout="constrained")
    FigureCanvasAgg(figure)
    demand, instances, latency = figure.subplots(3, sharex=True, height_ratios=[3, 1.5, 3])
    figure.suptitle(title)
    demand.fill_between(hours, outcome.serving * rate, step="post", color=BLUE, alpha=0.2, label="capacity")
    demand.step(hours, outcome.offered, where="post", color=GREY, label="demand")
    if outcome.dropped:
        demand.step(hours, outcome.dropped_rate, where="post", color=RED, label="dropped")
    instances.step(hours, outcome.paid, where="post", color=GREY, linestyle=":", label="paid for")
    instances.step(hours, outcome.serving, where="post", color=BLUE, label="serving")
    latency.plot(hours, 1000 * outcome.p99_over_time, color=ORANGE, label="p99")
    latency.plot(hours, 1000 * outcome.p50_over_time, color=BLUE, label="p50")
    latency.axhline(1000 * limits.p99, color=RED, linestyle="--", linewidth=1, label="limit")
    latency.set(xlabel="hours")
    return finish(figure, path)

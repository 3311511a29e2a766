"""Charts of a load test: load, instances and latency over time."""

from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from tools.load.record import Record

BLUE, ORANGE, RED, GREY = "#0072b2", "#d55e00", "#cc3311", "#777777"  # safe for colour-blind readers


def draw(record: Record, limit: float | None, path: Path) -> Path:
    """Draw three charts over one time axis and save them; the p99 `limit`, in seconds, is drawn as a line."""
    bins = record.over_time()
    seconds = [part.second for part in bins]
    figure = Figure(figsize=(9, 8), layout="constrained")
    FigureCanvasAgg(figure)
    load, instances, latency = figure.subplots(3, sharex=True, height_ratios=[3, 1.5, 3])
    figure.suptitle(f"{record.endpoint} ({record.instance_type}): {record.mode}")
    load.step(seconds, [part.offered for part in bins], where="post", color=GREY, label="offered")
    load.step(seconds, [part.served for part in bins], where="post", color=BLUE, label="served")
    if any(part.failed for part in bins):
        load.step(seconds, [part.failed for part in bins], where="post", color=RED, label="failed")
    at = [observation.seconds for observation in record.observations]
    instances.step(
        at, [s.desired for s in record.observations], where="post", color=GREY, linestyle=":", label="desired"
    )
    instances.step(at, [s.instances for s in record.observations], where="post", color=BLUE, label="in service")
    latency.plot(seconds, [1000 * part.p99 for part in bins], ".-", color=ORANGE, label="p99")
    latency.plot(seconds, [1000 * part.p50 for part in bins], ".-", color=BLUE, label="p50")
    if limit:
        latency.axhline(1000 * limit, color=RED, linestyle="--", linewidth=1, label="limit")
    latency.set(xlabel="seconds")
    return finish(figure, path)


def finish(figure: Figure, path: Path) -> Path:
    """Label the charts of load, instances and latency (a logarithmic scale in plain numbers), and save the figure."""
    load, instances, latency = figure.axes
    load.set(ylabel="requests/s", ylim=(0, None))
    instances.set(ylabel="instances", ylim=(0, None))
    instances.locator_params(axis="y", integer=True)
    latency.set(ylabel="latency, ms", yscale="log")
    latency.yaxis.set_major_formatter("{x:g}")
    latency.yaxis.set_minor_formatter("{x:g}")
    for chart in figure.axes:
        chart.legend(loc="upper right")
        chart.grid(alpha=0.3)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)
    return path

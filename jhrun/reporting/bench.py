"""The results of ``jhrun bench``: a table, and cost against truth with the frontier."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import StrMethodFormatter

from jhrun.benchmark import BenchRecord, Score
from jhrun.files import write_together
from jhrun.jsonio import as_json, as_plain
from jhrun.reporting import tables
from jhrun.reporting.drawing import BLUE, GREEN, ORANGE, RED, as_bytes, plain
from jhrun.reporting.style import own_style

COLOURS = (BLUE, ORANGE, GREEN, RED, "#CC79A7", "#56B4E9", "#000000", "#999999", "#F0E442")
MARKERS = "os^Dvp*XP"
HEADER: tables.Row = ("solver", "n", "products", "cost", "truth", "10 % quantile", "peak", "frontier")
NOTE = (
    "Cost: time of a training step over that of a plain one, medians of {rounds} rounds in turns. Truth: "
    "‖vᵀA‖/(‖v‖·σ_max), the mean over {examples} examples, and its 10 % quantile. Peak: what a step's tensors "
    "take at most, over a plain step's. A star: no other is both cheaper and truer. `tracked` is asked after a "
    "dozen visits to a network that stands still; in training it lags behind."
)


@own_style()
def write_bench(folder: Path, record: BenchRecord, costs: Mapping[str, float] | None = None) -> str:
    """Write ``bench.json``, ``bench.md`` and ``bench.svg``, together.

    Args:
        folder: where to.
        record: of ``bench.json``.
        costs: of passes, for ``costs.json``, if there are any.

    Returns:
        The table, in letters.
    """
    table = [HEADER, *rows(record.scores)]
    note = NOTE.format(rounds=record.rounds, examples=record.examples)
    what = f"{record.matrix} of {record.model}, {record.batch_size} examples of {list(record.shape)}"
    parts = (f"# {what}", f"{record.device}, {record.date}", tables.markdown(table), note, "![](bench.svg)")
    files: dict[str, str | bytes] = {
        "bench.json": as_json(as_plain(record)),
        "bench.md": "\n\n".join(parts) + "\n",
        "bench.svg": as_bytes(figure(record.scores, what), "svg"),
    }
    if costs:
        files["costs.json"] = as_json(costs)
    write_together({folder / name: content for name, content in files.items()})
    return f"{what}\n\n{tables.plain(table)}\n\n{note}"


def rows(scores: Sequence[Score]) -> list[tables.Row]:
    """One for each contender."""
    base = scores[0].peak
    return [
        (
            score.name,
            "" if score.iterations is None else str(score.iterations),
            str(score.products),
            f"{score.cost:.2f}",
            *("" if value is None else f"{value:.3f}" for value in (score.truth, score.truth_p10)),
            f"{score.peak / base:.2f}",
            "★" if score.frontier else "",
        )
        for score in scores
    ]


def figure(scores: Sequence[Score], title: str) -> Figure:
    """Cost against truth; a line joins a solver's n, a stepped one the frontier."""
    drawn = Figure(figsize=(8, 5), layout="constrained")
    axes: Axes = drawn.subplots()
    measured = [score for score in scores if score.truth is not None]
    for number, name in enumerate(dict.fromkeys(score.name for score in measured)):
        own = [score for score in measured if score.name == name]
        costs, truths = [s.cost for s in own], np.array([s.truth for s in own], dtype=np.float64)
        colour, marker = COLOURS[number % len(COLOURS)], MARKERS[number % len(MARKERS)]
        axes.plot(costs, truths, marker=marker, color=colour, label=name, linewidth=1)
        for score in own:
            if score.iterations is not None:
                place = (score.cost, score.truth)
                axes.annotate(str(score.iterations), place, (4, -9), textcoords="offset points", fontsize=8)
    best = sorted((s.cost, s.truth) for s in measured if s.frontier)
    if best:
        axes.step(
            *zip(*best, strict=True), where="post", color="0.5", linestyle=":", linewidth=2, label="frontier"
        )
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.xaxis.set_minor_formatter(StrMethodFormatter("{x:g}"))
    axes.set_xlabel("cost of a training step, in plain ones")
    axes.set_ylabel("truth, ‖vᵀA‖/σ_max")
    axes.set_ylim(0, 1.03)
    axes.set_title(title, fontsize=10)
    axes.legend(frameon=False, fontsize=9, loc="lower right")
    plain(axes)
    return drawn

"""Curvature in the report: histograms by outcome, and the figures in words."""

import math
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator
from numpy.typing import NDArray

from jhrun.evaluation.analysis import OUTCOMES
from jhrun.reporting.drawing import BLUE, ORANGE, RED, plain
from jhrun.reporting.tables import Row
from jhrun.reporting.words import sample

COLOURS = dict(zip(OUTCOMES, (BLUE, ORANGE, RED), strict=True))
HATCHES = dict(zip(OUTCOMES, (None, "////", "...."), strict=True))
BINS = 30
DECADES = 8
"""At most, on a logarithmic axis."""
HEADER: Row = ("", "n", "σ_max(J)", "|λ| of H", "margin", "uncertified radius")

Arrays = dict[str, NDArray[Any]]


def histograms(found: Arrays) -> Figure:
    """σ_max(J), signed λ and the first-order radius, one row for each outcome; the median is a black line.

    Rows share their columns' bins, not their heights: few examples may be broken, and still be seen.

    Args:
        found: of ``curvature.npz``.

    Returns:
        The figure.
    """
    rows = [i for i in range(len(OUTCOMES)) if (found["outcome"] == i).any()]
    figure = Figure(figsize=(9, 0.7 + 1.3 * len(rows)), layout="constrained")
    grid = figure.subplots(len(rows), 3, squeeze=False, sharex="col")
    for column, (key, label) in enumerate(
        (
            ("sigma_max", "σ_max(J)\n(logits per pixel unit)"),
            ("lambda_top", "leading eigenvalue λ of H\n(loss per squared pixel unit)"),
            ("first_order_radius", "first-order ℓ2 radius\n(pixel units; not a certificate)"),
        )
    ):
        values = found[key][np.isfinite(found[key])]
        edges = _edges(grid[0, column], values, logarithmic=key == "lambda_top")
        for axes, i in zip(grid[:, column], rows, strict=True):
            name = OUTCOMES[i]
            those = found[key][found["outcome"] == i]
            axes.hist(
                those[np.isfinite(those)],
                bins=edges,
                color=COLOURS[name],
                hatch=HATCHES[name],
                edgecolor="white",
                linewidth=0,
            )
            axes.axvline(np.quantile(those, 0.5, method="inverted_cdf"), color="black", linewidth=1.2)
            axes.yaxis.set_major_locator(MaxNLocator(nbins=3, integer=True))
            if column == 0:
                axes.set_ylabel(f"{name}\nn = {len(those)}")
            plain(axes)
        grid[-1, column].set_xlabel(label)
    return figure


def histogram_data(found: Arrays, each: Arrays, classes: list[str]) -> dict[str, list[Any]]:
    """What ``histograms`` shows, example by example.

    Args:
        found: of ``curvature.npz``.
        each: of ``per_example.npz``.
        classes: their names.

    Returns:
        Columns.
    """
    return {
        "position": list(range(len(found["outcome"]))),
        "class": [classes[i] for i in each["target"]],
        "outcome": [OUTCOMES[i] for i in found["outcome"]],
        **{
            key: found[key].tolist()
            for key in ("sigma_max", "lambda_top", "residual", "margin", "first_order_radius", "share")
            if key in found
        },
    }


def summary_rows(record: dict[str, Any]) -> list[Row]:
    """Median and the middle 80 % of each quantity in each group."""
    return [
        (name, str(group["margin"]["n"]), *(_range(spread) for spread in group.values()))
        for name, group in record["groups"].items()
    ]


def describe(record: dict[str, Any], total: int) -> str:
    """What was measured, of how many examples out of how many, how well, and what the penalty saw of it."""
    missed = (
        f"all reached a relative residual of {record['tolerance']:g}"
        if record["missed"] == 0
        else f"{record['missed']} missed the relative residual of {record['tolerance']:g} within "
        f"{record['most_steps']} Lanczos steps, so that their |λ| is a lower bound alone"
    )
    share = (
        "The share of the true norm that the penalty's estimate reaches is not available: the run penalised "
        "neither J nor the loss's Hessian."
        if record["share"] is None
        else f"The run's own penalty, with its solver as in the last epoch, estimates "
        f"{_percent(record['share']['mean'])} of the true norm of {record['share_of']} in the mean, "
        f"{_percent(record['share']['p10'])} at the 10 % quantile."
    )
    warnings = "".join(f" Warning: {warning}." for warning in record["warnings"])
    return (
        f"Of {sample(record['n'], total)}: survived every attack, broken by one, or wrong without one; black "
        "lines are medians. σ_max(J) is exact; of the Hessian's eigenvalues of largest modulus, "
        f"{record['negative']} are negative, and {missed}. "
        "The first-order radius, margin/(√2·σ_max(J)), is how far the network would keep its answer if it were "
        f"linear: not a certificate. {share}{warnings}"
    )


def _edges(axes: Axes, values: NDArray[Any], *, logarithmic: bool) -> NDArray[Any]:
    """Bins of equal width on the axis, whose scale is set."""
    low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 0.0)
    if low == high:
        low, high = low - 0.5, high + 0.5
    elif logarithmic:
        # decades for all but the smallest tenth, which a linear piece around 0 takes
        modulus = np.sort(np.abs(values[values != 0]))
        first, last = (math.floor(math.log10(m)) for m in (modulus[len(modulus) // 10], modulus[-1]))
        first = max(first, last - DECADES)
        axes.set_xscale("symlog", linthresh=10.0**first)
        low = min(low, 0.0)
        stride = max(1, math.ceil((last - first) / (1 if low < 0 else 4)))
        decades = [10.0**e for e in range(last, first, -stride)] or [10.0**last]
        ticks = [0, *decades, *(-d for d in decades)]
        axes.xaxis.set_major_locator(FixedLocator([t for t in ticks if low <= t <= high]))
        axes.xaxis.set_minor_locator(NullLocator())
    transform = axes.xaxis.get_transform()
    ends = transform.transform(np.array([low, high]))
    edges: NDArray[Any] = transform.inverted().transform(np.linspace(ends[0], ends[1], BINS + 1))
    # rounding must not leave the extreme examples out
    edges[0], edges[-1] = low, high
    return edges


def _range(spread: dict[str, Any]) -> str:
    low, middle, high = (
        "∞" if spread[key] is None else f"{spread[key]:.3g}".replace("-", "−") for key in ("p10", "median", "p90")
    )
    return f"{middle} ({low} to {high})"


def _percent(share: float | None) -> str:
    return "an unknown share" if share is None else f"{100 * share:.0f} %"

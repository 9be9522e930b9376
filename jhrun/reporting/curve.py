"""Robust accuracy against ε."""

import math
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator, PercentFormatter
from numpy.typing import NDArray

from jhrun.reporting import tables
from jhrun.reporting.data import share_columns
from jhrun.reporting.drawing import BLUE, RED, plain, whiskers


def accuracy_curve(report: dict[str, Any], classes: int) -> Figure:
    """Robust accuracy against ε, the worst case over all attacks, and what guessing would reach.

    The axis is the root of ε, so that 1/255 can be told from 0, and 1 is still there.

    Args:
        report: with a curve.
        classes: how many there are.

    Returns:
        The figure.
    """
    curve, radius = report["curve"], worst_radius(report)
    epsilons = [p["epsilon"] for p in curve["points"]]
    figure = Figure(figsize=(5.6, 3.7), layout="constrained")
    axes: Axes = figure.subplots()
    axes.axhline(1 / classes, color="0.45", linestyle=":", linewidth=1.3, label=f"guessing, 1 of {classes}")
    if radius is not None:
        written = tables.ball({"epsilon": radius, "norm": curve["norm"]})
        axes.axvline(radius, color="0.45", linestyle="--", linewidth=1.3, label=f"the attacks' ε, {written}")
    shares = [p["accuracy"] for p in curve["points"]]
    axes.errorbar(
        epsilons, shares, whiskers(curve["points"]), fmt="o-", color=BLUE, capsize=3, label=curve["attack"]
    )
    if radius is not None:
        worst = report["worst_case"]
        label = tables.worst_case(report) or f"under {next(iter(report['attacks']))}"
        axes.errorbar(
            [radius],
            [worst["accuracy"]],
            whiskers([worst]),
            fmt="D",
            color=RED,
            markersize=7,
            capsize=5,
            label=label,
        )
    axes.set_xscale("function", functions=(_root, _square))
    end = max([*epsilons, radius or 0.0]) or 1.0
    axes.set_xlim(-4e-4 * end, 1.04 * end)
    _radius_ticks(axes, epsilons, end, grey_levels=curve["norm"] == "inf")
    axes.set_ylim(-0.02, 1.02)
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    axes.set_ylabel("right answers")
    figure.legend(loc="outside upper center", ncols=2, frameon=False)
    plain(axes)
    return figure


def curve_data(report: dict[str, Any]) -> dict[str, list[Any]]:
    """What ``accuracy_curve`` shows: a row for each point, the worst case's last."""
    curve, radius = report["curve"], worst_radius(report)
    points = [(curve["attack"], p["epsilon"], p, curve["total"]) for p in curve["points"]]
    if radius is not None:
        points.append(("worst case", radius, report["worst_case"], report["total"]))
    what, epsilon, shares, total = (list(column) for column in zip(*points, strict=True))
    columns: dict[str, list[Any]] = {"attack": what, "norm": [curve["norm"]] * len(what), "epsilon": epsilon}
    return columns | share_columns(shares) | {"total": total}


def worst_radius(report: dict[str, Any]) -> float | None:
    """Where the worst case lies on the curve's axis; None if its attacks have another norm or several radii."""
    norm = report["worst_case_norm"]
    radii = {a["epsilon"] for a in report["attacks"].values() if a["norm"] == norm}
    return radii.pop() if len(radii) == 1 and norm == report["curve"]["norm"] else None


def _radius_ticks(axes: Axes, epsilons: list[float], end: float, *, grey_levels: bool) -> None:
    """A tick at each ε whose label has room, the larger first."""
    chosen: dict[float, str] = {}
    for epsilon in sorted(set(epsilons), reverse=True):
        text = f"{255 * epsilon:.3g}" if grey_levels else f"{epsilon:.3g}"
        room = [
            math.sqrt(other / end) - math.sqrt(epsilon / end) - 0.0095 * (len(text) + len(there))
            for other, there in chosen.items()
        ]
        if min(room, default=1.0) >= 0.005:
            chosen[epsilon] = text
    axes.xaxis.set_major_locator(FixedLocator(list(chosen)))
    axes.set_xticks(list(chosen), list(chosen.values()))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel("ε in grey levels of 255 (root scale)" if grey_levels else "ε in pixel units (root scale)")


def _root(x: NDArray[Any]) -> NDArray[Any]:
    root: NDArray[Any] = np.sign(x) * np.sqrt(np.abs(x))
    return root


def _square(x: NDArray[Any]) -> NDArray[Any]:
    square: NDArray[Any] = np.sign(x) * x**2
    return square

"""The ladder: how methods stand in the worst case, and how far cheaper attacks flatter them."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.textpath import TextPath
from matplotlib.ticker import PercentFormatter

from jhrun.reporting.drawing import BLUE, RED, Look
from jhrun.reporting.picture import Picture
from jhrun.reporting.plots import NARROW, WIDE
from jhrun.reporting.text import cell, drawn, one_line
from jhrun.reporting.verdict import SYMBOLS

PALE = "#B3D4E8"
"""The blue of the worst case, beside the full blue of what is certified."""

_LETTER, _SMALL = 10, 8.5
_SIDE, _COLUMN, _PITCH, _FOOT, _LINE = 0.14, 0.76, 0.5, 0.28, 0.19
"""Inches: beside all, for the figures at the right, between methods, for the axis below, for a line of text."""

_BAR = 0.36
"""Height of a bar, in rows."""

_TICK = ((-0.2, -1), (0.2, -1), (0.2, 1), (-0.2, 1), (-0.2, -1))
_CERTIFIED: Look = {"facecolor": BLUE, "edgecolor": "none"}
_WORST: Look = {"facecolor": PALE, "edgecolor": BLUE, "linewidth": 0.8}
_INFLATION: Look = {"facecolor": "none", "edgecolor": RED, "linewidth": 0, "hatch": "/////"}
_PGD: Look = {"marker": _TICK, "markersize": 15, "color": "black", "markerfacecolor": "white"}
_CLEAN: Look = {"marker": _TICK, "markersize": 15, "color": "black", "markeredgewidth": 0}
_SEED: Look = {
    "marker": "o",
    "markersize": 4,
    "color": "black",
    "markeredgecolor": "white",
    "markeredgewidth": 0.5,
}
_INTERVAL: Look = {"marker": "|", "markersize": 6, "color": "black", "linewidth": 1.2}


@dataclass(frozen=True)
class Rung:
    """One method.

    Attributes:
        label: its name, from anybody.
        clean: share of right answers, in [0, 1], as all shares here; the mean over seeds where there are several.
        worst: share that stays right under all attacks; None where it was not attacked.
        pgd: share that stays right under PGD-20 alone.
        certified: share that provably stays right.
        seeds: worst case of each seed.
        outcome: of the verdict: a key of ``verdict.SYMBOLS``.
        cost: of a training step, in plain steps.
        interval: 95 % of the worst case.
    """

    label: str
    clean: float
    worst: float | None
    pgd: float | None = None
    certified: float | None = None
    seeds: tuple[float, ...] = ()
    outcome: str | None = None
    cost: float | None = None
    interval: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        """Refuse percentages.

        Raises:
            ValueError: a share lies outside [0, 1].
        """
        shares = (self.clean, self.worst, self.pgd, self.certified, *self.seeds, *(self.interval or ()))
        for share in shares:
            if share is not None and not 0 <= share <= 1:
                raise ValueError(
                    f"{self.label}: a share of {share}; shares lie in [0, 1], so divide percentages by 100"
                )

    @property
    def inflation(self) -> float | None:
        """How much PGD-20 flatters: its share without the worst case."""
        return None if self.pgd is None or self.worst is None else self.pgd - self.worst


def ladder(rungs: Sequence[Rung], width: float = 5.0) -> Figure:
    """A row for each method, the best worst case first.

    Args:
        rungs: at least one.
        width: of the figure, in inches; from 3.5 on.

    Returns:
        The figure; marks are told apart by shape and lightness, not by colour.
    """
    rungs, handles = _sorted(rungs), _handles(rungs)
    columns = min(len(handles), int((width - 2 * _SIDE) / 1.15))
    outcomes = [outcome for outcome in SYMBOLS if any(rung.outcome == outcome for rung in rungs)]
    lines = -(-len(handles) // columns) + bool(outcomes)
    height = _LINE * lines + 0.54 + _PITCH * len(rungs) + _FOOT
    figure = Figure(figsize=(width, height))
    inner = width - 2 * _SIDE
    box = (_SIDE / width, _FOOT / height, (inner - _COLUMN) / width, _PITCH * len(rungs) / height)
    axes = figure.add_axes(box)
    for row, rung in enumerate(rungs):
        _draw(axes, row, rung)
        _write(axes, row, rung, 72 * (inner - _COLUMN), 18 if outcomes else 4)
    _figures(axes, rungs)
    _scale(axes, len(rungs))
    figure.legend(
        handles=handles, loc="upper left", bbox_to_anchor=(_SIDE / width, 1 - 0.07 / height), ncols=columns,
        frameon=False, fontsize=_SMALL, borderpad=0, borderaxespad=0, handlelength=1.8, columnspacing=1.2,
        labelspacing=(72 * _LINE / _SMALL - 1),
    )  # fmt: skip
    if outcomes:
        words = "verdict:  " + "   ".join(f"{SYMBOLS[outcome]} {outcome}" for outcome in outcomes)
        figure.text(_SIDE / width, 1 - (_LINE * lines + 0.03) / height, words, fontsize=_SMALL)
    return figure


def ladder_picture(title: str, text: str, rungs: Sequence[Rung]) -> Picture:
    """The ladder as a figure of a page, for screen, telephone and print.

    Args:
        title: above it.
        text: what it shows.
        rungs: at least one.

    Returns:
        The picture with its data.
    """

    def draw(*, narrow: bool = False) -> Figure:
        return ladder(rungs, NARROW if narrow else WIDE)

    return Picture.of("ladder", title, text, draw, ladder_data(rungs))


def ladder_data(rungs: Sequence[Rung]) -> dict[str, list[Any]]:
    """What ``ladder`` shows: a row for each method, in its order; seeds are separated by spaces."""
    rungs = _sorted(rungs)
    columns: dict[str, list[Any]] = {"label": [cell(one_line(rung.label)) for rung in rungs]}
    for name in ("clean", "worst", "pgd", "inflation", "certified"):
        columns[name] = [getattr(rung, name) for rung in rungs]
    ends = [rung.interval or (None, None) for rung in rungs]
    return columns | {
        "ci95_low": [low for low, _ in ends],
        "ci95_high": [high for _, high in ends],
        "seeds": [" ".join(str(float(seed)) for seed in rung.seeds) for rung in rungs],
        "outcome": [rung.outcome for rung in rungs],
        "cost": [rung.cost for rung in rungs],
    }


def _sorted(rungs: Sequence[Rung]) -> list[Rung]:
    return sorted(rungs, key=lambda r: (-1.0 if r.worst is None else r.worst, r.clean), reverse=True)


def _draw(axes: Axes, row: int, rung: Rung) -> None:
    """All marks of one method; its bar's middle lies at ``row``."""
    if rung.worst is not None:
        axes.barh(row, rung.worst, _BAR, **_WORST)
        # nothing where PGD-20 is the stronger
        axes.barh(row, max(0.0, rung.inflation or 0.0), _BAR, rung.worst, **_INFLATION)
    if rung.certified is not None:
        # slimmer, so that a certificate above the worst case, which is wrong, is seen
        axes.barh(row, rung.certified, 0.55 * _BAR, **_CERTIFIED)
    for share, look in ((rung.pgd, _PGD), (rung.clean, _CLEAN)):
        if share is not None:
            axes.plot(share, row, linestyle="", clip_on=False, zorder=3, **look)
    if rung.interval is not None:
        halo = {**_INTERVAL, "color": "white", "linewidth": 3, "markeredgewidth": 3}
        for look in (halo, _INTERVAL):
            axes.plot(rung.interval, (row - 0.06, row - 0.06), clip_on=False, zorder=4, **look)
    if rung.seeds:
        heights = [row + 0.1] * len(rung.seeds)
        axes.plot(rung.seeds, heights, linestyle="", clip_on=False, zorder=5, **_SEED)


def _write(axes: Axes, row: int, rung: Rung, room: float, start: float) -> None:
    """Verdict and name above the bar; the name begins after ``start`` points, and ends before ``room``."""
    label = _fitting(one_line(rung.label), room - start)
    for x, text, weight in ((4, SYMBOLS.get(rung.outcome or "", ""), "bold"), (start, label, "normal")):
        axes.annotate(
            text, (0, row - 0.32), (x, 0), textcoords="offset points", fontsize=_LETTER, fontweight=weight
        )


def _figures(axes: Axes, rungs: Sequence[Rung]) -> None:
    """The worst cases, and the costs where there are some, right of the bars."""
    bold: Look = {"fontweight": "bold"}
    texts: list[tuple[float, str, Look]] = [(-0.98, "worst case", {**bold, "fontsize": _SMALL})]
    for row, rung in enumerate(rungs):
        texts.append((row - 0.32, "–" if rung.worst is None else f"{100 * rung.worst:.1f} %", bold))
    if any(rung.cost is not None for rung in rungs):
        texts.append((-0.7, "plain steps", {"fontsize": _SMALL}))
        texts += [(row + 0.11, _number(rung.cost), {}) for row, rung in enumerate(rungs)]
    for y, text, look in texts:
        axes.annotate(
            text, (1, y), (72 * _COLUMN, 0), textcoords="offset points", ha="right", annotation_clip=False, **look
        )


def _number(cost: float | None) -> str:
    if cost is None:
        return "–"
    return f"{cost:,.0f}" if cost >= 10 else f"{cost:.1f}"


def _fitting(label: str, room: float) -> str:
    """As many letters of a label as fit into so many points, and one at least."""
    longest = min(len(label), 90)

    def too_wide(letters: int) -> bool:
        return bool(TextPath((0, 0), drawn(label, letters), size=_LETTER).get_extents().width > room)

    if longest < 2 or not too_wide(longest):
        return drawn(label, longest)
    # a path of letters takes milliseconds: few are tried
    return drawn(label, bisect_left(range(2, longest), True, key=too_wide) + 1)


def _scale(axes: Axes, n: int) -> None:
    axes.set_xlim(0, 1)
    axes.set_ylim(n - 0.6, -0.6)
    axes.set_yticks([])
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1])
    axes.xaxis.set_major_formatter(PercentFormatter(1))
    axes.tick_params(labelsize=_SMALL, length=0, pad=5)
    axes.grid(axis="x", color="0.88", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "bottom"]].set_visible(False)


def _handles(rungs: Sequence[Rung]) -> list[Artist]:
    """The legend: only of marks that are there."""
    marks: dict[str, tuple[bool, Artist]] = {
        "certified": (any(r.certified is not None for r in rungs), Patch(**_CERTIFIED)),
        "worst case": (any(r.worst is not None for r in rungs), Patch(**_WORST)),
        "inflation": (any((r.inflation or 0) > 0 for r in rungs), Patch(**_INFLATION)),
        "PGD-20": (
            any(r.pgd is not None for r in rungs),
            Line2D([], [], linestyle="", **{**_PGD, "markersize": 9}),
        ),
        "clean": (True, Line2D([], [], linestyle="", **{**_CLEAN, "markersize": 9})),
        "a seed": (any(r.seeds for r in rungs), Line2D([], [], linestyle="", **_SEED)),
        "95 % interval": (any(r.interval is not None for r in rungs), Line2D([], [], **_INTERVAL)),
    }
    for name, (_, handle) in marks.items():
        handle.set_label(name)
    return [handle for there, handle in marks.values() if there]

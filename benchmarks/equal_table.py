"""Tables and figure of equal_time.py, from its records."""

import statistics
from collections.abc import Iterable, Sequence
from typing import Any

from matplotlib.figure import Figure

from jhrun.reporting.drawing import COLOURS, as_bytes, plain
from jhrun.reporting.style import own_style

Record = dict[str, Any]

SHOWN = {"clean": "clean (%)", "0.1": "PGD-20, ε = 0.1", "0.2": "PGD-20, ε = 0.2"}
CLEAN = 95.0
"""Validation accuracy, in percent, that the headline asks for."""
MARKERS = "osD^vP*X"


def report(records: Sequence[Record]) -> str:
    """Both tables, in Markdown.

    Args:
        records: of the runs.

    Returns:
        The headline, then the whole trade-off.
    """
    if not records:
        return "no finished run of these settings"
    head = "| matrix | method | w | " + " | ".join(SHOWN.values()) + " | steps |"
    rule = "| --- " * (head.count("|") - 1) + "|"
    headline, whole = [head, rule], [head, rule]
    for (matrix, method), group in _grouped(records, "matrix", "method"):
        picked, short = zip(*(choose(runs) for _, runs in _grouped(group, "seed")), strict=True)
        weights = ", ".join(f"{run['weight']:g}" for run in picked) if matrix else ""
        headline.append(_row(matrix, f"{method}{' †' if any(short) else ''}", weights, picked))
        whole += [
            _row(matrix, method, f"{w:g}" if matrix else "", runs) for (w,), runs in _grouped(group, "weight")
        ]
    seconds, counted = records[0]["seconds"], len({record["seed"] for record in records})
    caption = (
        f"Test images, mean (standard deviation) over {counted} seed(s), {seconds:g} s of training each; w chosen "
        f"in each seed on validation images: the most robust at ε = 0.1 of those at least {CLEAN:g} % right. "
        "†: in some seed none is, and the one of highest clean accuracy was taken. The Hessian has no row for "
        "`exact`, which refuses to form its 784×784 matrices."
    )
    return "\n".join([caption, "", *headline, "", "The whole trade-off:", "", *whole, *_failures(records)])


def choose(runs: Sequence[Record]) -> tuple[Record, bool]:
    """The run of one seed that the headline shows, by validation images alone.

    Args:
        runs: one for each weight.

    Returns:
        The run, and whether none has the clean accuracy that is asked for.
    """
    good = [run for run in runs if run["validation"]["clean"] >= CLEAN]
    if good:
        return max(good, key=lambda run: run["validation"]["0.1"]), False
    return max(runs, key=lambda run: run["validation"]["clean"]), True


def spread(values: Sequence[float]) -> str:
    """Mean and, of more than one, the sample's standard deviation."""
    deviation = f" ({statistics.stdev(values):.1f})" if len(values) > 1 else ""
    return f"{statistics.mean(values):.1f}{deviation}"


@own_style()
def picture(records: Sequence[Record], kind: str) -> bytes:
    """Clean against robust accuracy, a panel for each matrix, a line for each method.

    Args:
        records: of the runs.
        kind: ``svg`` or ``png``.

    Returns:
        The file.
    """
    matrices = list(dict.fromkeys(record["matrix"] for record in records if record["matrix"]))
    figure = Figure(figsize=(4.2 * max(1, len(matrices)), 4.6), layout="constrained")
    names = list(dict.fromkeys(record["method"] for record in records))
    # ordinary training in black, the palette's last
    looks = dict(zip(names, zip([COLOURS[-1], *COLOURS[:-1], "#7F7F7F"], MARKERS, strict=True), strict=False))
    for place, matrix in enumerate(matrices):
        axes = figure.add_subplot(1, len(matrices), place + 1)
        for (method,), group in _grouped([r for r in records if r["matrix"] in {matrix, None}], "method"):
            points = [
                [statistics.mean(run["test_part"][what] for run in runs) for what in ("clean", "0.1")]
                for _, runs in _grouped(group, "weight")
            ]
            colour, marker = looks[method]
            axes.plot(*zip(*points, strict=True), color=colour, marker=marker, label=method, alpha=0.85)
        axes.axvline(CLEAN, color="#BBBBBB", linestyle=":", zorder=0)
        axes.set_title(matrix.capitalize(), fontsize="medium")
        axes.set_xlabel(SHOWN["clean"])
        axes.set_ylabel(f"{SHOWN['0.1']} (%)")
        plain(axes)
    handles = {
        label: h for axes in figure.axes for h, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=4, frameon=False)
    return as_bytes(figure, kind)


def _grouped(records: Iterable[Record], *keys: str) -> list[tuple[tuple[Any, ...], list[Record]]]:
    """Records by some of their entries, in the order in which these come first."""
    groups: dict[tuple[Any, ...], list[Record]] = {}
    for record in records:
        groups.setdefault(tuple(record[key] for key in keys), []).append(record)
    return list(groups.items())


def _row(matrix: str | None, method: str, weights: str, runs: Sequence[Record]) -> str:
    figures = [spread([run["test_part"][what] for run in runs]) for what in SHOWN]
    steps = f"{statistics.mean(run['steps'] for run in runs):.0f}"
    return f"| {' | '.join([matrix or '', method, weights, *figures, steps])} |"


def _failures(records: Sequence[Record]) -> list[str]:
    failed = [r for r in records if "failed" in r]
    named = "; ".join(f"{r['matrix']} {r['method']}, w = {r['weight']:g}, seed {r['seed']}" for r in failed)
    return ["", f"Not finite, and counted as right nowhere: {named}."] if failed else []

"""Jacobians and Hessians of every example, by what became of it."""

import time
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from jhrun.evaluation.analyses.analysis import Analysis, Result
from jhrun.evaluation.curvature import MOST_STEPS, TOLERANCE, Curvature, curvature
from jhrun.evaluation.evaluate import OUTCOMES
from jhrun.evaluation.subject import Subject
from jhrun.records import CurvatureRecord, Figure, Panel, Section, Spread, Table
from jhrun.records.words import class_name, sample

TIMED = 4
"""Examples that are measured to see how long all take."""

UNITS = {
    "position": "place among the examples that were attacked",
    "sigma_max": "logits per pixel unit",
    "lambda_top": "loss per squared pixel unit",
    "residual": "relative to |lambda_top|",
    "margin": "logits",
    "first_order_radius": "pixel units, l2; not a certificate",
    "share": "relative to the true value",
}

QUANTITIES = {
    "sigma_max": "σ_max(J)",
    "lambda_modulus": "|λ| of H",
    "margin": "margin",
    "first_order_radius": "uncertified radius",
}


class CurvatureAnalysis(Analysis):
    """σ_max(J), the Hessian's leading eigenvalue λ, margin and first-order radius of every example."""

    title = "curvature"

    def __call__(self, subject: Subject) -> Result:
        """Measure every example that was attacked."""
        found = curvature(
            subject.model,
            subject.objective(),
            subject.part,
            estimator=subject.estimator(),
            seed=subject.seed,
            progress=lambda done, among: subject.progress(done / among),
        )
        outcomes = subject.evaluation.outcomes
        figures = record(found, outcomes)
        columns = _columns(found, outcomes, subject)
        section = _section(figures, columns, subject)
        return Result(figures, (section,), {"reached": found.eigenvalue.reached.numpy()})

    def seconds(self, subject: Subject) -> float:
        """A few examples' time, the second time, for all: a bound, for more at once take less each."""
        few = subject.part[: min(TIMED, len(subject.part))]
        times = []
        for _ in range(2):
            begun = time.perf_counter()
            curvature(subject.model, subject.objective(), few, estimator=subject.estimator(), seed=subject.seed)
            times.append(time.perf_counter() - begun)
        return min(times) * len(subject.part) / len(few)


def record(found: Curvature, outcomes: torch.Tensor) -> CurvatureRecord:
    """The figures of a measurement.

    Args:
        found: per example.
        outcomes: of the same examples, places in ``OUTCOMES``.

    Returns:
        Their spreads, over all and by outcome.
    """
    values = {
        "sigma_max": found.sigma_max,
        "lambda_modulus": found.eigenvalue.value.abs(),
        "margin": found.margin,
        "first_order_radius": found.radius,
    }
    members = {"all": torch.ones_like(outcomes, dtype=torch.bool)}
    members |= {name: outcomes == i for i, name in enumerate(OUTCOMES) if bool((outcomes == i).any())}
    share = None if found.share is None else found.share[found.share.isfinite()]
    return CurvatureRecord(
        n=len(outcomes),
        tolerance=TOLERANCE,
        most_steps=MOST_STEPS,
        missed=int((~found.eigenvalue.reached).sum()),
        worst_residual=float(found.eigenvalue.residual.max()),
        negative=int((found.eigenvalue.value < 0).sum()),
        groups={
            group: {name: Spread.of(values[name][those]) for name in QUANTITIES}
            for group, those in members.items()
        },
        share_of=found.matrix,
        share=None if share is None or len(share) == 0 else Spread.of(share),
        warnings=found.warnings,
        seconds=found.seconds,
    )


def _columns(found: Curvature, outcomes: torch.Tensor, subject: Subject) -> dict[str, NDArray[Any]]:
    """Example by example."""
    named = [class_name(subject.classes, int(target)) for target in subject.evaluation.targets]
    columns: dict[str, NDArray[Any]] = {
        "position": np.arange(len(outcomes)),
        "class": np.array(named),
        "outcome": np.array([OUTCOMES[int(outcome)] for outcome in outcomes]),
        "sigma_max": found.sigma_max.numpy(),
        "lambda_top": found.eigenvalue.value.numpy(),
        "residual": found.eigenvalue.residual.numpy(),
        "margin": found.margin.numpy(),
        "first_order_radius": found.radius.numpy(),
    }
    return columns if found.share is None else columns | {"share": found.share.numpy()}


def _section(figures: CurvatureRecord, columns: dict[str, NDArray[Any]], subject: Subject) -> Section:
    panels = (
        Panel(
            "histogram", "sigma_max", by="outcome", groups=OUTCOMES, x_label="σ_max(J)\n(logits per pixel unit)"
        ),
        Panel(
            "histogram",
            "lambda_top",
            by="outcome",
            groups=OUTCOMES,
            x_label="leading eigenvalue λ of H\n(loss per squared pixel unit)",
            x_scale="symlog",
        ),
        Panel(
            "histogram",
            "first_order_radius",
            by="outcome",
            groups=OUTCOMES,
            x_label="first-order ℓ2 radius\n(pixel units; no certificate)",
        ),
    )
    text = (
        f"Of {sample(figures.n, subject.whole)}, by outcome: survived every attack, broken by one, or wrong "
        "without one. A black line is a median."
    )
    rows = tuple(
        (name, f"{group['margin'].n:,}", *(_range(group[quantity]) for quantity in QUANTITIES))
        for name, group in figures.groups.items()
    )
    table = Table(("", "n", *QUANTITIES.values()), rows, "Medians, with the 10 % and 90 % quantiles")
    figure = Figure("curvature", "Curvature", text, columns, panels, units=UNITS)
    return Section("Curvature", _penalty(figures), (table,), (figure,), _notes(figures))


def _penalty(figures: CurvatureRecord) -> str:
    """What the run's penalty saw of the true norm."""
    if figures.share is None:
        return (
            "The share of the true norm that the penalty's estimate reaches is not available: the run penalised "
            "neither J nor the loss's Hessian."
        )
    return (
        f"The run's own penalty, with its solver as in the last epoch, estimates {_percent(figures.share.mean)} "
        f"of the true norm of {figures.share_of} in the mean, {_percent(figures.share.p10)} at the 10 % quantile."
    )


def _notes(figures: CurvatureRecord) -> tuple[str, ...]:
    missed = (
        f"all reached a relative residual of {figures.tolerance:g}"
        if figures.missed == 0
        else f"{figures.missed} missed the relative residual of {figures.tolerance:g} within "
        f"{figures.most_steps} Lanczos steps, so that their |λ| is a lower bound alone"
    )
    return (
        f"σ_max(J) is exact. Of the Hessian's eigenvalues of largest modulus, {figures.negative} are negative, "
        f"and {missed}.",
        "The first-order radius, margin/(√2·σ_max(J)), is how far the network would keep its answer if it were "
        "linear. It is no certificate.",
        *(f"Warning: {warning}." for warning in figures.warnings),
    )


def _range(spread: Spread) -> str:
    low, middle, high = (
        "∞" if value is None else f"{value:.3g}".replace("-", "−")
        for value in (spread.p10, spread.median, spread.p90)
    )
    return f"{middle} ({low} to {high})"


def _percent(share: float | None) -> str:
    return "an unknown share" if share is None else f"{100 * share:.0f} %"

"""Accuracy against ε: what is drawn where, and the same as columns."""

from itertools import pairwise

import pytest

from jhrun.records import CurveRecord, Proportion
from jhrun.reporting import curve

EPSILONS = (0.0, 1 / 255, 2 / 255, 8 / 255, 64 / 255, 1.0)


def report(*, norm="inf", radii=(0.1, 0.1)):
    points = tuple((e, Proportion.of(round(90 * (1 - e)), 100)) for e in EPSILONS)
    attacks = {f"attack{i}": {"norm": "inf", "epsilon": r} for i, r in enumerate(radii)}
    worst = {"accuracy": 0.4, "n": 50, "ci95": (0.28, 0.54)}
    record = CurveRecord("PGD", norm, {"steps": 20}, 1000, points).flat()
    figures = {"curve": record, "attacks": attacks, "worst_case": worst, "worst_case_norm": "inf"}
    return {**figures, "total": 1000, "joined": ["one"]}


def test_the_worst_case_lies_at_its_attacks_radius():
    assert curve.worst_radius(report()) == 0.1
    assert curve.worst_radius(report(radii=(0.1, 0.2))) is None
    assert curve.worst_radius(report(norm="2")) is None
    data = curve.curve_data(report())
    assert data["attack"] == ["PGD"] * 6 + ["worst case"]
    assert data["epsilon"] == [*EPSILONS, 0.1]
    assert data["n"] == [100] * 6 + [50]
    assert (data["ci95_low"][-1], data["ci95_high"][-1]) == (0.28, 0.54)
    assert len(curve.curve_data(report(norm="2"))["epsilon"]) == 6


@pytest.mark.parametrize("norm", ["inf", "2"])
def test_small_radii_and_1_can_both_be_told_from_0(norm):
    figure = curve.accuracy_curve(report(norm=norm), 4)
    figure.draw_without_rendering()
    (axes,) = figure.axes
    places = [axes.transData.transform((e, 0))[0] for e in EPSILONS]
    width = axes.get_window_extent().width
    assert places[1] - places[0] > 0.04 * width
    assert axes.get_xlim()[1] > 1
    boxes = [label.get_window_extent() for label in axes.get_xticklabels()]
    assert len(boxes) >= 4
    ordered = sorted(boxes, key=lambda b: b.x0)
    assert all(left.x1 < right.x0 for left, right in pairwise(ordered))
    assert any("1 of 4" in text.get_text() for legend in figure.legends for text in legend.get_texts())

"""Robust accuracy against ε, against a closed form."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from jhrun.attacks import FGSM, PGD
from jhrun.data import Part
from jhrun.evaluation.analyses.curve import CURVE_EXAMPLES, EPSILONS, CurveAnalysis, radii, robust_curve
from jhrun.evaluation.evaluate import evaluate
from jhrun.evaluation.subject import Subject
from jhrun.jsonio import as_plain


class Threshold(nn.Module):
    """Class 1 where the mean pixel is above ½: an attack of radius ε moves the mean by at most ε."""

    def forward(self, x):
        z = x.mean(dim=(1, 2, 3)) - 0.5
        return torch.stack([-z, z], dim=1)


def part(n):
    levels = torch.arange(n) % 256
    return Part(
        levels.to(torch.uint8)[:, None, None, None].expand(-1, 1, 2, 2).contiguous(), (levels > 127).long()
    )


def test_each_point_is_the_share_beyond_its_radius():
    epsilons = (1.0, 0.11, 0.0, 0.3)
    made = robust_curve(Threshold(), part(256), epsilons, total=1000, seed=0)
    level = torch.arange(256).double() / 255
    assert [point.epsilon for point in made.points] == sorted(epsilons)
    for point in made.points:
        assert point.robust.accuracy == ((level - 0.5).abs() > point.epsilon).double().mean()
        assert point.robust.n == 256
    assert (made.total, made.norm, made.parameters["steps"]) == (1000, "inf", 20)


def test_many_examples_are_drawn_from_and_the_same_for_every_radius():
    large = part(5 * 256)
    made = robust_curve(Threshold(), large, [0.2], total=len(large), seed=0)
    again = robust_curve(Threshold(), large, [0.2], total=len(large), seed=0)
    assert made == again
    assert [point.epsilon for point in made.points] == [0.0, 0.2]
    assert {point.robust.n for point in made.points} == {CURVE_EXAMPLES}
    expected = ((torch.arange(256).double() / 255 - 0.5).abs() > 0.2).double().mean()
    assert made.points[1].robust.ci95[0] < expected < made.points[1].robust.ci95[1]


def test_the_standard_radii_begin_at_0_and_end_at_1():
    assert EPSILONS[0] == 0
    assert EPSILONS[-1] == 1
    assert list(EPSILONS) == sorted(set(EPSILONS))


def test_radii_that_cannot_be_are_refused():
    with pytest.raises(ValueError, match="epsilon=-1"):
        robust_curve(Threshold(), part(10), [-1.0], total=10, seed=0)


def test_radii_that_are_almost_the_same_are_two_points():
    made = robust_curve(Threshold(), part(10), [0.1, 0.1000001], total=10, seed=0)
    assert [point.epsilon for point in made.points] == [0.0, 0.1, 0.1000001]


def subject(n=40, epsilon=0.1, norm_attacks=True):
    examples = part(n)
    attacks = {"fgsm": FGSM(epsilon)} if norm_attacks else {}
    evaluation = evaluate(Threshold(), examples, attacks, seed=0)
    told = []
    return Subject(
        Threshold(), examples, evaluation, attacks, 0, {}, ("dark", "light"), 256, epsilon, progress=told.append
    ), told


def test_the_section_has_the_curve_and_the_worst_case_at_its_radius():
    one, told = subject()
    record, (section,), _ = CurveAnalysis()(one)
    (figure,) = section.figures
    figure.examine()
    assert record.total == 256
    assert figure.columns["attack"].tolist() == ["PGD-20"] * len(record.points) + ["worst case"]
    assert figure.columns["epsilon"][-1] == 0.1
    assert figure.columns["accuracy"][-1] == one.evaluation.worst_case.accuracy
    assert [mark.value for mark in figure.panels[0].marks] == [1 / 2, pytest.approx(25.5)]
    assert told[-1] == 1
    assert told == sorted(told)


def test_a_worst_case_of_another_radius_is_not_on_the_curve():
    one, _ = subject()
    _, (section,), _ = CurveAnalysis()(replace(one, epsilon=0.2))
    assert "worst case" not in section.figures[0].columns["attack"]
    assert len(section.figures[0].panels[0].marks) == 1


def test_its_time_is_that_of_all_its_searches():
    one, _ = subject()
    passes = sum(PGD(e, 20, 0.1).passes(2) for e in radii(one.epsilon) if e > 0)
    assert 0 < CurveAnalysis().seconds(one) < passes * 40


def test_a_record_is_read_as_its_kind_also_from_an_earlier_call():
    one, _ = subject()
    record, *_ = CurveAnalysis()(one)
    assert one.curve is None
    for known in (record, as_plain(record)):
        assert replace(one, records={"curve": known}).curve == record
    with pytest.raises(ValueError, match="the record of analysis curve is no CurveRecord"):
        _ = replace(one, records={"curve": {"points": 1}}).curve

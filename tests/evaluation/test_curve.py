"""Robust accuracy against ε, against a closed form."""

import pytest
import torch
from torch import nn

from jhrun.data import Part
from jhrun.evaluation.curve import CURVE_EXAMPLES, EPSILONS, robust_curve


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
    assert [epsilon for epsilon, _ in made.points] == sorted(epsilons)
    for epsilon, share in made.points:
        assert share.accuracy == ((level - 0.5).abs() > epsilon).double().mean()
        assert share.n == 256
    assert (made.total, made.norm, made.parameters["steps"]) == (1000, "inf", 20)


def test_many_examples_are_drawn_from_and_the_same_for_every_radius():
    large = part(5 * 256)
    made = robust_curve(Threshold(), large, [0.2], total=len(large), seed=0)
    again = robust_curve(Threshold(), large, [0.2], total=len(large), seed=0)
    assert made == again
    assert [epsilon for epsilon, _ in made.points] == [0.0, 0.2]
    assert {share.n for _, share in made.points} == {CURVE_EXAMPLES}
    expected = ((torch.arange(256).double() / 255 - 0.5).abs() > 0.2).double().mean()
    assert made.points[1][1].ci95[0] < expected < made.points[1][1].ci95[1]


def test_the_standard_radii_begin_at_0_and_end_at_1():
    assert EPSILONS[0] == 0
    assert EPSILONS[-1] == 1
    assert list(EPSILONS) == sorted(set(EPSILONS))


def test_radii_that_cannot_be_are_refused():
    with pytest.raises(ValueError, match="epsilon=-1"):
        robust_curve(Threshold(), part(10), [-1.0], total=10, seed=0)


def test_radii_that_are_almost_the_same_are_two_points():
    made = robust_curve(Threshold(), part(10), [0.1, 0.1000001], total=10, seed=0)
    assert [epsilon for epsilon, _ in made.points] == [0.0, 0.1, 0.1000001]

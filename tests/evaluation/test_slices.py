"""Losses along lines, against a closed form."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from jhrun.attacks import FGSM
from jhrun.data import Part
from jhrun.evaluation.analyses.slices import POINTS, SlicesAnalysis, slices
from jhrun.evaluation.evaluate import evaluate
from jhrun.evaluation.subject import Subject
from jhrun.objectives import CrossEntropy

W = torch.tensor([0.5, -1.0, 2.0, 0.0])


def classifier():
    layer = nn.Linear(4, 2, bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.stack([-W, W]))
    return nn.Sequential(nn.Flatten(), layer)


@pytest.fixture
def part():
    pixels = torch.randint(0, 256, (6, 1, 2, 2), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    return Part(pixels, torch.arange(6) % 2)


def test_along_the_gradient_a_linear_classifier_s_loss_is_known(part):
    """ℓ = softplus(−m), m = ±2wᵀx; the sign of the gradient lowers m by 2‖w‖₁ a unit, outside of [0, 1] too."""
    position = torch.tensor([1, 4])
    found = slices(classifier(), CrossEntropy(), part, position, 0.5, seed=0)
    x = next(part.batches(6)).inputs.double().flatten(1)[position]
    sign = 2 * part.targets[position].double() - 1
    margin = 2 * sign * (x @ W.double())
    assert torch.equal(found.position, position)
    assert len(found.t) == POINTS == 41
    assert (found.t[0], found.t[20], found.t[-1]) == (-1.0, 0.0, 1.0)
    expected = F.softplus(-(margin[:, None] - 2 * W.abs().sum().double() * found.t))
    assert torch.allclose(found.gradient, expected, rtol=1e-12)
    # all 16 sign patterns are known: the random line is one of them
    patterns = torch.cartesian_prod(*[torch.tensor([-1.0, 1.0], dtype=torch.float64)] * 4)
    slopes = 2 * sign[:, None] * (patterns @ W.double())
    candidates = F.softplus(-(margin[:, None, None] + slopes[:, :, None] * found.t))
    distance = (candidates - found.random[:, None]).abs().amax(2).amin(1)
    assert (distance < 1e-12).all()


def test_both_lines_pass_through_the_example(part):
    found = slices(classifier(), CrossEntropy(), part, torch.arange(6), 0.1, seed=3)
    assert torch.equal(found.gradient[:, 20], found.random[:, 20])


def test_a_seed_gives_the_same_random_lines_again_and_another_one_others(part):
    one, same, other = (
        slices(classifier(), CrossEntropy(), part, torch.arange(6), 0.1, seed=seed) for seed in (0, 0, 1)
    )
    assert torch.equal(one.random, same.random)
    assert not torch.equal(one.random, other.random)
    assert torch.equal(one.gradient, other.gradient)


def test_a_masked_gradient_leaves_the_line_along_it_flat(part):
    class Stopped(nn.Module):
        def forward(self, x):
            return F.linear((x * 8).round().flatten(1) / 8, torch.stack([-W, W]).to(x))

    found = slices(Stopped(), CrossEntropy(), part, torch.arange(6), 0.2, seed=0)
    assert (found.gradient == found.gradient[:, :1]).all()
    steps = found.random.diff(dim=1)
    assert (steps == 0).any()
    assert (steps != 0).any()


def test_lines_of_no_length_are_refused(part):
    with pytest.raises(ValueError, match="epsilon"):
        slices(classifier(), CrossEntropy(), part, torch.arange(2), 0.0, seed=0)


@pytest.mark.parametrize("epsilon", [0.0, 0.1])
def test_the_section_has_a_panel_for_each_example(part, epsilon):
    attacks = {"fgsm": FGSM(0.1)}
    evaluation = evaluate(classifier(), part, attacks, seed=0)
    subject = Subject(classifier(), part, evaluation, attacks, 0, {}, ("a", "b"), epsilon=epsilon)
    _, (section,), _ = SlicesAnalysis()(subject)
    if epsilon == 0:
        assert "ε = 0" in section.text
        assert section.figures == ()
        return
    (figure,) = section.figures
    figure.examine()
    assert len(figure.panels) == len(evaluation.shown)
    assert len(figure.columns["t"]) == POINTS * len(evaluation.shown)
    first = figure.columns["position"] == int(evaluation.shown[0])
    found = slices(classifier(), CrossEntropy(), part, evaluation.shown, epsilon, seed=0)
    assert figure.columns["gradient"][first].tolist() == found.gradient[0].tolist()

"""Attacks on linear classifiers far from the box, whose minimal perturbations are known in closed form.

A point x of class y is |z_y − z_j| / ‖w_y − w_j‖_q away from class j: q = 1 for ℓ∞, q = 2 for ℓ2.
"""

import pytest
import torch
from torch import nn

from jhrun.attacks import (
    APGD,
    CW,
    FAB,
    FGSM,
    PGD,
    PGDL2,
    SPSA,
    APGDTargeted,
    AutoAttack,
    DeepFool,
    GaussianNoise,
    Square,
    UniformNoise,
)
from jhrun.attacks.watched import Watched

SIDE, PIXELS = 4, 16


class Scale(nn.Module):
    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def forward(self, z):
        return self.factor * z


def problem(classes, weight=None, n=300, scale=1.0, dtype=torch.float32):
    """Network, inputs within 0.05 of grey, and their classes; the borders meet at grey."""
    random = torch.Generator().manual_seed(1)
    weight = torch.randn(classes, PIXELS, generator=random) if weight is None else weight
    layer = nn.Linear(PIXELS, classes)
    layer.weight.data, layer.bias.data = weight, -weight.sum(1) / 2
    model = nn.Sequential(nn.Flatten(), layer, Scale(scale)).to(dtype)
    x = (0.45 + 0.1 * torch.rand(n, 1, SIDE, SIDE, generator=random)).to(dtype)
    return model, x, model(x).argmax(1)


def distances(model, x, y, norm):
    weight, z = model[1].weight.double(), model[:2](x).double()
    q = {"inf": 1, "2": 2}[norm]
    away = (z.gather(1, y[:, None]) - z) / (weight[y][:, None] - weight).norm(p=q, dim=2)
    return away.scatter(1, y[:, None], torch.inf).amin(1).detach()


def hadamard(rows):
    """Rows of ±1 of which each two differ in half of the places: all borders are as steep."""
    h = torch.ones(1, 1)
    while len(h) < PIXELS:
        h = torch.cat([torch.cat([h, h], 1), torch.cat([h, -h], 1)])
    return h[:rows]


def errs(attack, classes, tolerance, share=0.5, **settings):
    """An attack's robust accuracy against the true one, at the radius within which so many are broken.

    The median is the default, for it says most. The box must not help: no pixel of a ball's point meets it.
    """
    model, x, y = problem(classes, **settings)
    true = distances(model, x, y, attack(1.0).norm)
    epsilon = true.quantile(share).item() * 1.0001
    assert epsilon < 0.45
    worst = attack(epsilon)(model, x, y, seed=0).worst
    found = (model(worst).argmax(1) == y).double().mean()
    beyond = (true > epsilon).double().mean()
    assert -0.005 <= found - beyond <= tolerance
    assert abs(beyond - (1 - share)) < 0.05


def with_settings(attack, **settings):
    made = lambda epsilon: attack(epsilon, **settings)  # noqa: E731 - a name for the test's report
    made.__name__ = attack.__name__
    return made


name_of = lambda value: getattr(value, "__name__", str(value))  # noqa: E731


PGD100 = with_settings(PGD, steps=100, relative_step=0.025, restarts=10)
AA = with_settings(AutoAttack, queries=300)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    "attack", [FGSM, PGD, PGD100, APGD, APGDTargeted, FAB, AA, PGDL2, CW, DeepFool], ids=name_of
)
def test_two_classes_within_one_percent_of_the_true_robust_accuracy(attack, dtype):
    # DeepFool's points lie 2 % beyond the border: within that of the radius there are as many again
    errs(attack, 2, 0.02 if attack is DeepFool else 0.01, dtype=dtype)


@pytest.mark.parametrize("share", [0.05, 0.25, 0.75, 0.95])
@pytest.mark.parametrize("attack", [FGSM, PGD, APGD, APGDTargeted, FAB], ids=name_of)
def test_two_classes_at_small_and_large_radii(attack, share):
    errs(attack, 2, 0.01, share=share)


@pytest.mark.parametrize("classes", [3, 4, 10])
@pytest.mark.parametrize(
    "attack",
    [
        with_settings(APGDTargeted, restarts=2),
        FAB,
        with_settings(FAB, targets=9),
        with_settings(FAB, nearest=4),
        CW,
        AA,
    ],
    ids=name_of,
)
def test_more_classes_within_one_percent_of_the_true_robust_accuracy(attack, classes):
    errs(attack, classes, 0.01)


@pytest.mark.parametrize("attack", [FGSM, PGD, APGD], ids=name_of)
def test_the_cross_entropy_leads_to_the_nearest_border_where_all_are_as_steep(attack):
    """Logits as large as these put the cross-entropy's gradient on the largest wrong one, which is the nearest."""
    errs(attack, 5, 0.01, weight=hadamard(6)[1:], scale=30)


@pytest.mark.parametrize(("classes", "scale"), [(2, 1e-6), (3, 1e4), (6, 1e-6), (6, 1e4)])
@pytest.mark.parametrize(
    "attack",
    [
        with_settings(APGDTargeted, restarts=2),
        FAB,
        with_settings(Square, queries=600),
        CW,
        with_settings(SPSA, samples=256),
    ],
    ids=name_of,
)
def test_the_scale_of_the_logits_does_not_matter(attack, classes, scale):
    errs(attack, classes, 0.03, scale=scale)


def test_the_cross_entropy_does_not_see_through_a_saturated_softmax():
    """Why there is a difference of logits ratio: this accuracy is false, and the one above is not."""
    model, x, y = problem(2, scale=1e5)
    epsilon = distances(model, x, y, "inf").max().item() * 1.01
    assert (model(PGD(epsilon)(model, x, y, seed=0).worst).argmax(1) == y).any()
    assert not (model(APGDTargeted(epsilon)(model, x, y, seed=0).worst).argmax(1) == y).any()


@pytest.mark.parametrize("classes", [2, 3, 4, 10])
@pytest.mark.parametrize("attack", [CW, DeepFool, FAB, with_settings(FAB, nearest=4)], ids=name_of)
def test_minimum_norm_attacks_find_points_within_a_quarter_of_the_true_distance(attack, classes):
    model, x, y = problem(classes)
    searching = attack(0.4 if attack(1.0).norm == "inf" else 1.0)
    last = searching(model, x, y, seed=0).last
    assert 0 < last.min() <= last.max() < 1  # the box is far away
    ratio = searching.distance(last, x) / distances(model, x, y, searching.norm)
    assert (model(last).argmax(1) != y).all()
    assert ratio.min() > 0.99
    assert ratio.max() < 1.25


@pytest.mark.parametrize("attack", [CW, DeepFool, FAB], ids=name_of)
def test_minimum_norm_attacks_succeed_in_the_ball_alone(attack):
    """DeepFool overshoots by 2 %, the others by less."""
    model, x, y = problem(4)
    true = distances(model, x, y, attack(1).norm)
    epsilon = true.median().item()
    searching = attack(epsilon)
    last, worst = searching(model, x, y, seed=0)
    moved = (last != x).flatten(1).any(1)
    right = model(last).argmax(1) == y
    assert torch.equal(moved, ~right)
    assert (searching.distance(last, x)[moved] <= epsilon * (1 + 1e-5)).all()
    assert right[true > epsilon].all()
    assert not right[true < epsilon / 1.03].any()
    assert torch.equal(model(worst).argmax(1) == y, right)


def test_square_finds_the_optimum_within_its_budget():
    """All but the first 2 % of the queries change one pixel, to the better end with probability 1/2·16, for good.

    The chance that a pixel is still at the wrong end after M of them is (31/32)^M: with 490 it is below 2·10⁻⁷.
    """
    errs(with_settings(Square, queries=500), 2, 0.01)
    model, x, y = problem(2)
    epsilon = distances(model, x, y, "inf").max().item() * 1.001
    few, many = (Square(epsilon, queries=q)(model, x, y, seed=0).worst for q in (20, 500))
    assert (model(few).argmax(1) == y).any()
    assert not (model(many).argmax(1) == y).any()


@pytest.mark.parametrize("shape", [(2, 8), (8, 2), (1, 16)])
def test_square_reaches_every_pixel_of_an_oblong_image(shape):
    model, x, y = problem(2)
    epsilon = distances(model, x, y, "inf").max().item() * 1.001
    oblong = x.view(-1, 1, *shape)
    worst = Square(epsilon, queries=1500)(model, oblong, y, seed=0).worst
    assert not (model(worst).argmax(1) == y).any()


def test_spsa_finds_the_optimum_within_its_budget():
    """Of a margin with slopes ±1, each slope's estimate by K signs is off by ∼N(0, 15/K).

    With K = 256 its sign is wrong with probability Φ(−4.1) = 2·10⁻⁵, and 10 steps of ε/5 cross the ball.
    """
    errs(with_settings(SPSA, steps=10, samples=256), 2, 0.01, weight=hadamard(2) - 2 * hadamard(2)[:1])


def test_noise_moves_a_margin_by_its_deviation_alone():
    """Of Σ wᵢuᵢ with u uniform in [−ε, ε] the deviation is ε‖w‖₂/√3; ten draws do not reach four of them."""
    model, x, y = problem(2)
    slope = model[1].weight[0] - model[1].weight[1]
    z = model(x)
    margin = (z[:, 0] - z[:, 1]).abs()
    for attack, deviation in ((UniformNoise, slope.norm() / 3**0.5), (GaussianNoise, slope.norm() / PIXELS**0.5)):
        epsilon = (margin.median() / deviation / 1.5).item()
        right = model(attack(epsilon)(model, x, y, seed=0).worst).argmax(1) == y
        assert right[margin > 4 * epsilon * deviation].all()
        assert not right[margin < 0.2 * epsilon * deviation].any()


def test_the_worst_point_of_a_row_is_kept_with_its_row():
    model, x, y = problem(3, n=6)
    watched = Watched(model, x, y, lambda points, _: points)
    watched(x)
    rows = torch.tensor([4, 1])
    nearer = x[(y[:, None] != y).float().argmax(1)]
    with watched.only(rows):
        assert watched.survivors(nearer[rows]).numel() == 0
    assert torch.equal(watched.worst[rows], nearer[rows])
    rest = torch.tensor([0, 2, 3, 5])
    assert torch.equal(watched.worst[rest], x[rest])
    assert watched.rows.tolist() == list(range(6))


def test_a_point_outside_the_ball_does_not_count():
    """It would be confined, to where the network may be right, and hide the worst point that is inside."""
    model, x, y = problem(3, n=6)
    watched = Watched(model, x, y, FGSM(0.001).confine)
    watched(x)
    away = x[(y[:, None] != y).float().argmax(1)]
    assert (model(away).argmax(1) != y).all()
    watched(away)
    assert torch.equal(watched.worst, x)
    assert not watched.wrong.any()

"""Balls in the box [0, 1]: projections against slow twins and against their definition."""

import pytest
import torch

from jhrun.attacks.balls import SHARE, Ball

NORMS = ["inf", "2", "1"]
each_norm = pytest.mark.parametrize("norm", NORMS)
D = 40
RADII = {"inf": 0.2, "2": 0.9, "1": 3.0}
# a sum of 2D terms, of at most 2 each, is wrong by at most 2D·2D·2·2⁻⁵³
ROUNDING = (2 * D) ** 2 * 2.0**-52


def problem(n, d=D, seed=0, dtype=torch.float64):
    """Origins of which a third of the pixels is black and a third white, and points far and near."""
    random = torch.Generator().manual_seed(seed)
    origin = torch.rand(n, d, generator=random, dtype=torch.float64)
    origin = (3 * origin - 1).clamp(0, 1)
    reach = 10 ** (2 * torch.rand(n, 1, generator=random, dtype=torch.float64) - 1.5)
    points = origin + reach * torch.randn(n, d, generator=random, dtype=torch.float64)
    return points.to(dtype), origin.to(dtype)


def length(change, norm):
    return torch.linalg.vector_norm(change.double().flatten(1), ord=float(norm), dim=1)


def bisected(point, x, norm, epsilon):
    """One example's projection, by 200 halvings of the one number that it depends on."""
    change = point - x
    room = torch.where(change > 0, 1 - x, x)
    if norm == "inf":
        return x + change.sign() * change.abs().clamp(max=epsilon).minimum(room)

    def moved(number):
        size = number * change.abs() if norm == "2" else (change.abs() - number).clamp(min=0)
        return change.sign() * size.minimum(room)

    # from too long to short enough
    long, short = (1.0, 0.0) if norm == "2" else (0.0, float(change.abs().max()))
    if length(moved(long)[None], norm) <= epsilon:
        return x + moved(long)
    for _ in range(200):
        middle = (long + short) / 2
        if length(moved(middle)[None], norm) > epsilon:
            long = middle
        else:
            short = middle
    return x + moved(short)


@each_norm
def test_a_projection_agrees_with_bisection(norm):
    points, x = problem(60)
    found = Ball(norm, RADII[norm]).project(points, x)
    twin = torch.stack([bisected(*pair, norm, RADII[norm]) for pair in zip(points, x, strict=True)])
    assert (found - twin).abs().max() <= ROUNDING
    # some examples were in the ball, some met it, and of these some met the box too
    out = length(points.clamp(0, 1) - x, norm) > RADII[norm]
    assert 5 < out.sum() < 55
    assert ((found == 0) | (found == 1))[out].any()


@each_norm
def test_no_other_point_of_ball_and_box_is_nearer(norm):
    """z is the nearest one if and only if (p − z)·(w − z) ≤ 0 for all w there."""
    points, x = problem(40)
    found = Ball(norm, RADII[norm]).project(points, x)
    random = torch.Generator().manual_seed(1)
    change = torch.randn(500, 40, D, generator=random, dtype=torch.float64)
    # sparse ones too, which reach the corners of the ℓ1 ball
    change *= torch.rand(500, 1, D, generator=random) < torch.rand(500, 1, 1, generator=random)
    change *= RADII[norm] / length(change.view(-1, D), norm).clamp(min=1e-9).view(500, 40, 1)
    others = (x + change).clamp(0, 1)
    assert ((points - found) * (others - found)).sum(2).max() <= ROUNDING * 100


@pytest.mark.parametrize(
    ("epsilon", "expected"), [(1.0, [0.4, 0.1, -0.5, 0.0]), (0.5, [0.1, 0.1, -0.3, 0.0]), (0.0, [0.0] * 4)]
)
def test_an_l1_projection_by_hand(epsilon, expected):
    x = torch.tensor([[0.2, 0.9, 0.5, 0.0]], dtype=torch.float64)
    step = torch.tensor([[0.5, 0.6, -0.7, -0.3]], dtype=torch.float64)
    found = Ball("1", epsilon).project(x + step, x) - x
    assert torch.allclose(found, torch.tensor([expected], dtype=torch.float64), rtol=0, atol=1e-15)


def test_an_l2_projection_by_hand():
    """Of a change (.5, .3, −.4) the first is stopped at .1: s·(.3, −.4) has the rest of ε² = .05, s = .4."""
    x = torch.tensor([[0.9, 0.5, 0.5]], dtype=torch.float64)
    step = torch.tensor([[0.5, 0.3, -0.4]], dtype=torch.float64)
    found = Ball("2", 0.05**0.5).project(x + step, x) - x
    assert torch.allclose(found, torch.tensor([[0.1, 0.12, -0.16]], dtype=torch.float64), rtol=0, atol=1e-15)


@each_norm
def test_a_radius_of_zero_leaves_the_origin_bit_for_bit(norm):
    points, x = problem(5, dtype=torch.float32)
    assert torch.equal(Ball(norm, 0).project(points, x), x)
    assert torch.equal(Ball(norm, 0).start(x, torch.Generator()), x)


@each_norm
def test_a_point_of_ball_and_box_stays_bit_for_bit(norm):
    points, x = problem(30, dtype=torch.float32)
    inside = points.clamp(0, 1)
    inside = torch.where(length(inside - x, norm)[:, None] <= RADII[norm], inside, x)
    assert (inside != x).any()
    assert torch.equal(Ball(norm, RADII[norm]).project(inside, x), inside)


@each_norm
@pytest.mark.parametrize("epsilon", [1e-9, 1e-3, 0.3, 1.0])
@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
def test_in_single_precision_every_result_is_in_ball_and_box(norm, epsilon, scale):
    points, x = problem(20, 784, dtype=torch.float32)
    found = Ball(norm, epsilon).project((x + scale * (points - x)).view(20, 1, 28, 28), x.view(20, 1, 28, 28))
    assert found.shape == (20, 1, 28, 28)
    assert ((found >= 0) & (found <= 1)).all()
    half = 2.0**-25
    more = {"inf": half, "2": 784**0.5 * half, "1": 784 * half}[norm]
    assert (length(found.flatten(1).double() - x.double(), norm) <= epsilon + more).all()


@each_norm
def test_starts_are_uniform_in_the_ball(norm):
    """A ball of half the radius inside has 2⁻ᴰ of the volume, wherever it lies."""
    n, d, epsilon = 20_000, 3, 0.3
    x = torch.full((n, d), 0.5, dtype=torch.float64)
    change = Ball(norm, epsilon).start(x, torch.Generator().manual_seed(0)) - x
    assert (length(change, norm) <= epsilon * (1 + 1e-15)).all()
    deviation = (2**-d * (1 - 2**-d) / n) ** 0.5
    for centre in ([0, 0, 0], [0.5, 0, 0], [0, -0.5, 0], [0.2, -0.1, 0.2], [-0.1, -0.2, -0.2]):
        within = length(change - epsilon * torch.tensor(centre), norm) <= epsilon / 2
        assert abs(within.double().mean() - 2**-d) < 4 * deviation


@each_norm
def test_a_start_is_in_the_box_and_follows_from_its_generator(norm):
    _, x = problem(8, dtype=torch.float32)
    ball = Ball(norm, RADII[norm])
    first, again, other = (ball.start(x, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert ((first >= 0) & (first <= 1)).all()


@each_norm
@pytest.mark.parametrize("scale", [1e-38, 1e-20, 1.0, 1e30])
def test_a_direction_has_length_1_and_climbs_by_the_dual_norm(norm, scale):
    d = int(1 / SHARE)
    gradient = torch.randn(6, d, generator=torch.Generator().manual_seed(0))
    gradient[0] = 0
    step = Ball(norm, 1.0).direction(gradient * scale, torch.full_like(gradient, 0.5)).double()
    assert torch.equal(step[0], torch.zeros(d).double())
    assert torch.allclose(length(step[1:], norm), torch.ones(5).double(), atol=1e-6)
    dual = {"inf": "1", "2": "2", "1": "inf"}[norm]
    assert torch.allclose((step * gradient).sum(1), length(gradient, dual), rtol=1e-5)


def test_an_l1_direction_changes_a_share_of_the_inputs_that_can_move():
    gradient = torch.arange(100.0, 0, -1)[None]
    points = torch.full((1, 100), 0.5)
    points[0, :3] = 1
    step = Ball("1", 1.0).direction(gradient, points)[0]
    # three are stopped by the box, and are held there; five have the length of 1 among them
    assert torch.equal(step, torch.cat([torch.full((8,), 0.2), torch.zeros(92)]))


@pytest.mark.parametrize("wrong", [("3", 0.1), (2, 0.1), ("2", -1.0), ("inf", 8), ("1", float("nan"))])
def test_other_norms_and_radii_are_refused(wrong):
    with pytest.raises(ValueError, match="must be"):
        Ball(*wrong)

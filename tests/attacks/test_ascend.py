"""The inner maximisation of training: what it finds, and all that it leaves alone."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from jhrun.attacks.ascend import NEAR, STARTS, ascend
from jhrun.attacks.balls import Ball

NORMS = ["inf", "2", "1"]
each_norm = pytest.mark.parametrize("norm", NORMS)
D = 16
EPSILON = {"inf": 0.1, "2": 0.3, "1": 0.4}
EPS = torch.finfo(torch.float64).eps


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def linear(n=6):
    """Two classes, d the difference of their weights, and inputs far from the box."""
    model = nn.Linear(D, 2).double()
    model.weight.data = torch.randn(2, D, generator=generator(), dtype=torch.float64)
    model.bias.data.zero_()
    x = 0.45 + 0.1 * torch.rand(n, D, generator=generator(1), dtype=torch.float64)
    return model, x, (model.weight[1] - model.weight[0]).detach()


def entropy(model, y=0):
    return lambda x: F.cross_entropy(model(x), torch.full((len(x),), y), reduction="none")


@each_norm
@pytest.mark.parametrize("start", STARTS)
def test_on_a_linear_classifier_it_reaches_the_dual_norm(norm, start):
    """The largest loss is softplus(d·x + ε‖d‖), with the dual norm.

    In ℓ∞ two steps of ε reach it from anywhere. In ℓ2 each step of ε halves the tangent of the angle to d or more,
    and the loss lacks its square; in ℓ1 it takes ε/D or more from every other input. 30 are plenty.
    """
    model, x, d = linear()
    epsilon, steps = EPSILON[norm], 2 if norm == "inf" else 30
    found = ascend(
        entropy(model), x, Ball(norm, epsilon), steps, epsilon, model=model, generator=generator(), start=start
    )
    dual = torch.linalg.vector_norm(d, ord={"inf": 1, "2": 2, "1": torch.inf}[norm])
    best = F.softplus(x @ d + epsilon * dual)
    assert torch.allclose(entropy(model)(found), best, rtol=0, atol=100 * D * EPS)
    assert (entropy(model)(x) < best - 0.05).all()


@pytest.mark.parametrize("norm", NORMS)
def test_what_the_box_keeps_from_the_best_inputs_goes_to_the_next(norm):
    """The maximum of d·δ in ball and box; in ℓ1, the inputs of the largest |d| are filled one after the other."""
    model, _, d = linear()
    x = (torch.rand(20, D, generator=generator(2), dtype=torch.float64) * 1.4 - 0.2).clamp(0, 1)
    epsilon = {"inf": 0.3, "2": 1.2, "1": 3.0}[norm]
    room = torch.where(d > 0, 1 - x, x)
    if norm == "inf":
        best = room.clamp(max=epsilon)
    elif norm == "1":
        order = d.abs().argsort(descending=True)
        before = room[:, order].cumsum(1) - room[:, order]
        best = torch.empty_like(x)
        best[:, order] = (epsilon - before).clamp(min=0).minimum(room[:, order])
    else:
        short, long = torch.zeros(len(x), 1, dtype=x.dtype), torch.full((len(x), 1), 1e3, dtype=x.dtype)
        for _ in range(200):
            middle = (short + long) / 2
            over = (middle * d.abs()).minimum(room).norm(dim=1, keepdim=True) > epsilon
            short, long = torch.where(over, short, middle), torch.where(over, middle, long)
        best = (short * d.abs()).minimum(room)
    found = ascend(
        lambda x: x @ d, x, Ball(norm, epsilon), 60, epsilon / 2, model=model, generator=generator(), start="zero"
    )
    assert torch.allclose((found - x) @ d, best @ d.abs(), rtol=0, atol=1e-9)


def network():
    """With everything that a forward pass in train mode changes or draws."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = nn.Sequential(
            nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.5), nn.Flatten(), nn.Linear(144, 3)
        )
    x, y = torch.rand(5, 1, 8, 8, generator=generator(3)), torch.tensor([0, 1, 2, 0, 1])
    return model, x, lambda points: F.cross_entropy(model(points), y, reduction="none")


class HaltError(Exception):
    pass


@pytest.mark.parametrize("fails", [False, True])
@each_norm
def test_it_leaves_everything_as_it_was(norm, fails):
    model, x, loss = network()
    loss(x).sum().backward()
    model[1].eval()

    def failing(points):
        model.train()
        values = loss(points)
        if fails:
            raise HaltError
        return values

    modes = [module.training for module in model.modules()]
    tensors = [*model.buffers(), *model.parameters(), *(p.grad for p in model.parameters())]
    values, graph, state = [tensor.clone() for tensor in tensors], x.requires_grad_(), torch.get_rng_state()
    asks = [p.requires_grad for p in model.parameters()]
    try:
        found = ascend(failing, x, Ball(norm, EPSILON[norm]), 3, 0.1, model=model, generator=generator())
        assert not fails
        assert not found.requires_grad
        assert not torch.equal(found, x)
    except HaltError:
        assert fails
    after = [*model.buffers(), *model.parameters(), *(p.grad for p in model.parameters())]
    assert all(ours is theirs for ours, theirs in zip(tensors, after, strict=True))
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(tensors, values, strict=True))
    assert modes == [module.training for module in model.modules()]
    assert asks == [p.requires_grad for p in model.parameters()]
    assert torch.equal(state, torch.get_rng_state())
    assert graph.grad is None


@pytest.mark.parametrize("training", [False, True])
def test_a_graph_that_waits_for_its_backward_pass_is_not_hurt(training):
    gradients = []
    for attacks in (False, True):
        model, x, loss = network()
        model.train(training)
        torch.manual_seed(0)
        waiting = loss(x).sum()
        if attacks:
            ascend(
                lambda z, f=loss, m=model: f(z), x, Ball("inf", 0.1), 2, 0.1, model=model, generator=generator()
            )
        waiting.backward()
        gradients.append([p.grad for p in model.parameters()])
    assert all(torch.equal(*pair) for pair in zip(*gradients, strict=True))


def test_all_that_is_random_follows_from_the_generator():
    found = []
    for seed, around in ((0, 0), (0, 1), (1, 0)):
        model, x, loss = network()
        torch.manual_seed(around)
        found.append(ascend(loss, x, Ball("2", 0.5), 2, 0.2, model=model, generator=generator(seed), start="zero"))
    assert torch.equal(found[0], found[1])
    # Dropout's masks are others
    assert not torch.equal(found[0], found[2])


@each_norm
@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_a_gradient_that_is_not_finite_leaves_its_example_where_it_is(norm, value):
    model, x, d = linear(3)
    ball, options = Ball(norm, EPSILON[norm]), {"model": model, "start": "zero"}

    def broken(points):
        return torch.stack([points[0] @ d, value * (points[1] @ d), points[2] @ d])

    found = ascend(broken, x, ball, 2, 0.1, generator=generator(), **options)
    alone = ascend(lambda points: points @ d, x, ball, 2, 0.1, generator=generator(), **options)
    assert torch.equal(found[1], x[1])
    assert torch.equal(found[[0, 2]], alone[[0, 2]])


@each_norm
@pytest.mark.parametrize("start", STARTS)
def test_without_a_gradient_the_start_is_the_result(norm, start):
    model, x, _ = linear(2000)
    ball = Ball(norm, 0.4)
    flat = [lambda z: 0 * z.sum(1), lambda z: model.bias.sum().expand(len(z)), lambda z: z.detach().sum(1)]
    first, *others = (ascend(f, x, ball, 2, 0.1, model=model, generator=generator(), start=start) for f in flat)
    assert all(torch.equal(first, other) for other in others)
    change = first - x
    if start == "zero":
        assert (change == 0).all()
    elif start == "gauss":
        # 4 standard deviations of a standard deviation
        assert abs(change.std() / NEAR - 1) < 4 / (2 * change.numel()) ** 0.5
    else:
        size = torch.linalg.vector_norm(change, ord=float(norm), dim=1) / 0.4
        # the D-th power of a uniform point's relative length is uniform in [0, 1]
        assert abs((size**D).mean() - 0.5) < 4 * (1 / 12 / len(x)) ** 0.5


def test_a_step_is_one_gradient_and_without_a_radius_there_is_none():
    model, x, _ = linear()
    asked = []

    def loss(points):
        asked.append(points)
        return entropy(model)(points)

    ascend(loss, x, Ball("2", 0.1), 7, 0.1, model=model, generator=generator())
    assert len(asked) == 7
    found = ascend(loss, x, Ball("2", 0.0), 7, 0.0, model=model, generator=generator())
    assert torch.equal(found, x)
    assert found is not x
    assert len(asked) == 7


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"steps": 0}, "steps=0"),
        ({"step": 0.0}, "step=0.0"),
        ({"start": "random"}, "start='random': must be one of zero, uniform, gauss"),
        ({"loss": lambda x: x.sum()}, r"must be \(6,\), one value for each example"),
    ],
)
def test_arguments_that_cannot_be_are_refused(wrong, message):
    model, x, _ = linear()
    given = {"loss": entropy(model), "steps": 2, "step": 0.1, "start": "zero"} | wrong
    with pytest.raises(ValueError, match=message):
        ascend(x=x, ball=Ball("2", 0.1), model=model, generator=generator(), **given)

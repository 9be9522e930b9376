"""The optimizers: torch's weights bit for bit, and steps that are known in closed form."""

import pytest
import torch
from torch import nn

from jhrun import optimizers
from jhrun.optimizers import SGD, Adam, AdamW

SETTINGS = {
    "Adam": {"lr": 1e-2, "betas": (0.9, 0.99), "weight_decay": 1e-2},
    "AdamW": {"lr": 1e-2, "betas": (0.9, 0.99), "weight_decay": 1e-1},
    "SGD": {"lr": 1e-2, "momentum": 0.9, "nesterov": True, "weight_decay": 1e-2},
}
# a handful of operations on numbers near 1, each rounded
TOLERANCE = 10 * torch.finfo(torch.float64).eps
W, G = [2.0, -3.0, 0.5], [0.1, -7.0, 0.0]


def trained(kind, **settings):
    random = torch.Generator().manual_seed(0)
    model = nn.Sequential(nn.Linear(5, 7), nn.Softplus(), nn.Linear(7, 1))
    for parameter in model.parameters():
        parameter.data = torch.randn(parameter.shape, generator=random)
    optimizer = kind(model.parameters(), **settings)
    for _ in range(20):
        optimizer.zero_grad()
        model(torch.randn(8, 5, generator=random)).square().mean().backward()
        optimizer.step()
    return [*model.state_dict().values(), *(t for state in optimizer.state.values() for t in state.values())]


def after(kind, steps, **settings):
    """The weights W after steps along the constant gradient G, in float64."""
    w = nn.Parameter(torch.tensor(W, dtype=torch.float64))
    optimizer = kind([w], **settings)
    for _ in range(steps):
        w.grad = torch.tensor(G, dtype=torch.float64)
        optimizer.step()
    return w.data


def near(found, expected):
    assert (found - torch.tensor(expected, dtype=torch.float64)).abs().max() <= TOLERANCE


@pytest.mark.parametrize("name", optimizers.__all__)
def test_training_gives_torchs_weights_and_state_bit_for_bit(name):
    ours, torchs = (trained(getattr(home, name), **SETTINGS[name]) for home in (optimizers, torch.optim))
    assert len(ours) == len(torchs) > 4
    assert all(map(torch.equal, ours, torchs))


def test_adam_moves_by_the_sign_of_a_constant_gradient_with_the_decay_added():
    """With a constant g, m̂ = g and v̂ = g²: each step is lr·g/(|g| + eps)."""
    near(after(Adam, 3, lr=0.1, eps=1e-3), [w - 0.3 * g / (abs(g) + 1e-3) for w, g in zip(W, G, strict=True)])
    decayed = [g + 0.5 * w for w, g in zip(W, G, strict=True)]
    expected = [w - 0.1 * d / (abs(d) + 1e-3) for w, d in zip(W, decayed, strict=True)]
    near(after(Adam, 1, lr=0.1, eps=1e-3, weight_decay=0.5), expected)


def test_adamw_shrinks_the_weights_beside_the_step():
    expected = [w * (1 - 0.1 * 0.5) - 0.1 * g / (abs(g) + 1e-3) for w, g in zip(W, G, strict=True)]
    near(after(AdamW, 1, lr=0.1, eps=1e-3, weight_decay=0.5), expected)


def test_sgd_sums_a_constant_gradient_geometrically():
    """After n steps b = g(1 − μⁿ)/(1 − μ); Nesterov's step is lr·(g + μb)."""
    mu, lr = 0.5, 0.1
    sums = [(1 - mu**n) / (1 - mu) for n in (1, 2, 3)]
    near(after(SGD, 3, lr=lr, momentum=mu), [w - lr * g * sum(sums) for w, g in zip(W, G, strict=True)])
    ahead = sum(1 + mu * s for s in sums)
    near(after(SGD, 3, lr=lr, momentum=mu, nesterov=True), [w - lr * g * ahead for w, g in zip(W, G, strict=True)])

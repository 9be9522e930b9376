"""Figures of a regression task, against functions whose derivatives are known."""

import pytest
import torch
from torch import nn
from torch.func import jacrev

from jhrun.data import Part
from jhrun.evaluation.task import POINTS, asymmetry, hessian, jacobian, measure, off_diagonal

N = 4
X = torch.randn(50, N, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


class Function(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


def smooth(outputs):
    torch.manual_seed(1)
    return nn.Sequential(
        nn.Linear(N, 7), nn.Tanh(), nn.Linear(7, 5), nn.Softplus(), nn.Linear(5, outputs)
    ).double()


def test_one_pass_over_copies_gives_the_whole_jacobian():
    model = smooth(3)
    expected = jacrev(lambda x: model(x[None])[0])(X[0])
    assert jacobian(model, X[0]).shape == (3, N)
    assert (jacobian(model, X[0]) - expected).abs().max() <= 1e-14 * expected.abs().max()


def test_one_product_on_copies_gives_the_whole_hessian():
    model = smooth(1)
    expected = jacrev(jacrev(lambda x: model(x[None])[0, 0]))(X[0])
    assert (hessian(model, X[0]) - expected).abs().max() <= 1e-13 * expected.abs().max()


def test_structures_of_known_matrices():
    a = torch.tensor([[1.0, 2.0], [5.0, 7.0]])
    assert asymmetry(a).item() == pytest.approx((2 * 3**2) ** 0.5)
    assert off_diagonal(a).item() == 2**2 + 5**2


def test_a_linear_field_has_the_asymmetry_of_its_matrix():
    w = torch.randn(N, N, dtype=torch.float64)
    figures = measure(Function(lambda x: x @ w.T), Part(X, X @ w.T), "symmetric")
    assert figures.asymmetry == pytest.approx(float((w - w.T).norm()), rel=1e-14)
    assert (figures.mse, figures.skill, figures.n, figures.points) == (0, 1, 50, POINTS)


def test_a_quadratic_form_has_the_off_diagonal_of_its_matrix():
    w = torch.randn(N, N, dtype=torch.float64)
    values = torch.einsum("bi,ij,bj->b", X, w, X)[:, None]
    h = w + w.T
    figures = measure(
        Function(lambda x: torch.einsum("bi,ij,bj->b", x, w, x)[:, None]), Part(X, values), "diagonal"
    )
    expected = float(h.square().sum() - h.diagonal().square().sum())
    assert figures.off_diagonal == pytest.approx(expected, rel=1e-13)


def test_the_best_constant_has_no_skill():
    targets = X.cos()
    constant = Function(lambda x: targets.mean(0).expand(len(x), N) + 0 * x)
    figures = measure(constant, Part(X, targets), None)
    assert figures.skill == pytest.approx(0, abs=1e-14)
    assert figures.mse == pytest.approx(float(targets.var(0, correction=0).mean()))
    assert (figures.asymmetry, figures.off_diagonal, figures.points) == (None, None, None)


def test_structure_is_a_mean_over_points():
    model = smooth(N)
    part = Part(X, X.cos())
    each = [float(asymmetry(jacobian(model, x))) for x in X[:5]]
    assert measure(model, part, "symmetric", points=5).asymmetry == pytest.approx(sum(each) / 5, rel=1e-14)
    assert measure(model, part[:3], "symmetric", points=5).points == 3


def test_dropout_stands_still_and_modes_come_back():
    model = nn.Sequential(nn.Dropout(0.5), nn.Linear(N, N)).double().train()
    part = Part(X, X.cos())
    assert measure(model, part, "symmetric") == measure(model, part, "symmetric")
    assert all(module.training for module in model.modules())
    assert all(p.grad is None for p in model.parameters())

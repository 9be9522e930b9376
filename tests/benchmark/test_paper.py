"""The literal rendering computes what ours computes."""

import pytest
import torch

from jhrun.benchmark import paper
from jhrun.linalg import Exact
from jhrun.models import MLP
from jhrun.objectives import CrossEntropy
from jhrun.penalties import Hessian, Jacobian
from jhrun.records import Batch

KINDS = {"jacobian": Jacobian(), "hessian": Hessian()}


def case():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = MLP(shape=(1, 3, 3), outputs=4, mean=[0.4], std=[0.5], widths=[8]).double()
        return model, Batch(torch.rand(5, 1, 3, 3, dtype=torch.float64), torch.tensor([0, 3, 1, 2, 1]))


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("kind", KINDS)
def test_with_as_many_steps_as_rows_it_finds_the_spectral_norm(kind):
    """And its parameter gradient is that of the exact penalty."""
    model, batch = case()
    steps = {"jacobian": 4, "hessian": 9}[kind]
    found = paper(kind, model, CrossEntropy(), batch, steps, seeded())
    known = KINDS[kind](model, CrossEntropy(), batch, Exact())
    assert torch.allclose(found.values, known.values, rtol=1e-6)
    parameters = list(model.parameters())
    gradients = [
        torch.autograd.grad(out.values.sum() + out.losses.sum(), parameters, retain_graph=True, allow_unused=True)
        for out in (found, known)
    ]
    for mine, other in zip(*gradients, strict=True):
        if mine is not None:
            assert torch.allclose(mine, other, rtol=1e-4, atol=1e-8)


@pytest.mark.parametrize("kind", KINDS)
def test_without_steps_it_is_a_gaussian_probe(kind):
    model, batch = case()
    out = paper(kind, model, CrossEntropy(), batch, 0, seeded())
    matrix = KINDS[kind](model, CrossEntropy(), batch, Exact())
    assert out.direction.products == 0
    assert out.direction.vector.norm(dim=1).min() != pytest.approx(1)
    assert (out.values <= matrix.values * out.direction.vector.square().sum(1) * (1 + 1e-9)).all()


def test_another_matrix_is_refused():
    model, batch = case()
    with pytest.raises(ValueError, match="jacobian and hessian"):
        paper("symmetry", model, CrossEntropy(), batch, 2)

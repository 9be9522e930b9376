import math

import pytest
import torch

from jhrun.objectives import CrossEntropy

Z = torch.tensor([[1.0, 2.0, 0.5], [-3.0, 0.0, 4.0], [0.1, 0.1, 0.1]], dtype=torch.float64)
Y = torch.tensor([1, 0, 2])
# logits of size 4: a handful of operations, each rounded relative to the largest of them
TOLERANCE = 10 * torch.finfo(torch.float64).eps * 4


def test_value_is_minus_log_softmax():
    rows = zip(Z.tolist(), Y.tolist(), strict=True)
    expected = [-math.log(math.exp(z[y]) / sum(math.exp(e) for e in z)) for z, y in rows]
    losses = CrossEntropy()(Z, Y)
    assert losses.shape == (3,)
    assert (losses - torch.tensor(expected, dtype=torch.float64)).abs().max() <= TOLERANCE


def test_probabilities_of_all_classes_sum_to_one():
    """Σ_y exp(−ℓ(z, y)) = 1."""
    losses = torch.stack([CrossEntropy()(Z, torch.full((3,), y)) for y in range(3)])
    assert ((-losses).exp().sum(0) - 1).abs().max() <= TOLERANCE


def test_gradient_is_p_minus_one_hot():
    z = Z.clone().requires_grad_()
    CrossEntropy()(z, Y).sum().backward()
    expected = Z.softmax(1) - torch.eye(3, dtype=torch.float64)[Y]
    assert (z.grad - expected).abs().max() <= TOLERANCE


def test_each_loss_depends_on_its_own_row_alone():
    z = Z.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(CrossEntropy()(z, Y)[1], z)
    assert gradient[1].abs().min() > 0
    assert torch.equal(gradient[[0, 2]], torch.zeros(2, 3, dtype=torch.float64))


@pytest.mark.parametrize(("target", "loss"), [(0, 0.0), (1, 2e4)])
def test_large_logits_neither_overflow_nor_give_nan(target, loss):
    z = torch.tensor([[1e4, -1e4]], requires_grad=True)
    value = CrossEntropy()(z, torch.tensor([target]))
    value.sum().backward()
    assert value.item() == loss
    assert z.grad.isfinite().all()


P = torch.tensor([[0.2, 0.5, 0.3], [0.0, 0.25, 0.75], [1.0, 0.0, 0.0]], dtype=torch.float64)


def test_of_a_distribution_it_is_the_mean_over_it():
    losses = torch.stack([CrossEntropy()(Z, torch.full((3,), y)) for y in range(3)], dim=1)
    assert (CrossEntropy()(Z, P) - (P * losses).sum(1)).abs().max() <= TOLERANCE
    assert (CrossEntropy()(Z, torch.eye(3)[Y]) - CrossEntropy()(Z, Y)).abs().max() <= TOLERANCE


def test_gradient_of_a_distribution_is_the_difference_to_it():
    z = Z.clone().requires_grad_()
    CrossEntropy()(z, P).sum().backward()
    assert (z.grad - (Z.softmax(1) - P)).abs().max() <= TOLERANCE


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_distributions_in_float32_are_taken_with_logits_of_any_precision(dtype):
    assert CrossEntropy()(Z.to(dtype), P.float()).dtype == dtype


@pytest.mark.parametrize(
    "values",
    [P * 1.01, P - 0.1, P[:, :2], P[:, :1], torch.full((3, 3), torch.nan)],
    ids=["of another sum", "negative", "too few", "one value", "not a number"],
)
def test_values_are_no_distributions(values):
    with pytest.raises(ValueError, match="the targets are values: use objective=squared_error"):
        CrossEntropy()(Z, values)

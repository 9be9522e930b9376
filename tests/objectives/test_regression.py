import pytest
import torch

from jhrun.objectives import CrossEntropy, SquaredError

Z = torch.tensor([[1.0, 2.0, 0.5], [-3.0, 0.0, 4.0]], dtype=torch.float64)
Y = torch.tensor([[0.5, 2.0, -1.0], [1.0, 1.0, 1.0]], dtype=torch.float64)


def test_value_is_the_mean_square_over_outputs():
    expected = [
        sum((z - y) ** 2 for z, y in zip(*rows, strict=True)) / 3
        for rows in zip(Z.tolist(), Y.tolist(), strict=True)
    ]
    assert SquaredError()(Z, Y).tolist() == pytest.approx(expected, rel=1e-15)


def test_class_numbers_stand_for_unit_vectors():
    labels = torch.tensor([2, 0])
    assert torch.equal(SquaredError()(Z, labels), SquaredError()(Z, torch.eye(3, dtype=torch.float64)[labels]))


def test_each_loss_depends_on_its_own_row_alone():
    z = Z.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(SquaredError()(z, Y)[1], z)
    assert torch.equal(gradient[0], torch.zeros(3, dtype=torch.float64))
    assert torch.allclose(gradient[1], 2 * (Z[1] - Y[1]) / 3, rtol=1e-15)


def test_cross_entropy_refuses_values():
    with pytest.raises(ValueError, match="objective=squared_error"):
        CrossEntropy()(Z, Y)

"""The leading eigenvalue: value, sign and residual against torch.linalg, and what a residual alone would miss."""

import pytest
import torch

from jhrun.errors import NumericalError
from jhrun.evaluation.eigenvalue import mixed_start, top_eigenvalue
from jhrun.linalg import DenseOperator

TOLERANCE = 1e-3


def random(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def with_spectrum(values, seed=0):
    """Symmetric matrices with given eigenvalues (B, d), and their eigenvectors in columns."""
    values = torch.as_tensor(values, dtype=torch.float64)
    q = torch.linalg.qr(random(len(values), values.shape[1], values.shape[1], seed=seed))[0]
    return q * values[:, None] @ q.mT, q


def solve(matrices, start, most_steps=128, tolerance=TOLERANCE):
    return top_eigenvalue(
        lambda chosen: DenseOperator(matrices[chosen], symmetric=True),
        start,
        tolerance=tolerance,
        most_steps=most_steps,
    )


def leading(matrices):
    values = torch.linalg.eigvalsh(matrices)
    return values.gather(1, values.abs().argmax(1, keepdim=True))[:, 0]


@pytest.mark.parametrize("d", [1, 2, 7, 40])
def test_value_and_sign_are_right_to_the_tolerance(d):
    a = random(50, d, d)
    matrices = a + a.mT
    found = solve(matrices, random(50, d, seed=1))
    assert found.reached.all()
    assert (found.residual <= TOLERANCE).all()
    # an eigenvalue lies within residual·|θ| of θ, and it is the leading one
    assert ((found.value - leading(matrices)).abs() <= TOLERANCE * found.value.abs()).all()


def test_the_residual_is_the_distance_from_an_eigenvector():
    """On the plane of two eigenvalues a and −b one step from (cos, sin) has a residual in closed form."""
    angle = torch.tensor(0.3, dtype=torch.float64)
    matrix = torch.diag(torch.tensor([2.0, -1.0], dtype=torch.float64))[None]
    start = torch.stack([angle.cos(), angle.sin()])[None]
    found = solve(matrix, start, most_steps=1)
    theta = 2 * angle.cos() ** 2 - angle.sin() ** 2
    assert torch.allclose(found.value, theta)
    assert torch.allclose(found.residual, 3 * angle.cos() * angle.sin() / theta)
    assert not found.reached


@pytest.mark.parametrize("sign", [1, -1])
def test_of_nearly_opposite_eigenvalues_the_larger_one_is_found(sign):
    """The gradient is the lesser one's eigenvector, which converges first: its residual is small."""
    spectrum = sign * torch.cat([torch.tensor([1.0, -0.999]), torch.linspace(-0.5, 0.5, 62)])
    matrices, q = with_spectrum(spectrum.expand(300, -1))
    found = solve(matrices, mixed_start(q[:, :, 1], torch.Generator().manual_seed(0)))
    assert found.reached.all()
    assert ((found.value - sign).abs() <= TOLERANCE).all()


def test_of_opposite_eigenvalues_one_is_chosen_and_the_residual_is_its_own():
    """A mixture of both would have any θ between −1 and 1, and a residual of about 1."""
    spectrum = torch.cat([torch.tensor([1.0, -1.0]), torch.linspace(-0.5, 0.5, 48)])
    matrices, _ = with_spectrum(spectrum.expand(20, -1))
    found = solve(matrices, random(20, 50, seed=3))
    assert found.reached.all()
    assert ((found.value.abs() - 1).abs() <= TOLERANCE).all()


def test_an_orthogonal_gradient_is_no_trap():
    matrix = torch.diag(torch.tensor([1.0, -5.0, 3.0, 0.5] * 5, dtype=torch.float64))[None]
    gradient = torch.zeros(1, 20, dtype=torch.float64)
    gradient[0, 0] = 1.0
    assert solve(matrix, gradient).value.item() == 1
    found = solve(matrix, mixed_start(gradient, torch.Generator().manual_seed(0)))
    assert abs(found.value.item() + 5) <= 5 * TOLERANCE
    assert found.reached


def test_the_mixed_start_is_half_gradient_whatever_its_scale():
    gradient = random(4, 30) * torch.tensor([1e-200, 1.0, 1e200, 0.0], dtype=torch.float64)[:, None]
    start = mixed_start(gradient, torch.Generator().manual_seed(0))
    drawn = random(4, 30)
    unit = drawn / drawn.norm(dim=1, keepdim=True)
    part = start - unit
    assert torch.allclose(part.norm(dim=1), torch.tensor([1.0, 1.0, 1.0, 0.0], dtype=torch.float64))
    cosine = torch.nn.functional.cosine_similarity(part[1:3], gradient[1:3] / gradient[1:3].abs().amax(1)[:, None])
    assert torch.allclose(cosine, torch.ones_like(cosine))


def test_zero_matrices_have_eigenvalue_zero_without_doubt():
    found = solve(torch.zeros(3, 6, 6, dtype=torch.float64), random(3, 6))
    assert found.reached.all()
    assert not found.value.any()
    assert not found.residual.any()


def test_what_the_cap_ends_is_said_and_is_a_lower_bound():
    matrices, _ = with_spectrum(torch.linspace(0.5, 1, 60)[None].expand(5, -1))
    found = solve(matrices, random(5, 60, seed=4), most_steps=5)
    assert not found.reached.any()
    assert (found.residual > TOLERANCE).all()
    assert (found.value <= 1 + 1e-12).all()


def test_the_cap_may_be_beyond_the_dimension():
    matrices, _ = with_spectrum(torch.linspace(-1, 1, 12)[None])
    found = solve(matrices, random(1, 12), tolerance=1e-10)
    assert found.reached
    assert abs(abs(found.value.item()) - 1) <= 1e-10


def test_only_what_is_not_done_yet_goes_on():
    easy, hard = torch.eye(60, dtype=torch.float64), with_spectrum(torch.linspace(0.5, 1, 60)[None])[0][0]
    matrices, asked = torch.stack([easy, hard, easy]), []

    def chosen(which):
        asked.append(which.tolist())
        return DenseOperator(matrices[which], symmetric=True)

    start = random(3, 60)
    found = top_eigenvalue(chosen, start, tolerance=TOLERANCE, most_steps=60)
    assert asked[0] == [0, 1, 2]
    assert set(map(tuple, asked[1:])) == {(1,)}
    assert found.reached.all()
    alone = solve(hard[None], start[1:2], most_steps=60)
    # the residual belongs to the example's own start
    assert torch.allclose(found.residual[1:2], alone.residual, rtol=1e-6)
    assert torch.allclose(found.value[1:2], alone.value)


@pytest.mark.parametrize("sign", [1, -1])
def test_the_other_end_of_the_spectrum_need_not_converge_where_it_is_no_rival(sign):
    spectrum = sign * torch.cat([torch.tensor([3.0]), torch.linspace(-0.5, 0.5, 99)])
    matrices, _ = with_spectrum(spectrum.expand(10, -1))
    asked = []

    def chosen(which):
        asked.append(len(which))
        return DenseOperator(matrices[which], symmetric=True)

    found = top_eigenvalue(chosen, random(10, 100), tolerance=TOLERANCE, most_steps=100)
    assert found.reached.all()
    assert asked == [10]


def test_products_that_are_not_finite_are_named():
    matrices = torch.full((1, 4, 4), torch.nan, dtype=torch.float64)
    with pytest.raises(NumericalError, match="not finite"):
        solve(matrices, random(1, 4))

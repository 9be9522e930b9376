"""Every solver on every kind of matrix, against ``torch.linalg`` in float64.

Tolerances are multiples of eps·‖M‖, M being the matrix iterated on: the decompositions of at most 13×13 numbers
and the two orthogonalisations of a step each round by fewer than 100·eps·‖M‖.
"""

import math

import pytest
import torch

from jhrun.linalg import DenseOperator, Exact, GolubKahan, GradientAscent, Hutchinson, Lanczos, Power

EPS = torch.finfo(torch.float64).eps
D = 12
SPECTRA = {
    "psd": torch.linspace(0.1, 2, D),
    "indefinite": torch.linspace(-1.7, 1.3, D),
    "negative definite": -torch.linspace(0.1, 2, D),
    "zero": torch.zeros(D),
    "identity": torch.ones(D),
    "rank one": torch.eye(D)[0],
    "plus-minus pair": torch.cat([torch.tensor([1.0, -1.0]), torch.linspace(-0.5, 0.5, D - 2)]),
    "repeated": torch.tensor([1.0] * 5 + [0.5] * 7),
    "geometric": 0.5 ** torch.arange(D),
}
COMPLETE = [Exact(), GolubKahan(D + 1), Lanczos(D + 1)]
ITERATIVE = [Power(3), GradientAscent(3), GolubKahan(3), Lanczos(3)]


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def symmetric(spectrum, seed=0):
    q = torch.linalg.qr(torch.randn(D, D, dtype=torch.float64, generator=generator(seed)))[0]
    matrix = (q * spectrum.double()) @ q.T
    return (matrix + matrix.T) / 2


def rectangular(m, n, batch=3, seed=0):
    return torch.randn(batch, m, n, dtype=torch.float64, generator=generator(seed))


def iterated(operator):
    a = operator.matrix
    return a if operator.symmetric else a @ a.mT


def residual_by_hand(operator, found):
    m = iterated(operator)
    return torch.linalg.vector_norm(
        (m @ found.vector[:, :, None])[:, :, 0] - found.value[:, None] * found.vector, dim=1
    )


def name(solver):
    return type(solver).__name__


@pytest.mark.parametrize("scale", [1e-8, 1.0, 1e8])
@pytest.mark.parametrize("spectrum", SPECTRA)
@pytest.mark.parametrize("solver", COMPLETE, ids=name)
def test_a_complete_solver_finds_the_eigenvalue_of_largest_modulus(solver, spectrum, scale):
    matrix = scale * symmetric(SPECTRA[spectrum])
    operator = DenseOperator(matrix, symmetric=True)
    found = solver(operator, generator=generator(1))
    top = torch.linalg.eigvalsh(matrix).abs().max()
    bound = 200 * EPS * max(top, 1e-300)
    if spectrum == "plus-minus pair" or top == 0:
        assert abs(found.value.abs() - top) <= bound
    else:
        wanted = torch.linalg.eigvalsh(matrix)
        assert abs(found.value - wanted[wanted.abs().argmax()]) <= bound
    assert residual_by_hand(operator, found) <= bound
    assert found.residual <= bound


@pytest.mark.parametrize("shape", [(5, 9), (9, 5), (6, 6), (1, 4), (4, 1), (1, 1)])
@pytest.mark.parametrize("solver", COMPLETE, ids=name)
def test_a_complete_solver_finds_the_top_left_singular_vector(solver, shape):
    operator = DenseOperator(rectangular(*shape))
    found = solver(operator, generator=generator(1))
    u, s, _ = torch.linalg.svd(operator.matrix)
    norm = s[:, 0] ** 2
    assert (abs(found.value - norm) <= 200 * EPS * norm).all()
    assert (residual_by_hand(operator, found) <= 200 * EPS * norm).all()
    gap = norm - (s[:, 1] ** 2 if s.shape[1] > 1 else 0)
    # Davis-Kahan: the angle is at most the residual over the gap
    cosine = (found.vector * u[:, :, 0]).sum(1).abs()
    assert (1 - cosine <= (200 * EPS * norm / gap) ** 2 + 4 * EPS).all()


@pytest.mark.parametrize("solver", [*COMPLETE, *ITERATIVE, Hutchinson(), Hutchinson("rademacher")], ids=name)
@pytest.mark.parametrize("kind", ["symmetric", "wide", "tall"])
def test_value_residual_and_products_are_what_direction_promises(solver, kind):
    if kind == "symmetric":
        operator = Counting(symmetric(SPECTRA["indefinite"])[None], symmetric=True)
    else:
        operator = Counting(rectangular(4, 7) if kind == "wide" else rectangular(7, 4))
    found = solver(operator, generator=generator(1))
    row = operator.rmv(found.vector)
    value = (row * found.vector).sum(1) if operator.symmetric else row.square().sum(1)
    norm = torch.linalg.matrix_norm(iterated(operator), 2)
    assert (abs(found.value - value) <= 200 * EPS * norm * found.vector.square().sum(1)).all()
    assert operator.products - 1 == found.products
    if isinstance(solver, Hutchinson):
        assert found.residual is None
    else:
        assert torch.allclose(torch.linalg.vector_norm(found.vector, dim=1), torch.ones(1).double(), atol=10 * EPS)
        assert (abs(found.residual - residual_by_hand(operator, found)) <= 400 * EPS * norm).all()


class Counting(DenseOperator):
    """Counts its products."""

    products = 0

    def mv(self, v):
        self.products += 1
        return super().mv(v)

    def rmv(self, u):
        self.products += 1
        return super().rmv(u)


@pytest.mark.parametrize("solver", [*COMPLETE, *ITERATIVE], ids=name)
def test_each_row_is_the_example_alone(solver):
    """A zero matrix, one of rank one and a full one side by side."""
    full = rectangular(4, 6, batch=1)
    one = full.clone()
    one[:, 1:] = 0
    batch = torch.cat([torch.zeros_like(full), one, full])
    start = rectangular(1, 4, seed=2)[:, 0]
    together = solver(DenseOperator(batch), start=start)
    for i in range(3):
        alone = solver(DenseOperator(batch[i]), start=start[i : i + 1])
        assert torch.allclose(together.value[i], alone.value[0], rtol=1e-12, atol=1e-14)
        assert torch.allclose(
            (together.vector[i] * alone.vector[0]).sum().abs(), torch.ones(()).double(), rtol=1e-10
        )
    assert together.value[0] == 0
    assert together.vector.isfinite().all()


class Overflowing(DenseOperator):
    """Of the middle matrix, one product is too large."""

    def __init__(self, matrix, symmetric, number, value):
        super().__init__(matrix, symmetric)
        self.left, self.value = number, value

    def product(self, made):
        self.left -= 1
        if self.left == 0:
            made[1, 0] = self.value
        return made

    def mv(self, v):
        return self.product(super().mv(v))

    def rmv(self, u):
        return self.product(super().rmv(u))


@pytest.mark.parametrize("value", [math.nan, math.inf, 3e38])
@pytest.mark.parametrize("square", [True, False], ids=["symmetric", "rectangular"])
@pytest.mark.parametrize("solver", ITERATIVE, ids=name)
def test_a_product_that_is_not_finite_is_no_failure_and_leaves_its_neighbours_alone(solver, square, value):
    matrix = rectangular(4, 4 if square else 6).float()
    matrix = matrix + matrix.mT if square else matrix
    start = rectangular(3, 4, seed=2)[:, 0].float()
    whole = solver(DenseOperator(matrix, square), start=start)
    for number in range(1, whole.products + 1):
        found = solver(Overflowing(matrix, square, number, value), start=start)
        for i in (0, 2):
            assert torch.equal(found.vector[i], whole.vector[i])
            assert torch.equal(found.value[i], whole.value[i])


@pytest.mark.parametrize("iterations", [1, 4, 9])
def test_gradient_ascent_is_damped_power_iteration(iterations):
    """v + α AAᵀv/‖vᵀA‖, normalised: by hand, from the gradient that autograd gives."""
    a, v = rectangular(5, 7), rectangular(1, 5, seed=3)[:, 0]
    found = GradientAscent(iterations, step=0.3)(DenseOperator(a), start=v)
    v = v / torch.linalg.vector_norm(v, dim=1, keepdim=True)
    for _ in range(iterations):
        leaf = v.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(
            torch.linalg.vector_norm(torch.einsum("bm,bmn->bn", leaf, a), dim=1).sum(), leaf
        )
        v = v + 0.3 * gradient
        v = v / torch.linalg.vector_norm(v, dim=1, keepdim=True)
    assert torch.allclose(found.vector, v, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("iterations", [1, 5])
def test_power_is_a_power(iterations):
    matrix = symmetric(SPECTRA["indefinite"])
    start = rectangular(1, D, batch=1)[:, 0]
    found = Power(iterations)(DenseOperator(matrix, symmetric=True), start=start)
    by_hand = torch.linalg.matrix_power(matrix, iterations) @ start[0]
    assert torch.allclose(found.vector[0], by_hand / by_hand.norm(), rtol=1e-11, atol=1e-12)


def test_golub_kahan_separates_a_plus_minus_pair_in_one_step():
    """From (e₁ + e₂)/√2 and ±λ, u = e₁ + e₂ and v = e₁ − e₂ are no eigenvectors; the Ritz step finds them."""
    operator = DenseOperator(torch.diag(torch.tensor([3.0, -3.0, 1.0], dtype=torch.float64)), symmetric=True)
    found = GolubKahan(1)(operator, start=torch.tensor([[1.0, 1.0, 0.0]], dtype=torch.float64))
    assert found.value.abs().item() == pytest.approx(3, rel=1e-14)
    assert found.residual.item() < 1e-14
    assert found.vector.abs().amax().item() == pytest.approx(1, rel=1e-14)


def test_golub_kahan_does_not_square_the_condition():
    """A second singular value of 1e-9, whose square is below float64's eps beside 1: the triplet is exact."""
    q = torch.linalg.qr(rectangular(6, 6, batch=1)[0])[0]
    a = q[:, :1] @ q[:1] + 1e-9 * q[:, 1:2] @ q[1:2]
    found = GolubKahan(6)(DenseOperator(a), generator=generator())
    assert found.value.item() == pytest.approx(1, rel=1e-14)
    assert found.residual.item() < 200 * EPS


def test_exact_refuses_a_side_above_its_limit_by_name():
    with pytest.raises(ValueError, match=r"exact .*9×8.*limit=7"):
        Exact(limit=7)(DenseOperator(rectangular(9, 8)))
    assert Exact(limit=7)(DenseOperator(rectangular(9, 7))).products == 7


@pytest.mark.parametrize("distribution", ["gaussian", "rademacher"])
@pytest.mark.parametrize("factor", [1.0, 0.1])
def test_hutchinson_is_unbiased_with_the_variance_of_its_formula(distribution, factor):
    """50,000 probes. Mean: five standard errors. Variance: five of its own, from the sample."""
    a, n = rectangular(4, 6, batch=1), 50_000
    operator = DenseOperator(a.expand(n, -1, -1))
    values = Hutchinson(distribution, factor)(operator, generator=generator(4)).value / factor
    g = (a @ a.mT)[0]
    variance = 2 * g.square().sum()
    if distribution == "rademacher":
        variance = variance - 2 * g.diagonal().square().sum()
    assert abs(values.mean() - g.trace()) < 5 * math.sqrt(variance / n)
    deviations = (values - values.mean()).square()
    assert abs(deviations.mean() - variance) < 5 * deviations.std() / math.sqrt(n)


def test_hutchinson_spends_a_product_only_if_it_is_to_measure():
    operator = Counting(rectangular(4, 6))
    found = Hutchinson(measured=False)(operator, generator=generator())
    assert (found.value, found.residual, found.products, operator.products) == (None, None, 0, 0)


@pytest.mark.parametrize("solver", [Power(2), GradientAscent(2), GolubKahan(2), Lanczos(2)], ids=name)
def test_a_start_is_used_and_a_zero_one_is_replaced(solver):
    operator = DenseOperator(rectangular(4, 6))
    top = torch.linalg.svd(operator.matrix)[0][:, :, 0]
    assert (solver(operator, start=top).residual < 1e-12).all()
    random = solver(operator, start=torch.zeros(3, 4), generator=generator(5))
    assert torch.equal(random.vector, solver(operator, generator=generator(5)).vector)
    assert not torch.equal(random.vector, solver(operator, generator=generator(6)).vector)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Power(0), "iterations=0"),
        (lambda: GolubKahan(2.5), "iterations=2.5"),
        (lambda: GradientAscent(2, step=0), "step=0"),
        (lambda: GradientAscent(2, step=float("nan")), "step=nan"),
        (lambda: Hutchinson("uniform"), "gaussian, rademacher"),
        (lambda: Hutchinson(factor=-1), "factor=-1"),
        (lambda: Exact(limit=0), "limit=0"),
    ],
)
def test_arguments_outside_their_range_are_named(make, said):
    with pytest.raises(ValueError, match=said):
        make()


@pytest.mark.parametrize("solver", [*COMPLETE, *ITERATIVE, Hutchinson()], ids=name)
def test_results_are_detached_from_the_matrix(solver):
    matrix = rectangular(4, 6).requires_grad_()
    found = solver(DenseOperator(matrix), generator=generator())
    assert not found.vector.requires_grad
    assert not found.value.requires_grad

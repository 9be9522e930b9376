"""Tracking on matrices that stand still: the power method on AAᵀ, visit by visit, without a product of its own."""

import math

import pytest
import torch

from jhrun.linalg import DenseOperator, Lanczos, Tracked

EPS = torch.finfo(torch.float64).eps


def orthogonal(n, seed=0):
    random = torch.randn(n, n, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    return torch.linalg.qr(random)[0]


def symmetric(*values):
    q = orthogonal(len(values))
    return q @ torch.diag(torch.tensor(values, dtype=torch.float64)) @ q.T


def rectangular(m, n, *values):
    u, v = orthogonal(m, 1), orthogonal(n, 2)
    k = len(values)
    return u[:, :k] @ torch.diag(torch.tensor(values, dtype=torch.float64)) @ v[:, :k].T


def antisymmetric():
    q = orthogonal(4)
    blocks = torch.zeros(4, 4, dtype=torch.float64)
    blocks[0, 1], blocks[1, 0], blocks[2, 3], blocks[3, 2] = 3, -3, 1, -1
    return q @ blocks @ q.T


MATRICES = {
    # name: (matrix, symmetric, second largest over largest singular value, pairs counted once)
    "definite": (symmetric(4.0, 2.0, 1.0), True, 0.5),
    "negative": (symmetric(-4.0, -2.0, 1.0), True, 0.5),
    "unlike signs": (symmetric(1.0, -0.8, 0.1), True, 0.8),
    "pair": (symmetric(3.0, -3.0, 1.0), True, 1 / 3),
    "repeated": (symmetric(3.0, 3.0, 1.0), True, 1 / 3),
    "rank one": (rectangular(4, 6, 2.0), False, 0.0),
    "wide": (rectangular(3, 7, 5.0, 2.0, 1.0), False, 0.4),
    "tall": (rectangular(7, 3, 5.0, 2.0, 1.0), False, 0.4),
    "antisymmetric": (antisymmetric(), False, 1 / 3),
}


def visit(solver, matrix, index, *, symmetric, **options):
    """One training step's share in it: propose, penalise, go backwards, observe."""
    operator = DenseOperator(matrix, symmetric=symmetric)
    v = solver.propose(operator, index, **options).vector
    operator.rmv(v).square().sum(1).mean().mul(0.3).backward()
    return v.detach(), solver.observe(index, v)


def generator(seed=3):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("name", MATRICES)
def test_a_matrix_that_stands_still_is_found(name):
    """The part outside the top plane shrinks by (σ₂/σ₁)² at each visit, from at most √m times the part inside."""
    matrix, is_symmetric, ratio = MATRICES[name]
    many = 40
    batch = matrix.expand(many, *matrix.shape)
    solver, index = Tracked().over(many), torch.arange(many)
    largest = torch.linalg.matrix_norm(matrix, ord=2)
    # all but very few random starts are further than 1e-3 from orthogonal to the plane
    visits = 2 if ratio == 0 else math.ceil(math.log(1e-4 * 1e-3) / math.log(ratio**2)) + 1
    for _ in range(visits):
        visit(solver, batch, index, symmetric=is_symmetric, generator=generator())
    v, residual = visit(solver, batch, index, symmetric=is_symmetric)
    norms = (v[:, None] @ batch).norm(dim=(1, 2))
    assert (norms >= (1 - 1e-7) * largest).all()
    assert (residual < 1e-3).all()
    assert torch.allclose(v.norm(dim=1), torch.ones(many, dtype=v.dtype), atol=8 * EPS)


def test_one_visit_is_one_power_step_on_the_square():
    matrix = MATRICES["wide"][0][None]
    solver, index = Tracked().over(1), torch.tensor([0])
    start = torch.tensor([[1.0, 2.0, 3.0]], dtype=torch.float64)
    first, residual = visit(solver, matrix, index, symmetric=False, start=start)
    assert torch.allclose(first, start / start.norm())
    image = (matrix @ matrix.mT @ first[:, :, None])[:, :, 0]
    value = (image * first).sum()
    assert residual.item() == pytest.approx(((image - value * first).norm() / value).item(), rel=1e-12)
    second, _ = visit(solver, matrix, index, symmetric=False)
    assert torch.allclose(second, image / image.norm(), atol=1e-14)


def test_products_are_steps_of_lanczos_and_the_first_is_a_power_step():
    matrix = MATRICES["unlike signs"][0][None]
    start = torch.tensor([[1.0, 2.0, 3.0]], dtype=torch.float64)
    operator = DenseOperator(matrix, symmetric=True)
    index = torch.tensor([0])
    found = Tracked(products=1).over(1).propose(operator, index, start=start)
    image = (matrix @ start[:, :, None])[:, :, 0]
    assert torch.allclose(found.vector, image / image.norm())
    assert found.products == 1
    found = Tracked(products=2).over(1).propose(operator, index, start=start)
    assert torch.equal(found.vector, Lanczos(2, image=True)(operator, start=start).vector)
    assert found.products == 2
    assert Tracked(products=2)(DenseOperator(matrix), start=start).products == 4


def test_a_solver_may_go_on_from_the_kept_vector():
    matrix = MATRICES["unlike signs"][0][None].requires_grad_()
    index = torch.tensor([0])
    solver = Tracked(dtype="float32").over(1)
    visit(solver, matrix, index, symmetric=True, generator=generator())
    kept = solver.vectors.double()
    solver.then = Lanczos(2)
    operator = DenseOperator(matrix, symmetric=True)
    found, expected = solver.propose(operator, index), Lanczos(2)(operator, start=kept)
    assert (found.products, found.vector.requires_grad) == (2, True)
    assert torch.allclose(found.vector, expected.vector)
    assert torch.allclose(found.value, expected.value)


def test_a_zero_matrix_moves_nothing_and_hurts_no_neighbour():
    good = MATRICES["definite"][0]
    batch = torch.stack([good, torch.zeros_like(good), good])
    solver, index = Tracked().over(5), torch.tensor([4, 0, 2])
    for _ in range(30):
        v, residual = visit(solver, batch, index, symmetric=True, generator=generator())
    assert v.isfinite().all()
    assert residual[1] == 0
    assert solver.known.tolist() == [False, False, True, False, True]
    assert torch.allclose((v[[0, 2], None] @ batch[[0, 2]]).norm(dim=(1, 2)), torch.tensor(4.0).double())


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_values_that_are_not_finite_leave_the_vector_as_it_was(value):
    solver, index = Tracked().over(2), torch.tensor([0, 1])
    matrix = torch.stack([MATRICES["definite"][0]] * 2)
    visit(solver, matrix, index, symmetric=True, generator=generator())
    before = solver.vectors.clone()
    matrix[1, 0, 0] = value
    visit(solver, matrix, index, symmetric=True)
    assert not torch.equal(solver.vectors[0], before[0])
    assert torch.equal(solver.vectors[1], before[1])


def test_who_was_drawn_anew_or_never_seen_begins_at_the_start():
    matrix = torch.stack([MATRICES["definite"][0]] * 3)
    solver, index = Tracked().over(3), torch.tensor([0, 1, 2])
    start = torch.eye(3, dtype=torch.float64)
    visit(solver, matrix[:2], index[:2], symmetric=True, start=start[:2])
    kept = solver.vectors[0] / solver.vectors[0].norm()
    fresh = torch.tensor([False, True, False])
    v, _ = visit(solver, matrix, index, symmetric=True, start=start, fresh=fresh)
    assert torch.allclose(v[0], kept.double())
    assert torch.equal(v[1:], start[1:])


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_a_saved_memory_goes_on_bit_for_bit(dtype):
    matrix = torch.stack([MATRICES["definite"][0].float()] * 3)
    solver, index = Tracked(dtype=dtype).over(6), torch.tensor([5, 1, 3])
    assert solver.state_dict() == {}
    for _ in range(2):
        visit(solver, matrix, index, symmetric=True, generator=generator())
    again = Tracked()
    again.load_state_dict({k: t.clone() for k, t in solver.state_dict().items()}, torch.device("cpu"))
    for _ in range(2):
        first, second = (visit(s, matrix, index, symmetric=True)[0] for s in (solver, again))
        assert torch.equal(first, second)
    assert again.vectors.dtype == solver.vectors.dtype
    assert torch.equal(again.vectors, solver.vectors)
    # half precision costs digits of the direction, not of its length
    assert torch.allclose(first.norm(dim=1), torch.ones(3), atol=1e-6)


def test_two_memories_of_one_solver_are_apart():
    solver = Tracked()
    a, b = solver.over(1), solver.over(2)
    visit(a, MATRICES["definite"][0][None], torch.tensor([0]), symmetric=True, generator=generator())
    assert len(a.vectors) == 1
    assert len(b.vectors) == len(solver.vectors) == 0


def test_without_a_memory_it_proposes_a_start():
    operator = DenseOperator(MATRICES["wide"][0][None])
    start = torch.tensor([[3.0, 0.0, 4.0]], dtype=torch.float64)
    found = Tracked()(operator, start=start)
    assert torch.allclose(found.vector, start / 5)
    assert (found.value, found.residual, found.products) == (None, None, 0)


@pytest.mark.parametrize("wrong", [{"products": -1}, {"products": 0.5}, {"dtype": "int8"}, {"limit": 0}])
def test_settings_that_cannot_be_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Tracked(**wrong)

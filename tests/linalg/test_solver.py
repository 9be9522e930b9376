"""Where an iteration starts."""

import pytest
import torch

from jhrun.linalg import DenseOperator
from jhrun.linalg.solver import unit_start

DTYPES = [torch.float32, torch.float64]


def operator(batch=2, m=3, dtype=torch.float64):
    return DenseOperator(torch.zeros(batch, m, m, dtype=dtype), symmetric=True)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def assert_of_unit_length(vectors):
    # m squares, m − 1 sums, a root and a division, each rounded once
    tolerance = (vectors.shape[1] + 2) * torch.finfo(vectors.dtype).eps
    assert (torch.linalg.vector_norm(vectors.double(), dim=1) - 1).abs().max() <= tolerance


@pytest.mark.parametrize("dtype", DTYPES)
def test_random_start_has_unit_rows_of_the_operators_dtype(dtype):
    vectors = unit_start(operator(4, 7, dtype), None, seeded())
    assert vectors.shape == (4, 7)
    assert vectors.dtype == dtype
    assert_of_unit_length(vectors)


def test_random_start_is_uniform_on_the_sphere():
    """E[v] = 0 and E[vvᵀ] = I/m."""
    n, m = 20_000, 3
    v = unit_start(operator(n, m), None, seeded())
    # Var vᵢ = 1/3, Var vᵢ² = 4/45 and Var vᵢvⱼ = 1/15 on the sphere in R³: six standard errors
    assert v.mean(0).abs().max() <= 6 * (1 / 3 / n) ** 0.5
    assert (v.mT @ v / n - torch.eye(m) / m).abs().max() <= 6 * (4 / 45 / n) ** 0.5


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("length", [1e-44, 1e-30, 1.0, 1e30])
def test_start_keeps_its_direction_whatever_its_length(dtype, length):
    """Squares of these lengths underflow and overflow in float32; 1e-44 is seven times its smallest number."""
    start = torch.tensor([[length, -length, 0], [0, 0, length]], dtype=dtype)
    vectors = unit_start(operator(dtype=dtype), start, seeded())
    assert vectors.dtype == dtype
    assert_of_unit_length(vectors)
    half = 0.5**0.5
    expected = torch.tensor([[half, -half, 0], [0, 0, 1]], dtype=dtype)
    assert (vectors - expected).abs().max() <= 4 * torch.finfo(dtype).eps


@pytest.mark.parametrize("bad", [[0.0, 0.0, 0.0], [1.0, torch.nan, 0.0], [torch.inf, 1.0, 0.0]])
def test_unusable_rows_are_replaced_by_random_ones(bad):
    start = torch.tensor([bad, [0.0, 2.0, 0.0]], dtype=torch.float64)
    vectors = unit_start(operator(), start, seeded())
    random = unit_start(operator(), None, seeded())
    assert torch.equal(vectors[0], random[0])
    assert torch.equal(vectors[1], torch.tensor([0.0, 1.0, 0.0], dtype=torch.float64))


def test_same_seed_same_start_and_the_global_state_is_left_alone():
    before = torch.get_rng_state()
    first, again, other = (unit_start(operator(), None, seeded(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("shape", [(3,), (1, 3), (2, 4), (2, 3, 1)])
def test_start_of_another_shape_is_refused(shape):
    with pytest.raises(ValueError, match=r"the operator needs \(2, 3\)"):
        unit_start(operator(), torch.ones(shape, dtype=torch.float64), None)


def test_a_start_of_another_dtype_and_with_a_graph_is_taken_as_numbers():
    operator = DenseOperator(torch.eye(3), symmetric=True)
    start = torch.ones(1, 3, dtype=torch.float64, requires_grad=True)
    unit = unit_start(operator, start, None)
    assert unit.dtype == torch.float32
    assert not unit.requires_grad

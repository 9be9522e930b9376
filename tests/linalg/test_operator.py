"""The algebra of operators is the algebra of matrices.

All matrices hold small whole numbers, for which float64 is exact: equality is meant literally.
"""

import pytest
import torch

from jhrun.linalg import DenseOperator


def whole_numbers(*shape, seed):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(-5, 6, shape, generator=generator).double()


A, B = (whole_numbers(2, 3, 4, seed=seed) for seed in (0, 1))
TALL = whole_numbers(2, 5, 3, seed=2)
SQUARE = whole_numbers(2, 3, 3, seed=3)
S, R = (m + m.mT for m in (SQUARE, whole_numbers(2, 3, 3, seed=4)))

a, b, tall, square = (DenseOperator(m) for m in (A, B, TALL, SQUARE))
s, r = (DenseOperator(m, symmetric=True) for m in (S, R))

EXPRESSIONS = {  # name: operator, its matrix, symmetric
    "A": (a, A, False),
    "tall": (tall, TALL, False),
    "S": (s, S, True),
    "A.T": (a.T, A.mT, False),
    "A.T.T": (a.T.T, A, False),
    "S.T": (s.T, S, True),
    "gram(A)": (a.gram(), A @ A.mT, True),
    "gram(A.T)": (a.T.gram(), A.mT @ A, True),
    "gram(S)": (s.gram(), S @ S, True),
    "gram(gram(A))": (a.gram().gram(), A @ A.mT @ A @ A.mT, True),
    "-A": (-a, -A, False),
    "-S": (-s, -S, True),
    "A+B": (a + b, A + B, False),
    "A-B": (a - b, A - B, False),
    "S-R": (s - r, S - R, True),
    "S-square": (s - square, S - SQUARE, False),
    "square-square.T": (square - square.T, SQUARE - SQUARE.mT, False),
    "(A-B).T": ((a - b).T, (A - B).mT, False),
    "gram(A-B)": ((a - b).gram(), (A - B) @ (A - B).mT, True),
    "-(A+B)-(-A)": (-(a + b) - (-a), -B, False),
}

each_expression = pytest.mark.parametrize(
    ("operator", "matrix", "symmetric"), EXPRESSIONS.values(), ids=EXPRESSIONS.keys()
)


@each_expression
def test_products_are_those_of_the_matrix(operator, matrix, symmetric):
    batch, m, n = matrix.shape
    v, u = whole_numbers(batch, n, seed=5), whole_numbers(batch, m, seed=6)
    assert operator.shape == (batch, m, n)
    assert operator.symmetric is symmetric
    assert (operator.dtype, operator.device) == (matrix.dtype, matrix.device)
    assert torch.equal(operator.mv(v), (matrix @ v[:, :, None])[:, :, 0])
    assert torch.equal(operator.rmv(u), (u[:, None] @ matrix)[:, 0])


@each_expression
def test_dense_writes_the_matrix_out(operator, matrix, symmetric):
    assert torch.equal(operator.dense(), matrix)


@each_expression
def test_adjointness(operator, matrix, symmetric):
    """⟨u, Av⟩ = ⟨Aᵀu, v⟩."""
    batch, m, n = matrix.shape
    v, u = whole_numbers(batch, n, seed=7), whole_numbers(batch, m, seed=8)
    assert torch.equal((u * operator.mv(v)).sum(1), (operator.rmv(u) * v).sum(1))


@pytest.mark.parametrize("operator", [a, s, a.gram()], ids=["A", "S", "gram(A)"])
def test_transposing_twice_gives_the_operator_back(operator):
    assert operator.T.T is operator


def test_two_axes_are_a_batch_of_one():
    operator = DenseOperator(A[0])
    assert operator.shape == (1, 3, 4)
    assert torch.equal(operator.dense(), A[:1])


class Counting(DenseOperator):
    count = 0

    def mv(self, v):
        self.count += 1
        return super().mv(v)

    def rmv(self, u):
        self.count += 1
        return super().rmv(u)


@pytest.mark.parametrize("matrix", [A, TALL, SQUARE], ids=["wide", "tall", "square"])
def test_dense_multiplies_on_the_small_side(matrix):
    operator = Counting(matrix)
    operator.dense()
    assert operator.count == min(matrix.shape[1:])


def test_products_follow_the_grad_mode():
    matrix = A.clone().requires_grad_()
    v = whole_numbers(2, 3, seed=9)
    operator = (DenseOperator(matrix) - b).gram()
    with torch.no_grad():
        assert not operator.mv(v).requires_grad
    operator.mv(v).sum().backward()
    assert matrix.grad is not None
    assert matrix.grad.abs().sum() > 0


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: DenseOperator(torch.zeros(3)), r"shape \(3,\): give \(B, m, n\) or \(m, n\)"),
        (lambda: DenseOperator(torch.zeros(1, 2, 3, 4)), r"shape \(1, 2, 3, 4\)"),
        (lambda: DenseOperator(A, symmetric=True), "must be square: its shape is 3×4"),
        (lambda: a + a.T, r"\(2, 3, 4\) and \(2, 4, 3\) cannot be added"),
        (lambda: a - tall, "shapes must be equal"),
        (lambda: a - DenseOperator(A[:1]), r"\(2, 3, 4\) and \(1, 3, 4\)"),
    ],
    ids=["one axis", "four axes", "symmetric wide", "A+A.T", "A-tall", "other batch"],
)
def test_shape_errors(build, message):
    with pytest.raises(ValueError, match=message):
        build()

"""Taylor mode against nested reverse mode: the same penalty, for every matrix, solver and network."""

import warnings

import pytest
import torch
from torch import nn

from jhrun.autodiff.taylor.forms import _named as already_named
from jhrun.linalg import (
    DenseOperator,
    Direction,
    Exact,
    GolubKahan,
    GradientAscent,
    Hutchinson,
    Lanczos,
    Operator,
    Power,
)
from jhrun.models import CNN
from jhrun.objectives import CrossEntropy, SquaredError
from jhrun.penalties import (
    Constant,
    Hessian,
    HessianDiagonality,
    HessianTarget,
    Jacobian,
    JacobianDiagonality,
    JacobianSymmetry,
    JacobianTarget,
    Penalty,
    Target,
    Teacher,
)
from jhrun.records import Batch

B, N = 3, 6
# of the norm: a hundred roundings, amplified up to a thousand times
RELATIVE = 1e-10


def randn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def network(outputs=N, seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(N, 7), nn.Tanh(), nn.Linear(7, outputs)).double()


class Same(Target):
    """A target that is trained too: the same matrix of the same network, scaled, from a graph of its own."""

    def __init__(self, model):
        self.model = model

    def operator(self, penalty, forward):
        x = forward.inputs.detach().requires_grad_()
        outputs = self.model(x) * 0.3
        losses = forward.objective(outputs, forward.targets)
        return penalty.operator(forward._replace(inputs=x, outputs=outputs, losses=losses))


class Quadratic(Penalty):
    """An operator of an unknown kind: a transposed product of the network's parameters."""

    def __init__(self, model):
        self.model = model

    def operator(self, forward):
        return Jacobian().operator(forward) + DenseOperator(
            (self.model[2].weight @ self.model[0].weight).expand(B, N, N)
        )


MODEL = network()
MATRIX = randn(N, N, seed=7)
PENALTIES = {
    "jacobian": Jacobian(),
    "hessian": Hessian(),
    "symmetry": JacobianSymmetry(),
    "jacobian diagonality": JacobianDiagonality(),
    "hessian diagonality": HessianDiagonality(),
    "jacobian - matrix": JacobianTarget(Constant(MATRIX)),
    "hessian - matrix": HessianTarget(Constant(MATRIX)),
    "hessian - number": HessianTarget(Constant(torch.tensor(0.3, dtype=torch.float64))),
    "jacobian - teacher": JacobianTarget(Teacher(network(seed=9))),
    "hessian - teacher": HessianTarget(Teacher(network(seed=9))),
    "jacobian - trained": JacobianTarget(Same(MODEL)),
    "hessian - trained": HessianTarget(Same(MODEL)),
    "jacobian + parameters": Quadratic(MODEL),
}
SOLVERS = {
    "exact": Exact(),
    "lanczos": Lanczos(3),
    "lanczos, once": Lanczos(1),
    "lanczos, to exhaustion": Lanczos(100),
    "power": Power(2),
    "gradient ascent": GradientAscent(2, 0.5),
    "golub kahan": GolubKahan(2),
    "hutchinson": Hutchinson(),
    "hutchinson, measured": Hutchinson(measured=True),
}
BATCH = Batch(randn(B, N, seed=1), torch.tensor([0, 2, 5]))


def seeded():
    return torch.Generator().manual_seed(5)


def gradient(model, scalar):
    gradients = torch.autograd.grad(scalar, list(model.parameters()), materialize_grads=True, retain_graph=True)
    return torch.cat([g.flatten() for g in gradients])


def assert_near(actual, expected, relative=RELATIVE):
    assert actual.shape == expected.shape
    assert (actual - expected).norm() <= relative * expected.norm()


def assert_same_penalty(model, penalty, solver, batch=BATCH, objective=None):
    twin, ours = (
        penalty(model, objective or CrossEntropy(), batch, solver, seeded(), taylor=taylor, preflight=False)
        for taylor in (False, True)
    )
    assert torch.equal(ours.direction.vector, twin.direction.vector)
    for name in ("outputs", "losses", "values"):
        assert_near(getattr(ours, name), getattr(twin, name))
        weights = randn(B, *getattr(ours, name).shape[1:], seed=6)
        g, expected = (gradient(model, (weights * getattr(t, name)).sum()) for t in (ours, twin))
        assert expected.norm() > 0
        assert_near(g, expected)


@pytest.mark.parametrize("penalty", PENALTIES)
def test_every_matrix_with_any_direction(penalty):
    assert_same_penalty(MODEL, PENALTIES[penalty], Hutchinson())


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("penalty", ["jacobian", "hessian", "symmetry", "hessian - matrix"])
def test_every_solver(penalty, solver):
    assert_same_penalty(MODEL, PENALTIES[penalty], SOLVERS[solver])


@pytest.mark.parametrize("penalty", ["jacobian", "hessian", "hessian diagonality"])
@pytest.mark.parametrize("objective", [CrossEntropy(), SquaredError()], ids=lambda o: type(o).__name__)
def test_a_convolutional_network(penalty, objective):
    torch.manual_seed(0)
    data = {"shape": (2, 4, 4), "outputs": 4, "mean": [0.4, 0.5], "std": [0.5, 0.3]}
    model = CNN(**data, widths=[6], hidden=5, normalisation="group", weight_standardisation=True).double()
    batch = Batch(randn(B, 2, 4, 4, seed=2), torch.tensor([0, 3, 1]))
    assert_same_penalty(model, PENALTIES[penalty], Lanczos(2), batch, objective)


def test_hessian_of_an_output():
    model = network(outputs=1)
    batch = Batch(BATCH.inputs, randn(B, 1, seed=3))
    assert_same_penalty(model, Hessian(of="output"), Lanczos(2), batch, SquaredError())
    assert_same_penalty(model, HessianDiagonality(of="output"), Lanczos(2), batch, SquaredError())


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("symmetric", [False, True])
def test_the_row_that_a_solver_has_is_the_product(solver, symmetric):
    matrix = randn(B, N, N, seed=8)
    matrix[1] = torch.diag(torch.tensor([3.0, -3.0, 1.0, 0, 0, 0]))
    matrix[2] = 0
    operator = DenseOperator(matrix + matrix.mT if symmetric else matrix, symmetric=symmetric)
    found = SOLVERS[solver](operator, generator=seeded())
    has = {"exact", "power", "gradient ascent", "hutchinson, measured"}
    assert (found.row is not None) >= (solver in has or (symmetric and "lanczos" in solver))
    if found.row is not None:
        assert (found.row - operator.rmv(found.vector)).norm() <= 1e-13 * operator.matrix.norm()


def test_lanczos_spends_no_product_on_the_row():
    spent = []

    class Counted(DenseOperator):
        def mv(self, v):
            spent.append(1)
            return super().mv(v)

        rmv = mv

    found = Lanczos(2)(Counted(randn(B, N, N) + randn(B, N, N).mT, symmetric=True), generator=seeded())
    assert found.row is not None
    assert len(spent) == found.products == 2


@pytest.mark.parametrize("penalty", ["jacobian", "hessian", "symmetry", "hessian diagonality"])
def test_a_constant_network_has_a_zero_penalty_with_a_zero_gradient(penalty):
    model = network()
    for p in model[2].parameters():
        nn.init.zeros_(p)
    result = PENALTIES[penalty](model, CrossEntropy(), BATCH, Lanczos(4), seeded(), taylor=True)
    assert torch.equal(result.values.detach(), torch.zeros(B, dtype=torch.float64))
    assert torch.equal(
        gradient(model, result.values.sum()), torch.zeros_like(gradient(model, result.values.sum()))
    )


@pytest.mark.parametrize(
    ("penalty", "solver", "passes"),
    [
        # forward; gradient; n times Hv; series of 1, s, t, st
        (Hessian(), Lanczos(2), 1 + 1 + 2 + 4),
        # forward; graph of uᵀJ; n times J Jᵀv; Jᵀv; series of 1, t
        (Jacobian(), Lanczos(2), 1 + 1 + 4 + 1 + 2),
        # forward; J by its columns, which needs the graph of uᵀJ; series of 1, t
        (Jacobian(), Exact(), 1 + 1 + N + 2),
        # forward; Jᵀv and J v, which needs the graph of uᵀJ; series of 1, s, t
        (JacobianSymmetry(), Hutchinson(), 1 + 1 + 2 + 3),
    ],
)
def test_passes(penalty, solver, passes):
    assert penalty(MODEL, CrossEntropy(), BATCH, solver, seeded(), taylor=True).passes == passes


@pytest.mark.parametrize("penalty", ["jacobian", "hessian - teacher"])
def test_an_unknown_operation_falls_back(penalty):
    class Odd(nn.Module):
        def forward(self, x):
            return torch.erf(x)

    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(N, 7), Odd(), nn.Linear(7, N)).double()
    already_named.clear()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert_same_penalty(model, PENALTIES[penalty], Lanczos(2))
    (message,) = [str(w.message) for w in caught]
    assert "erf" in message


def test_terms_of_an_expression_sum_to_its_bilinear_form():
    a, b = (DenseOperator(randn(B, N, N, seed=s)) for s in (1, 2))
    expression = -(a - b.T).T + a.row_sums() - (a + b)
    u, v = randn(B, N, seed=3), randn(B, N, seed=4)
    terms = expression.terms(u, v)
    assert {id(t.operator) for t in terms} == {id(a), id(b)}
    total = sum((t.left * t.operator.mv(t.right)).sum(1) for t in terms)
    assert_near(total, (u * expression.mv(v)).sum(1))


def test_a_gram_matrix_is_one_term():
    a: Operator = DenseOperator(randn(B, N, N)).gram()
    assert [t.operator for t in a.terms(randn(B, N), randn(B, N))] == [a]


def test_direction_has_no_row_unless_given():
    assert Direction(randn(B, N), None, None, 0).row is None

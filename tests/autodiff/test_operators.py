"""Matrix-free Jacobians and Hessians against their dense twins, which ``torch.func`` forms example by example."""

from copy import deepcopy
from typing import NamedTuple

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.func import functional_call, jacrev

from jhrun.autodiff import HessianOperator, JacobianOperator
from jhrun.models import CNN, MLP

B, C, SHAPE = 3, 4, (2, 4, 4)
D = 32
DATA = {"shape": SHAPE, "outputs": C, "mean": [0.4, 0.5], "std": [0.5, 0.25]}
NETWORKS = {
    "mlp": lambda: MLP(**DATA, widths=[6, 5]),
    "cnn": lambda: CNN(**DATA, widths=[6], hidden=5, normalisation="group", weight_standardisation=True),
}
# of the norm of the result: some hundred roundings in a network of a few layers
RELATIVE = {torch.float64: 1e-10, torch.float32: 1e-4}

each_network = pytest.mark.parametrize("network", NETWORKS)
each_kind = pytest.mark.parametrize("kind", ["jacobian", "hessian"])
each_dtype = pytest.mark.parametrize("dtype", RELATIVE, ids=str)


class Case(NamedTuple):
    model: nn.Module
    x: torch.Tensor
    y: torch.Tensor


def case(network, dtype=torch.float64):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = NETWORKS[network]().to(dtype)
        x = torch.rand(B, *SHAPE, dtype=dtype)
    return Case(model, x, torch.tensor([0, 3, 1]))


def operator(kind, model, x, y):
    x = x.detach().requires_grad_()
    outputs = model(x)
    if kind == "jacobian":
        return JacobianOperator(outputs, x)
    return HessianOperator(F.cross_entropy(outputs, y, reduction="none"), x)


def dense(kind, model, x, y):
    """(B, m, n), with its graph to the parameters."""
    state = dict(model.named_parameters()) | dict(model.named_buffers())

    def outputs(xi):
        return functional_call(model, state, (xi[None],))[0]

    if kind == "jacobian":
        return torch.stack([jacrev(outputs)(xi) for xi in x]).flatten(2)
    # not torch.func.hessian: its forward mode runs a deprecated torch.jit.script, and warnings are errors
    gradient = jacrev(lambda xi, yi: F.cross_entropy(outputs(xi), yi))
    return torch.stack([jacrev(gradient)(xi, yi) for xi, yi in zip(x, y, strict=True)]).reshape(len(x), D, D)


def vectors(matrix, seed=1):
    """v (B, n) and u (B, m)."""
    generator = torch.Generator().manual_seed(seed)
    batch, m, n = matrix.shape
    v, u = (torch.randn(batch, size, generator=generator, dtype=torch.float64) for size in (n, m))
    return v.to(matrix.dtype), u.to(matrix.dtype)


def assert_near(actual, expected, relative=RELATIVE[torch.float64]):
    assert actual.shape == expected.shape
    assert (actual.double() - expected.double()).norm() <= relative * expected.double().norm()


def parameter_gradients(model, scalar):
    gradients = torch.autograd.grad(scalar, list(model.parameters()), materialize_grads=True)
    return torch.cat([g.flatten() for g in gradients])


@each_network
@each_kind
@each_dtype
def test_products_are_those_of_the_dense_twin(kind, network, dtype):
    model, x, y = case(network, dtype)
    a = operator(kind, model, x, y)
    matrix = dense(kind, deepcopy(model).double(), x.double(), y)
    v, u = vectors(matrix)
    assert a.shape == matrix.shape
    assert (a.dtype, a.symmetric) == (dtype, kind == "hessian")
    with torch.no_grad():
        assert_near(a.mv(v.to(dtype)), torch.einsum("bmn,bn->bm", matrix, v), RELATIVE[dtype])
        assert_near(a.rmv(u.to(dtype)), torch.einsum("bmn,bm->bn", matrix, u), RELATIVE[dtype])
        assert_near(a.dense(), matrix, RELATIVE[dtype])


@each_network
@each_kind
def test_adjointness(kind, network):
    """⟨u, Av⟩ = ⟨Aᵀu, v⟩; for the Hessian, this is its symmetry."""
    a = operator(kind, *case(network))
    v, u = vectors(a)
    left, right = (u * a.mv(v)).sum(1), (a.rmv(u) * v).sum(1)
    assert_near(left, right)
    if a.symmetric:
        assert_near((u * a.mv(v)).sum(1), (a.mv(u) * v).sum(1))


@each_network
@each_kind
def test_each_row_is_the_example_alone(kind, network):
    model, x, y = case(network)
    together = operator(kind, model, x, y)
    v, u = vectors(together)
    for b in range(B):
        one = slice(b, b + 1)
        alone = operator(kind, model, x[one], y[one])
        assert_near(together.mv(v)[one], alone.mv(v[one]))
        assert_near(together.rmv(u)[one], alone.rmv(u[one]))


@each_network
@each_kind
@pytest.mark.parametrize("product", ["mv", "rmv"])
@pytest.mark.parametrize("warm", [False, True], ids=["first", "after a no_grad product"])
def test_parameter_gradient_is_that_of_the_dense_twin(kind, network, product, warm):
    model, x, y = case(network)
    a, matrix = operator(kind, model, x, y), dense(kind, model, x, y)
    v, u = vectors(matrix)
    w, twin = (v, torch.einsum("bmn,bn->bm", matrix, v)) if product == "mv" else (u, matrix.mT @ u[:, :, None])
    if warm:
        with torch.no_grad():
            getattr(a, product)(w)
    expected = parameter_gradients(model, twin.square().sum())
    assert expected.norm() > 0
    assert_near(parameter_gradients(model, getattr(a, product)(w).square().sum()), expected)


@each_kind
@pytest.mark.parametrize("product", ["mv", "rmv"])
def test_products_follow_the_grad_mode(kind, product):
    a = operator(kind, *case("mlp"))
    w = dict(zip(("mv", "rmv"), vectors(a), strict=True))[product]
    with torch.no_grad():
        assert not getattr(a, product)(w).requires_grad
    assert getattr(a, product)(w).requires_grad


@each_kind
def test_operator_may_be_built_and_used_under_no_grad(kind):
    """Where only the forward pass kept its graph."""
    model, x, y = case("mlp")
    x.requires_grad_()
    outputs = model(x)
    losses = F.cross_entropy(outputs, y, reduction="none")
    with torch.no_grad():
        a = JacobianOperator(outputs, x) if kind == "jacobian" else HessianOperator(losses, x)
        result = a.dense()
    assert not result.requires_grad
    assert_near(result, dense(kind, model, x.detach(), y))


def test_hessian_keeps_the_gradient():
    model, x, y = case("cnn")
    state = dict(model.named_parameters()) | dict(model.named_buffers())
    expected = jacrev(lambda xs: F.cross_entropy(functional_call(model, state, (xs,)), y, reduction="sum"))(x)
    assert_near(operator("hessian", model, x, y).gradient, expected)


def passes(a, *products):
    """How many passes each product costs."""
    v, u = vectors(a)
    costs = []
    for product in products:
        before = a.spent().total()
        a.mv(v) if product == "mv" else a.rmv(u)
        costs.append(a.spent().total() - before)
    return costs


@pytest.mark.parametrize(
    ("kind", "built", "products", "costs"),
    [
        ("jacobian", 0, ["mv", "mv", "rmv", "mv", "rmv"], [2, 1, 1, 1, 1]),
        ("jacobian", 0, ["rmv", "rmv", "mv"], [1, 1, 2]),
        ("hessian", 1, ["mv", "rmv", "mv"], [1, 1, 1]),
    ],
)
def test_passes(kind, built, products, costs):
    """The graph of uᵀJ is built by the first J v, that of the gradient with the Hessian."""
    a = operator(kind, *case("mlp"))
    assert a.spent().total() == built
    assert passes(a, *products) == costs


def test_input_layout_does_not_matter():
    """Rows of vectors follow ``flatten``, also where the images lie in memory with channels last."""
    model, x, y = case("cnn")
    for kind in ("jacobian", "hessian"):
        plain = operator(kind, model, x, y)
        last = operator(kind, model, x.to(memory_format=torch.channels_last), y)
        v, u = vectors(plain)
        assert_near(last.mv(v), plain.mv(v))
        assert_near(last.rmv(u), plain.rmv(u))


def test_linear_network_has_its_weights_as_jacobian():
    weights = torch.arange(12, dtype=torch.float64).view(3, 4)
    x = torch.ones(2, 4, dtype=torch.float64, requires_grad=True)
    assert torch.equal(JacobianOperator(x @ weights.T, x).dense(), weights.expand(2, 3, 4))


def test_linear_scalar_has_a_zero_hessian():
    layer = nn.Linear(4, 1).double()
    x = torch.ones(2, 4, dtype=torch.float64, requires_grad=True)
    zero = torch.zeros(2, 4, 4, dtype=torch.float64)
    assert torch.equal(HessianOperator(layer(x)[:, 0], x).dense(), zero)
    assert torch.equal(HessianOperator(x.sum(1), x).dense(), zero)


def test_quadratic_scalar_has_its_matrix_as_hessian():
    matrix = torch.tensor([[2.0, -1.0], [-1.0, 5.0]], dtype=torch.float64)
    x = torch.tensor([[1.0, 2.0], [0.0, -3.0]], dtype=torch.float64, requires_grad=True)
    a = HessianOperator(torch.einsum("bi,ij,bj->b", x, matrix, x) / 2, x)
    assert torch.equal(a.dense(), matrix.expand(2, 2, 2))


@pytest.mark.parametrize(
    "outputs", [torch.ones(2, 3), torch.ones(2, 3, requires_grad=True) * 2], ids=["constant", "of a parameter"]
)
def test_outputs_that_ignore_the_inputs_have_zero_vjps(outputs):
    a = JacobianOperator(outputs, torch.ones(2, 4, requires_grad=True))
    assert torch.equal(a.rmv(torch.ones(2, 3)), torch.zeros(2, 4))


@pytest.mark.parametrize(
    "make", [lambda x, w: torch.ones(2, 3), lambda x, w: w * 2], ids=["constant", "of w alone"]
)
def test_what_does_not_depend_on_the_inputs_has_zero_derivatives(make):
    x, w = torch.ones(2, 4, requires_grad=True), torch.ones(2, 3, requires_grad=True)
    outputs = make(x, w)
    assert torch.equal(JacobianOperator(outputs, x).mv(torch.ones(2, 4)), torch.zeros(2, 3))
    assert torch.equal(JacobianOperator(outputs, x).rmv(torch.ones(2, 3)), torch.zeros(2, 4))
    assert torch.equal(HessianOperator(outputs.sum(1), x).mv(torch.ones(2, 4)), torch.zeros(2, 4))

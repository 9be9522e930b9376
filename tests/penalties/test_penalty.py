"""‖vᵀA‖² and its parameter gradient against dense matrices, in float64."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.func import functional_call, jacrev
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from jhrun.linalg import Direction, Lanczos, Power
from jhrun.models import CNN, MLP
from jhrun.objectives import CrossEntropy
from jhrun.penalties import Hessian, Jacobian
from jhrun.records import Batch

EPS = torch.finfo(torch.float64).eps
B, C, SHAPE, D = 3, 4, (1, 3, 4), 12
DATA = {"shape": SHAPE, "outputs": C, "mean": [0.4], "std": [0.5]}
NETWORKS = {
    "mlp": lambda: MLP(**DATA, widths=[6, 5]),
    "cnn": lambda: CNN(**DATA, widths=[6], hidden=5, normalisation="group"),
}
PENALTIES = {"jacobian": Jacobian(), "hessian": Hessian()}
SIDE = {"jacobian": C, "hessian": D}
FULL = Lanczos(D)

each_network = pytest.mark.parametrize("network", NETWORKS)
each_kind = pytest.mark.parametrize("kind", PENALTIES)


def case(network):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = NETWORKS[network]().double()
        x = torch.rand(B, *SHAPE, dtype=torch.float64)
    return model, Batch(x, torch.tensor([0, 3, 1]))


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def dense(kind, model, batch):
    """A, (B, m, n), with its graph to the parameters."""
    state = dict(model.named_parameters()) | dict(model.named_buffers())

    def outputs(xi, yi):
        return functional_call(model, state, (xi[None],))[0]

    def gradient(xi, yi):
        return jacrev(lambda z: F.cross_entropy(outputs(z, yi), yi))(xi)

    rows = jacrev(outputs if kind == "jacobian" else gradient)
    matrices = [rows(xi, yi) for xi, yi in zip(batch.inputs, batch.targets, strict=True)]
    return torch.stack(matrices).reshape(len(batch), SIDE[kind], D)


def spectral_norms(matrix):
    return torch.linalg.matrix_norm(matrix, ord=2)


def parameter_gradient(model, scalar):
    parameters = list(model.parameters())
    gradients = torch.autograd.grad(scalar, parameters, materialize_grads=True, retain_graph=True)
    return torch.cat([g.flatten() for g in gradients])


class Fixed:
    """The solver that knows its direction beforehand."""

    def __init__(self, vector):
        self.vector = vector

    def __call__(self, operator, start=None, generator=None):
        return Direction(self.vector, operator.rmv(self.vector).norm(dim=1), None, 1)


@each_network
@each_kind
def test_full_lanczos_gives_the_squared_spectral_norm(kind, network):
    model, batch = case(network)
    matrix = dense(kind, model, batch).detach()
    result = PENALTIES[kind](model, CrossEntropy(), batch, FULL, seeded())
    norms = spectral_norms(matrix)
    # the network's own roundings, some hundreds, and Lanczos' (100 + 10 D), in both factors of the square
    allowed = 1000 * EPS * norms**2
    assert ((result.values - norms**2).abs() <= allowed).all()
    value = result.direction.value
    assert (((value if kind == "jacobian" else value**2) - norms**2).abs() <= allowed).all()


@each_network
@each_kind
def test_gradient_is_that_of_the_top_eigenvalue(kind, network):
    """Danskin: with v held fixed, ∂‖vᵀA‖²/∂θ = ∂σ²_max/∂θ, against central differences of σ²_max itself."""
    model, batch = case(network)
    sigma = torch.linalg.svdvals(dense(kind, model, batch))
    assert (sigma[:, 1] < 0.95 * sigma[:, 0]).all(), "the theorem needs a simple top eigenvalue"
    values = PENALTIES[kind](model, CrossEntropy(), batch, FULL, seeded()).values
    gradient = parameter_gradient(model, values.sum())
    parameters = parameters_to_vector(model.parameters()).detach()

    def top(point):
        vector_to_parameters(point, model.parameters())
        return (spectral_norms(dense(kind, model, batch).detach()) ** 2).sum()

    step = 1e-5
    directions = torch.randn(4, len(parameters), generator=seeded(1), dtype=torch.float64)
    directions = torch.cat([directions, gradient[None]])
    for direction in directions / directions.norm(dim=1, keepdim=True):
        difference = (top(parameters + step * direction) - top(parameters - step * direction)) / (2 * step)
        # step² times a third derivative, and eps/step, are both below this
        assert abs(gradient @ direction - difference) <= 1e-6 * gradient.norm()


@each_network
@each_kind
def test_any_solver_may_pick_the_direction(kind, network):
    """Values and their gradient are those of vᵀA for the v at hand, which is no eigenvector here."""
    model, batch = case(network)
    v = torch.randn(B, SIDE[kind], generator=seeded(), dtype=torch.float64)
    result = PENALTIES[kind](model, CrossEntropy(), batch, Fixed(v))
    expected = torch.einsum("bm,bmn->bn", v, dense(kind, model, batch)).square().sum(1)
    assert torch.equal(result.direction.vector, v)
    assert (result.values - expected).norm() <= 1000 * EPS * expected.norm()
    gradient, twin = (parameter_gradient(model, values.sum()) for values in (result.values, expected))
    assert (gradient - twin).norm() <= 1e-10 * twin.norm()


@each_network
@each_kind
def test_rows_are_the_examples_alone(kind, network):
    model, batch = case(network)
    together = PENALTIES[kind](model, CrossEntropy(), batch, FULL, seeded())
    for b in range(B):
        one = Batch(batch.inputs[b : b + 1], batch.targets[b : b + 1])
        alone = PENALTIES[kind](model, CrossEntropy(), one, FULL, seeded())
        for name in ("outputs", "losses", "values"):
            row, single = getattr(together, name)[b], getattr(alone, name)[0]
            assert (row - single).norm() <= 1000 * EPS * single.norm()


@each_network
@each_kind
def test_outputs_and_losses_are_the_networks_own(kind, network):
    model, batch = case(network)
    result = PENALTIES[kind](model, CrossEntropy(), batch, Lanczos(1), seeded())
    outputs = model(batch.inputs)
    losses = CrossEntropy()(outputs, batch.targets)
    assert torch.equal(result.outputs, outputs)
    assert torch.equal(result.losses, losses)
    assert torch.equal(
        parameter_gradient(model, result.losses.sum()),
        parameter_gradient(model, losses.sum()),
    )


@each_kind
def test_the_batch_and_the_gradients_are_left_alone(kind):
    model, batch = case("mlp")
    before = batch.inputs.clone()
    PENALTIES[kind](model, CrossEntropy(), batch, Lanczos(2), seeded())
    assert not batch.inputs.requires_grad
    assert torch.equal(batch.inputs, before)
    assert all(p.grad is None for p in model.parameters())


@each_kind
def test_only_the_values_are_differentiable_not_the_direction(kind):
    model, batch = case("mlp")
    result = PENALTIES[kind](model, CrossEntropy(), batch, Lanczos(2), seeded())
    assert result.outputs.requires_grad
    assert result.losses.requires_grad
    assert result.values.requires_grad
    direction = result.direction
    assert not any(t.requires_grad for t in (direction.vector, direction.value, direction.residual))


@each_kind
def test_the_generator_decides_the_start(kind):
    model, batch = case("mlp")
    first, again, other = (
        PENALTIES[kind](model, CrossEntropy(), batch, Lanczos(1, start="random"), seeded(seed)).values
        for seed in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("constant", ["last layer", "all layers"])
@each_network
@each_kind
def test_a_constant_network_has_a_zero_penalty_with_a_zero_gradient(kind, network, constant):
    """Every matrix is zero there, and ‖vᵀA‖² is smooth: its gradient is 0, and not NaN."""
    model, batch = case(network)
    for layer in list(model)[-1:] if constant == "last layer" else model:
        if isinstance(layer, nn.Linear | nn.Conv2d):
            nn.init.zeros_(layer.weight)
    result = PENALTIES[kind](model, CrossEntropy(), batch, Lanczos(4), seeded())
    zero = torch.zeros(B, dtype=torch.float64)
    assert torch.equal(result.values.detach(), zero)
    assert torch.equal(result.direction.value, zero)
    assert torch.equal(result.direction.residual, zero)
    gradient = parameter_gradient(model, result.values.sum())
    assert torch.equal(gradient, torch.zeros_like(gradient))
    total = parameter_gradient(model, (0.5 * result.losses + 0.5 * result.values).sum())
    assert total.isfinite().all()
    assert total.norm() > 0


@each_network
@each_kind
def test_norms(kind, network):
    """‖A‖₂² ≤ ‖A‖_F² ≤ r·‖A‖₂², so that a small penalty makes all of A small."""
    model, batch = case(network)
    values = PENALTIES[kind](model, CrossEntropy(), batch, FULL, seeded()).values
    frobenius = dense(kind, model, batch).square().sum((1, 2))
    slack = 1 + 1000 * EPS
    assert (values <= frobenius * slack).all()
    assert (frobenius <= SIDE[kind] * values * slack).all()


@pytest.mark.parametrize(
    ("kind", "iterations", "passes"),
    [
        # forward; graph of uᵀJ; n times J Jᵀv; vᵀJ with its graph
        ("jacobian", 1, 1 + 1 + 2 * 1 + 1),
        ("jacobian", 3, 1 + 1 + 2 * 3 + 1),
        ("jacobian", 100, 1 + 1 + 2 * C + 1),
        # forward; gradient; n times Hv; vᵀH with its graph
        ("hessian", 1, 1 + 1 + 1 + 1),
        ("hessian", 3, 1 + 1 + 3 + 1),
    ],
)
def test_passes(kind, iterations, passes):
    model, batch = case("mlp")
    result = PENALTIES[kind](model, CrossEntropy(), batch, Lanczos(iterations), seeded())
    assert result.passes == passes


@pytest.mark.parametrize("solver", [Lanczos(1), Power(1)])
def test_a_loss_s_hessian_is_begun_at_the_gradient_unless_chance_is_asked_for(solver):
    """After one step from g, Lanczos has g itself and the power method Hg."""
    model, batch = case("mlp")
    x = batch.inputs.clone().requires_grad_()
    (g,) = torch.autograd.grad(F.cross_entropy(model(x), batch.targets, reduction="sum"), x)
    expected = g.flatten(1)
    if isinstance(solver, Power):
        expected = (dense("hessian", model, batch).detach() @ expected[:, :, None])[:, :, 0]
    expected = expected / expected.norm(dim=1, keepdim=True)

    def found(solver):
        return Hessian()(model, CrossEntropy(), batch, solver, seeded()).direction.vector

    assert torch.allclose((found(solver) * expected).sum(1).abs(), torch.ones(B, dtype=torch.float64))
    other = (found(type(solver)(1, start="random")) * expected).sum(1).abs()
    assert (other < 0.999).all()


def test_a_start_that_is_neither_is_refused():
    for solver in (Lanczos, Power):
        with pytest.raises(ValueError, match="offered, random"):
            solver(2, start="gradient")

"""Taylor mode against nested autograd: every rule, every network and activation, parameter gradients included."""

import operator
import re
import warnings
from copy import deepcopy
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from hydra.utils import instantiate
from omegaconf import OmegaConf
from torch import nn

from jhrun.autodiff import HessianOperator
from jhrun.autodiff.taylor import (
    RULES,
    HessianForm,
    JacobianForm,
    Series,
    Unsupported,
    autograd_forms,
    expand,
    forms,
    jvp_form,
    mixed_form,
    quadratic_form,
    taylor_forms,
)
from jhrun.autodiff.taylor.forms import _named as already_named
from jhrun.autodiff.taylor.normalise import standardise
from jhrun.config.groups import CONF, choices
from jhrun.models import CNN, MLP, resnet18
from jhrun.models.blocks import ACTIVATIONS
from jhrun.objectives import CrossEntropy, SquaredError

B = 3
# of the norm of the result in float64: a hundred roundings, amplified up to a thousand times
RELATIVE = 1e-10
# (how many directions, second derivatives): uᵀJv, vᵀHv, wᵀHv, and a plane with all that there is
LAYOUTS = [(1, ()), (1, [(0, 0)]), (2, [(0, 1)]), (2, [(0, 0), (1, 0), (1, 1)])]


def randn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def assert_near(actual, expected, relative=RELATIVE, what=""):
    assert actual.shape == expected.shape, what
    error, size = (actual.double() - expected.double()).norm(), expected.double().norm()
    assert error <= relative * size, f"{what}: {error / size:.2g}"


def nested(function, x, directions, pairs, weights):
    """Σₙ wₙ·partₙ of f(x + Σ tᵢdᵢ) at t = 0, by reverse mode in t, nested as deep as the part asks."""
    t = torch.zeros(len(directions), len(x), dtype=x.dtype, requires_grad=True)
    value = function(x + sum(ti.view(-1, *[1] * (x.ndim - 1)) * d for ti, d in zip(t, directions, strict=True)))
    orders = [(), *((i,) for i in range(len(directions))), *pairs]
    total = 0
    for weight, order in zip(weights, orders, strict=True):
        scalar = (weight * value).sum()
        for i in order:
            scalar = torch.autograd.grad(scalar, t, create_graph=True, materialize_grads=True)[0][i].sum()
        total = total + scalar
    return total


def gradients(scalar, leaves):
    if not isinstance(scalar, torch.Tensor) or not scalar.requires_grad:
        return [torch.zeros_like(leaf) for leaf in leaves]
    return torch.autograd.grad(scalar, leaves, materialize_grads=True, allow_unused=True)


def check(function, x, parameters=(), relative=RELATIVE):
    """Every part, and the gradients of a combination of all parts by parameters, input and directions.

    The gradient of Σₙ wₙ·partₙ by wₙ is the part itself, so that one nested scalar serves for all.
    """
    for number, pairs in LAYOUTS:
        leaves = [t.clone().requires_grad_() for t in (x, *(randn(*x.shape, seed=7 + i) for i in range(number)))]
        made = function(expand(leaves[0], leaves[1:], pairs))
        assert isinstance(made, Series)
        assert made.value.shape == made.shape == function(x).shape
        weights = [randn(*made.shape, seed=20 + n).requires_grad_() for n in range(made.layout.size)]
        ours = sum((w * p).sum() for w, p in zip(weights, made.parts, strict=True))
        twin = nested(function, leaves[0], leaves[1:], pairs, weights)
        wanted = [*weights, *leaves, *parameters]
        for n, (g, expected) in enumerate(zip(gradients(ours, wanted), gradients(twin, wanted), strict=True)):
            assert_near(
                g, expected, relative, f"{('part', 'gradient')[n >= len(weights)]} {n} of {number}, {pairs}"
            )


def positive(function):
    return lambda x: function(x * x + 0.5)


IMAGE = randn(B, 4, 6, 6)
WEIGHT, BIAS = randn(5, 4, 3, 3, seed=1).requires_grad_(), randn(5, seed=2).requires_grad_()
SCALE, SHIFT = randn(4, seed=3).requires_grad_(), randn(4, seed=4).requires_grad_()
MATRIX = randn(3, 6, seed=5).requires_grad_()
PIXELS = randn(6, 6, seed=10).requires_grad_()
EACH = randn(B, 4, 1, 1, seed=6)
RUNNING = randn(4, seed=8), randn(4, seed=9).square() + 0.1


def layer_norm(x):
    """As torch has it for a series; else in plain steps, since torch's own third derivative is silently wrong.

    See https://github.com/pytorch/pytorch/issues/175754: here it misses by half.
    """
    if isinstance(x, Series):
        return F.layer_norm(x, (6, 6), PIXELS, 2 * PIXELS)
    centred = x - x.mean((2, 3), keepdim=True)
    return PIXELS * centred / (centred.square().mean((2, 3), keepdim=True) + 1e-5).sqrt() + 2 * PIXELS


LINEAR = {
    "linear": (lambda x: F.linear(x, MATRIX, BIAS[:3]), [MATRIX, BIAS]),
    "linear without bias": (lambda x: F.linear(x, MATRIX), [MATRIX]),
    "matmul": (lambda x: x @ MATRIX.T, [MATRIX]),
    "conv2d": (lambda x: F.conv2d(x, WEIGHT, BIAS, stride=2, padding=1), [WEIGHT, BIAS]),
    "conv2d without bias": (lambda x: F.conv2d(x, WEIGHT), [WEIGHT]),
    "conv1d": (lambda x: F.conv1d(x.flatten(2), WEIGHT[..., 0], BIAS), [WEIGHT, BIAS]),
    "conv3d": (lambda x: F.conv3d(x.unsqueeze(2), WEIGHT[:, :, None]), [WEIGHT]),
    "conv_transpose2d": (lambda x: F.conv_transpose2d(x, WEIGHT[:4], BIAS[:4]), [WEIGHT, BIAS]),
    "avg_pool2d": (lambda x: F.avg_pool2d(x, 2), []),
    "adaptive_avg_pool2d": (lambda x: F.adaptive_avg_pool2d(x, 2), []),
    "zero padding": (lambda x: F.pad(x, (1, 0, 2, 1)), []),
    "reflecting padding": (lambda x: F.pad(x, (1, 1, 1, 1), mode="reflect"), []),
    "flatten": (lambda x: x.flatten(1), []),
    "torch.flatten": (lambda x: torch.flatten(x, 2), []),
    "unflatten": (lambda x: x.unflatten(1, (2, 2)), []),
    "view": (lambda x: x.view(x.size(0), -1), []),
    "view of any batch": (lambda x: x.view(-1, 144), []),
    "reshape": (lambda x: x.reshape((len(x), 2, 72)), []),
    "permute": (lambda x: x.permute(0, 2, 3, 1), []),
    "transpose": (lambda x: x.transpose(1, -1), []),
    "squeeze": (lambda x: x.unsqueeze(-1).squeeze(-1).contiguous().clone(), []),
    "mean": (lambda x: x.mean((2, 3)), []),
    "mean, axis kept": (lambda x: x.mean(-1, keepdim=True), []),
    "sum": (lambda x: x.sum(dim=1), []),
    "index": (lambda x: x[:, 1:3, 0], []),
    "index from the end": (lambda x: x[..., 2], []),
    "dropout at rest": (lambda x: F.dropout(x, training=False), []),
}
ARITHMETIC = {
    "sum of series": (lambda x: x + F.tanh(x), []),
    "difference of series": (lambda x: F.tanh(x) - x, []),
    "plus a constant": (lambda x: 2 + x + SCALE.view(-1, 1, 1) + EACH, [SCALE]),
    "constant minus": (lambda x: (1 - x) + (EACH - x), []),
    "minus a constant": (lambda x: x - EACH - 0.5, []),
    "times a constant": (lambda x: SCALE.view(-1, 1, 1) * x * EACH * 0.3, [SCALE]),
    "over a constant": (lambda x: x / SCALE.view(-1, 1, 1) / 3, [SCALE]),
    "over a constant each": (lambda x: x / EACH, []),
    "product of series": (lambda x: x * torch.tanh(x).mean(1, keepdim=True), []),
    "product with itself": (lambda x: x * x, []),
    "quotient of series": (lambda x: x / (x.square() + 1), []),
    "quotient of a constant": (lambda x: EACH / (x.square() + 1) + 2 / (x * x + 1), []),
    "minus": (lambda x: -x, []),
    "concatenation": (lambda x: torch.cat([x, EACH.expand(-1, -1, 6, 6), x.tanh()], 1), []),
}
POINTWISE = {
    "softplus": (F.softplus, []),
    "softplus, beta 8": (lambda x: F.softplus(x, beta=8), []),
    "softplus beyond its threshold": (lambda x: F.softplus(x, 8, 4), []),
    "sigmoid": (torch.sigmoid, []),
    "tanh": (torch.tanh, []),
    "silu": (F.silu, []),
    "gelu": (F.gelu, []),
    "gelu by tanh": (lambda x: F.gelu(x, approximate="tanh"), []),
    "relu": (F.relu, []),
    "leaky relu": (lambda x: F.leaky_relu(x, 0.2), []),
    "exp": (torch.exp, []),
    "log": (positive(torch.log), []),
    "sqrt": (positive(torch.sqrt), []),
    "rsqrt": (positive(torch.rsqrt), []),
    "reciprocal": (positive(torch.reciprocal), []),
    "square": (torch.square, []),
    "cube": (lambda x: x**3, []),
    "root": (positive(lambda x: x.pow(1.5)), []),
}
REST = {
    "group_norm": (lambda x: F.group_norm(x, 2, SCALE, SHIFT), [SCALE, SHIFT]),
    "group_norm, a channel each": (lambda x: F.group_norm(x, 4), []),
    "group_norm, weight alone": (lambda x: F.group_norm(x, 1, SCALE), [SCALE]),
    "layer_norm": (layer_norm, [PIXELS]),
    "batch_norm": (lambda x: F.batch_norm(x, *RUNNING, SCALE, SHIFT), [SCALE, SHIFT]),
    "batch_norm, plain": (lambda x: F.batch_norm(x, *RUNNING), []),
    "max_pool2d": (lambda x: F.max_pool2d(x, 3, stride=2, padding=1), []),
    "adaptive_max_pool2d": (lambda x: F.adaptive_max_pool2d(x, 2), []),
    "logsumexp": (lambda x: torch.logsumexp(x, 1), []),
    "log_softmax": (lambda x: F.log_softmax(x, dim=1), []),
    "softmax": (lambda x: torch.softmax(x, 2), []),
    "cross_entropy": (
        lambda x: F.cross_entropy(x[:, :, 0, 0], torch.tensor([0, 3, 2]), reduction="none"),
        [],
    ),
    "cross_entropy of distributions": (
        lambda x: F.cross_entropy(x[:, :, 0, 0], IMAGE[:, :, 0, 1].softmax(1), reduction="none"),
        [],
    ),
    "weighted cross_entropy": (
        lambda x: F.cross_entropy(
            x[:, :, 0, 0], torch.tensor([0, 3, -100]), SCALE.detach().abs(), reduction="none"
        ),
        [],
    ),
    "mse_loss": (lambda x: F.mse_loss(x, IMAGE.tanh(), reduction="none"), []),
}
OPERATIONS = LINEAR | ARITHMETIC | POINTWISE | REST


@pytest.mark.parametrize("name", OPERATIONS)
def test_operation(name):
    function, parameters = OPERATIONS[name]
    check(function, IMAGE, parameters)


def test_every_rule_is_tried(monkeypatch):
    tried = set()

    def watched(rule):
        def apply(*args, **kwargs):
            tried.add(rule)
            return rule(*args, **kwargs)

        return apply

    rules = {name: rule for name, (rule, _) in RULES.items()}
    for name, (rule, accepted) in RULES.items():
        monkeypatch.setitem(RULES, name, (watched(rule), accepted))
    for function, _ in OPERATIONS.values():
        function(expand(IMAGE, [IMAGE], [(0, 0)]))
    assert not {name for name, rule in rules.items() if rule not in tried} - UNTRIED


# of other dimensions than those tried, by the same function
UNTRIED = {f"{kind}{n}d" for kind in ("conv_transpose", "avg_pool", "adaptive_avg_pool") for n in (1, 3)}
UNTRIED |= {f"{kind}{n}d" for kind in ("max_pool", "adaptive_max_pool") for n in (1, 3)}


def test_group_norm_is_its_plain_twin():
    x = expand(IMAGE, [randn(*IMAGE.shape, seed=1), randn(*IMAGE.shape, seed=2)], [(0, 0), (0, 1)])
    grouped = x.like(x.stack.reshape(len(x.stack), 2, -1))
    assert_near(F.group_norm(x, 2).stack, standardise(grouped, (2,), 1e-5).stack.view(x.stack.shape))


def test_softplus_keeps_to_the_threshold():
    x = torch.tensor([[2.4], [2.6], [-100.0]], dtype=torch.float64)
    check(lambda z: F.softplus(z, 8, 20), x)
    assert F.softplus(expand(x, [x], [(0, 0)]), 8, 20).parts[1].flatten()[1] == 2.6


@pytest.mark.parametrize(
    "function", [F.relu, F.leaky_relu, torch.square, lambda x: F.max_pool1d(x.unsqueeze(1), 2)]
)
def test_at_a_kink_or_zero_it_does_as_autograd(function):
    check(function, torch.zeros(2, 3, dtype=torch.float64))


def model_of(name):
    """A network of ``conf/model``, as small as its file says it may be."""
    file = CONF / "model" / f"{name}.yaml"
    config = OmegaConf.to_container(OmegaConf.load(file))
    found = re.search(r"^# tried with: (.+)$", file.read_text(), re.MULTILINE)
    for word in found.group(1).split() if found else ():
        key, value = word.removeprefix("model.").split("=")
        config[key] = int(value)
    return built(lambda: instantiate(config, **DATA))


def built(make):
    """In double precision, in eval mode, with running figures that are not the default."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = make().double().eval()
    for number, module in enumerate(model.modules()):
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.copy_(0.3 * randn(len(module.running_mean), seed=number))
            module.running_var.copy_(1 + 0.5 * randn(len(module.running_var), seed=number).tanh())
    return model


DATA = {"shape": (3, 12, 12), "outputs": 5, "mean": [0.4, 0.5, 0.6], "std": [0.5, 0.25, 0.3]}
TINY = {**DATA, "widths": [4, 6], "hidden": 7}
NETWORKS = {name: partial(model_of, name) for name in choices("model")}
for _activation in ACTIVATIONS:
    NETWORKS[f"cnn, {_activation}"] = partial(CNN, **TINY, activation=_activation, weight_standardisation=True)
for _norm in ("group", "batch", "none"):
    NETWORKS[f"resnet18, {_norm} norm"] = partial(
        resnet18, **DATA, width=8, normalisation=_norm, activation="gelu"
    )
X, Y = randn(B, 3, 12, 12).tanh() / 2 + 0.5, torch.tensor([0, 4, 2])
V, W = randn(B, 432, seed=1), randn(B, 3, 12, 12, seed=2)
U = randn(B, 5, seed=3)
WANTED = {
    "uᵀJv": JacobianForm(U, V),
    "vᵀHv": HessianForm(V, V),
    "wᵀHv": HessianForm(W, V),
}
OBJECTIVES = {"cross-entropy": CrossEntropy(), "squared error": SquaredError()}

each_network = pytest.mark.parametrize("network", NETWORKS)
each_objective = pytest.mark.parametrize("objective", OBJECTIVES)


def network_of(name):
    return NETWORKS[name]() if name in choices("model") else built(NETWORKS[name])


def assert_forms_near(model, actual, expected, relative=RELATIVE):
    """Outputs, losses and values, and their gradients by all parameters at once."""
    parameters = list(model.parameters())
    names = ["outputs", "losses", *("value" for _ in actual.values)]
    for name, a, e in zip(names, (*actual[:2], *actual.values), (*expected[:2], *expected.values), strict=True):
        assert_near(a, e, relative, name)
        weights = randn(*a.shape, seed=4).to(a)
        g, twin = (
            torch.cat(
                [
                    p.flatten()
                    for p in torch.autograd.grad(
                        (weights * t).sum(), parameters, retain_graph=True, materialize_grads=True
                    )
                ]
            )
            for t in (a, e)
        )
        assert_near(g, twin, relative, f"gradient of {name}")


@each_network
@each_objective
def test_network(network, objective):
    """uᵀJv, vᵀHv and wᵀHv in one pass, with outputs and losses, against nested reverse mode."""
    model = network_of(network)
    loss = OBJECTIVES[objective]
    actual = taylor_forms(model, X, list(WANTED.values()), loss, Y)
    assert_forms_near(model, actual, autograd_forms(model, X, list(WANTED.values()), loss, Y))


def test_the_named_functions_are_the_forms():
    model, loss = network_of("cnn"), CrossEntropy()
    expected = autograd_forms(model, X, list(WANTED.values()), loss, Y).values
    made = jvp_form(model, X, U, V), quadratic_form(model, loss, X, Y, V), mixed_form(model, loss, X, Y, W, V)
    for one, value in zip(made, expected, strict=True):
        assert_near(one.values[0], value)
        assert_near(one.outputs, model(X))
    assert made[0].losses is None
    assert_near(made[1].losses, loss(model(X), Y))


def test_hessian_of_a_single_output():
    model = built(lambda: MLP(**{**DATA, "outputs": 1}, widths=[6, 5]))
    wanted = [HessianForm(W, V, of_outputs=True)]
    actual, expected = (f(model, X, wanted).values[0] for f in (taylor_forms, autograd_forms))
    assert_near(actual, expected)


@pytest.mark.parametrize("function", [taylor_forms, autograd_forms])
def test_the_hessian_of_a_loss_needs_an_objective(function):
    with pytest.raises(ValueError, match="objective is missing"):
        function(network_of("mlp"), X, [HessianForm(W, V)])


def test_several_forms_share_directions():
    """As (J − Jᵀ) and H − D(H1) need them; the order of the pairs is that of the forms."""
    model, loss = network_of("mlp"), CrossEntropy()
    wanted = [HessianForm(W, V), JacobianForm(U, W), HessianForm(V, V), HessianForm(V, W), HessianForm(W, V)]
    actual, expected = (f(model, X, wanted, loss, Y).values for f in (taylor_forms, autograd_forms))
    for a, e in zip(actual, expected, strict=True):
        assert_near(a, e)


def test_the_gradient_by_the_directions_is_a_product():
    """∂(wᵀHv)/∂v = Hw and ∂(uᵀJv)/∂u = Jv, by the same backward pass: what moves a tracked vector."""
    model, loss = network_of("cnn"), CrossEntropy()
    u, v, w = (t.clone().requires_grad_() for t in (U, V, W))
    for f in (taylor_forms, autograd_forms):
        values = f(model, X, [JacobianForm(u, v), HessianForm(w, v)], loss, Y).values
        made = gradients(values[0].sum() + values[1].sum(), [u, v, w])
        if f is taylor_forms:
            actual = made
    for a, e in zip(actual, made, strict=True):
        assert_near(a, e)


def test_one_ordinary_backward_pass_gives_twice_the_mixed_gradient():
    """∇‖Hv‖² = 2∇(wᵀHv) with w = Hv constant, for any v."""
    model, loss = network_of("cnn"), CrossEntropy()
    x = X.clone().requires_grad_()
    hv = HessianOperator(loss(model(x), Y), x).mv(V)
    expected = gradients(hv.square().sum(), list(model.parameters()))
    values = mixed_form(model, loss, X, Y, hv.detach(), V).values[0]
    for g, e in zip(gradients(2 * values.sum(), list(model.parameters())), expected, strict=True):
        assert_near(g, e)


@pytest.mark.parametrize("network", ["cnn", "resnet18"])
def test_rows_are_the_examples_alone(network):
    model, loss = network_of(network), CrossEntropy()
    together = taylor_forms(model, X, list(WANTED.values()), loss, Y)
    for b in range(B):
        one = slice(b, b + 1)
        wanted = [JacobianForm(U[one], V[one]), HessianForm(V[one], V[one]), HessianForm(W[one], V[one])]
        alone = taylor_forms(model, X[one], wanted, loss, Y[one])
        assert_near(together.outputs[one], alone.outputs)
        assert_near(together.losses[one], alone.losses)
        for all_rows, row in zip(together.values, alone.values, strict=True):
            # of the batch's values: an example's own may be small by cancellation
            assert (all_rows[one] - row).abs() <= RELATIVE * all_rows.norm()


def test_input_layout_does_not_matter():
    model, loss = network_of("resnet18"), CrossEntropy()
    plain, last = (
        taylor_forms(model, x, list(WANTED.values()), loss, Y)
        for x in (X, X.to(memory_format=torch.channels_last))
    )
    for a, e in zip(last.values, plain.values, strict=True):
        assert_near(a, e)


@pytest.mark.parametrize("network", ["mlp", "cnn", "resnet18"])
def test_float32_is_float64_up_to_rounding(network):
    """Tolerance: float64's own distance between the two ways, scaled by the ratio of the epsilons.

    Both are the same function of the same numbers, and rounding errors are proportional to epsilon; a factor of
    100 covers that one is a single draw of them, and 1e-6 the least that float32 can do.
    """
    model, loss = network_of(network), CrossEntropy()
    exact = taylor_forms(model, X, list(WANTED.values()), loss, Y)
    twin = autograd_forms(model, X, list(WANTED.values()), loss, Y)
    single = deepcopy(model).float()
    wanted = [type(f)(*(t.float() for t in f[:2])) for f in WANTED.values()]
    made = taylor_forms(single, X.float(), wanted, loss, Y)
    ratio = torch.finfo(torch.float32).eps / torch.finfo(torch.float64).eps
    for a, e, t in zip(made.values, exact.values, twin.values, strict=True):
        assert a.dtype == torch.float32
        allowed = max(1e-6, 100 * ratio * ((t - e).norm() / e.norm()).item())
        assert allowed < 0.05
        assert_near(a, e, allowed)


class Odd(nn.Module):
    """A network with an operation that has no rule."""

    def __init__(self, operation):
        super().__init__()
        self.linear, self.operation = nn.Linear(432, 5).double(), operation

    def forward(self, x):
        return self.linear(self.operation(x.flatten(1)).tanh())


class Twice(torch.autograd.Function):
    """Doubles; in its forward no graph is kept, so that a series that went through would lose one."""

    @staticmethod
    def forward(_, x):
        return x * 2

    @staticmethod
    def backward(_, g):
        return g * 2


def without_a_graph(x):
    with torch.no_grad():
        return x * 2


UNKNOWN = {
    "erf": torch.erf,
    "cumsum": lambda x: x.cumsum(1),
    "relu in place": lambda x: F.relu(x * 1, inplace=True),
    "an operation along the batch axis": lambda x: x - x.mean(0),
    "mean with such arguments": lambda x: x - 0 * x.mean(),
    "under another grad mode": without_a_graph,
    "an index along the batch axis": lambda x: x[[0, 1, 2]],
    "Tensor.T": lambda x: x.T.T,
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_an_unknown_operation_falls_back_with_one_warning(name):
    torch.manual_seed(0)
    model, loss = Odd(UNKNOWN[name]), CrossEntropy()
    with pytest.raises(Unsupported, match=name):
        taylor_forms(model, X, list(WANTED.values()), loss, Y)
    already_named.clear()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        made = [forms(model, X, list(WANTED.values()), loss, Y) for _ in range(2)]
    (message,) = [str(w.message) for w in caught]
    assert name in message
    assert_forms_near(model, made[1], autograd_forms(model, X, list(WANTED.values()), loss, Y))


def test_a_custom_function_is_not_entered():
    with pytest.raises(Unsupported, match="another grad mode"):
        taylor_forms(Odd(Twice.apply), X, [JacobianForm(U, V)])


def test_a_network_that_ignores_its_input_falls_back():
    with pytest.raises(Unsupported, match="the network, which returned no series"):
        taylor_forms(Odd(lambda x: torch.ones(B, 432, dtype=torch.float64)), X, [JacobianForm(U, V)])


@pytest.mark.parametrize(
    "function",
    [
        lambda x: F.batch_norm(x, None, None, training=True),
        lambda x: F.dropout(x, 0.5, training=True),
        lambda x: F.cross_entropy(x[:, :, 0, 0], torch.tensor([0, 1, 2])),
        lambda x: F.cross_entropy(x[:, :, 0, 0], torch.tensor([0, 1, 2]), reduction="none", label_smoothing=0.1),
        lambda x: F.mse_loss(x, IMAGE),
        lambda x: F.pad(x, (1, 1), value=1.0),
        lambda x: x + randn(2, *x.shape),
        lambda x: x[:1] * 2,
        lambda x: x.view(-1),
        lambda x: x.permute(1, 0, 2, 3),
        lambda x: x.transpose(0, 1),
        lambda x: x.unsqueeze(0),
        lambda x: x.sum(-4),
        lambda x: F.log_softmax(x, dim=-4),
        lambda x: torch.cat([x, x], -4),
        lambda x: x.unsqueeze(-5),
        lambda x: torch.cat([x, x]),
        lambda x: x.flatten(),
        lambda x: 2**x,
        lambda x: x > 0,
        lambda x: x == 0,
        abs,
        lambda x: 1 if x else 0,
        list,
        lambda x: operator.iadd(x, 1),
        lambda x: x.add_(1),
        lambda x: operator.setitem(x, 0, 0),
        lambda x: torch.add(x, x, alpha=2),
        lambda x: MATRIX.T @ x,
    ],
)
def test_what_a_rule_does_not_cover_is_refused(function):
    with pytest.raises(Unsupported):
        function(expand(IMAGE, [IMAGE], [(0, 0)]))

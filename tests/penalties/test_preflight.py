"""What preflight refuses, by the name of the layer, and what it lets pass."""

import warnings

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from jhrun.linalg import Lanczos
from jhrun.models import CNN, MLP, resnet18, wrn28_10
from jhrun.objectives import CrossEntropy
from jhrun.penalties import Hessian, Jacobian, preflight
from jhrun.records import Batch

SPEC = {"shape": (1, 8, 8), "outputs": 3, "mean": [0.3], "std": [0.4]}
BATCH = Batch(torch.rand(2, 1, 8, 8, generator=torch.Generator().manual_seed(0)), torch.tensor([0, 2]))


def check(model, *penalties):
    return preflight(model, CrossEntropy(), penalties or [Jacobian(), Hessian()], Lanczos(2), BATCH)


class Does(nn.Module):
    """A layer that calls a function."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


def classifier(*layers):
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 8), *layers, nn.Linear(8, 3))


@pytest.mark.parametrize(
    "model",
    [
        CNN(**SPEC),
        MLP(**SPEC),
        CNN(**SPEC, normalisation="group"),
        resnet18(width=8, **SPEC),
        wrn28_10(factor=1, **SPEC),
    ],
    ids=["cnn", "mlp", "cnn with groups", "resnet18", "wrn28_10"],
)
def test_our_networks_pass_and_stay_as_they_are(model):
    model.train()
    before, random = {k: v.clone() for k, v in model.state_dict().items()}, torch.get_rng_state()
    assert check(model) == []
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
    assert all(p.grad is None for p in model.parameters())
    assert next(model.parameters()).dtype == torch.float32
    assert torch.equal(torch.get_rng_state(), random)


def test_batch_norm_in_training_mode_is_refused_by_name():
    with pytest.raises(ValueError, match=r"layer '2' \(BatchNorm2d\).*model\.normalisation=group"):
        check(CNN(**SPEC, normalisation="batch"))


class BatchMean(nn.Module):
    def forward(self, x):
        return x - x.mean(0, keepdim=True)


class OnceDifferentiable(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.exp()

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, gradient):
        (x,) = ctx.saved_tensors
        return gradient * x.exp()


class Once(nn.Module):
    def forward(self, x):
        return OnceDifferentiable.apply(x)


class Root(nn.Module):
    """√(x − x): its derivative is infinite."""

    def forward(self, x):
        return x + (x - x).sqrt()


class Nan(nn.Module):
    def forward(self, x):
        return x * float("nan")


@pytest.mark.parametrize(
    ("layer", "said"),
    [
        (BatchMean(), r"layer '2' \(BatchMean\) lets an example's outputs depend on the rest"),
        (Once(), r"layer '2' \(Once\) cannot be differentiated twice"),
        (Root(), r"layer '2' \(Root\) gives values that are not finite in float32"),
        (Nan(), r"layer '2' \(Nan\) gives values that are not finite in float32"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_layer_that_will_not_do_is_named(layer, said):
    with pytest.raises(ValueError, match=said):
        check(classifier(layer))


def test_an_inner_layer_is_named_rather_than_the_block_around_it():
    with pytest.raises(ValueError, match=r"layer '2\.1' \(Once\)"):
        check(classifier(nn.Sequential(nn.Tanh(), Once())))


def test_a_layer_that_only_float64_finds_too_large_for_float32_is_named():
    class Huge(nn.Module):
        def forward(self, x):
            return 1e30 * x

    with pytest.raises(ValueError, match=r"not finite in float32"):
        check(classifier(Huge(), Huge()))


def test_dropout_draws_for_each_example_by_itself_and_passes():
    assert check(classifier(nn.Dropout(0.5))) == []


def test_the_hessian_of_a_relu_network_is_a_warning():
    (warning,) = check(MLP(**SPEC, activation="relu"))
    assert "Gauss-Newton" in warning
    assert "ReLU" in warning
    assert check(MLP(**SPEC, activation="relu"), Jacobian()) == []


def third_derivative_s_error(layer):
    """Of ∂‖Hv‖²/∂θ through a layer, against central differences, relative."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(4, 5), layer, nn.Softplus(), nn.Linear(5, 1)).double()
        x, v = torch.randn(2, 1, 4, dtype=torch.float64)
    theta = model[0].weight

    def value():
        leaf = x.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(model(leaf).sum(), leaf, create_graph=True)
        (product,) = torch.autograd.grad((gradient * v).sum(), leaf, create_graph=True)
        return product.square().sum()

    (found,) = torch.autograd.grad(value(), theta)
    expected, step = torch.zeros_like(theta), 1e-5
    with torch.no_grad():
        flat = theta.view(-1)
        for i in range(len(flat)):
            both = []
            for sign in (1, -2):
                flat[i] += sign * step
                with torch.enable_grad():
                    both.append(value().item())
            flat[i] += step
            expected.view(-1)[i] = (both[0] - both[1]) / (2 * step)
    return ((found - expected).norm() / expected.norm()).item()


def test_layer_norm_is_refused_under_a_hessian_for_pytorch_differentiates_it_wrongly():
    """Where the first line fails, PyTorch was mended, and the refusal can go."""
    assert third_derivative_s_error(nn.LayerNorm(5)) > 0.1
    # central differences are good to about step² and rounding over step
    assert third_derivative_s_error(nn.GroupNorm(1, 5)) < 1e-6
    with pytest.raises(ValueError, match=r"LayerNorm.*GroupNorm with one group"):
        check(classifier(nn.LayerNorm(8), nn.Softplus()), Hessian())
    assert check(classifier(nn.LayerNorm(8), nn.Softplus()), Jacobian()) == []


class Cube(torch.autograd.Function):
    """x³, of which the second derivative, 6x, is given as 3x."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx, gradient):
        (x,) = ctx.saved_tensors
        return gradient * 3 * x * x.detach()


class Block(nn.Module):
    """A layer norm that no module is, amid the network's own forward."""

    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(64, 8), nn.Linear(8, 3)

    def forward(self, x):
        return self.last(F.softplus(F.layer_norm(self.first(x.flatten(1)), (8,))))


def layer_norm(x):
    return F.layer_norm(x, (8,))


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (classifier(Does(layer_norm), nn.Softplus()), r"layer '2' \(Does\) is differentiated .* three times"),
        (classifier(Does(layer_norm), nn.ReLU()), r"layer '2' \(Does\) is differentiated .* three times"),
        (classifier(nn.Sequential(Does(layer_norm)), nn.Tanh()), r"layer '2\.0' \(Does\) is differentiated"),
        (Block(), r"the network \(Block\) is differentiated wrongly .*for layer_norm, group_norm with one group"),
        (classifier(Does(Cube.apply)), r"layer '2' \(Does\) is differentiated wrongly when that is done twice"),
    ],
    ids=["layer_norm", "before ReLU", "in a block", "in the network's forward", "one of the user's own"],
)
def test_a_wrong_derivative_is_found_by_number(model, said):
    with pytest.raises(ValueError, match=said):
        check(model, Hessian())


def test_the_error_of_the_gradient_is_the_one_that_training_would_make():
    """The gradients of ‖Hv‖² through layer_norm and through its equal, group_norm, by the same v."""
    torch.manual_seed(0)
    gradients = []
    with torch.random.fork_rng():
        model = classifier(Does(layer_norm), nn.Softplus()).double()
    batch = Batch(BATCH.inputs.double(), BATCH.targets)
    for function in (layer_norm, lambda x: F.group_norm(x, 1)):
        model[2].function = function
        out = Hessian()(
            model, CrossEntropy(), batch, Lanczos(2), torch.Generator().manual_seed(0), preflight=False
        )
        gradients.append(torch.autograd.grad(out.values.sum(), model[1].weight)[0])
    wrong, right = gradients
    assert (wrong - right).norm() > 0.1 * right.norm()
    assert check(model.float(), Hessian()) == []


def test_a_second_derivative_that_is_wrong_is_one_under_a_jacobian_too():
    with pytest.raises(ValueError, match=r"done twice, so that the gradient of Jacobian is \d"):
        check(classifier(Does(Cube.apply)), Jacobian())
    assert check(classifier(Does(layer_norm), nn.Softplus()), Jacobian()) == []


NORMS = {
    "batch": lambda: nn.BatchNorm1d(8).eval(),
    "group": lambda: nn.GroupNorm(2, 8),
    "group_norm": lambda: Does(lambda x: F.group_norm(x, 1)),
    "rms": lambda: nn.RMSNorm(8),
    "weights": lambda: nn.utils.parametrizations.weight_norm(nn.Linear(8, 8)),
    "spectral": lambda: nn.utils.parametrizations.spectral_norm(nn.Linear(8, 8), n_power_iterations=1),
}
ON_PURPOSE = {
    "straight through": lambda: Does(lambda x: x + (x.round() - x).detach()),
    "detached scale": lambda: Does(lambda x: x / x.norm(dim=1, keepdim=True).detach()),
    "clamped": lambda: Does(lambda x: x.clamp(-0.1, 0.1)),
    "rounded": lambda: Does(lambda x: x + x.round()),
    "dropout": lambda: nn.Dropout(0.5),
    "noise": lambda: Does(lambda x: x + torch.randn_like(x)),
    "attention": lambda: Attention(),  # noqa: PLW0108 - it is defined below
    "float32 inside": lambda: Does(lambda x: x.float().tanh().to(x.dtype)),
}
ACTIVATIONS = {"relu": nn.ReLU, "gelu": nn.GELU, "silu": nn.SiLU, "tanh": nn.Tanh, "elu": nn.ELU, "mish": nn.Mish}


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.MultiheadAttention(4, 2, batch_first=True)

    def forward(self, x):
        x = x.view(len(x), 2, 4)
        return (x + self.inner(x, x, x, need_weights=False)[0]).flatten(1)


@pytest.mark.parametrize("layer", [*NORMS, *ON_PURPOSE])
@pytest.mark.parametrize("activation", [*ACTIVATIONS, "softplus"])
def test_right_derivatives_and_those_that_are_wrong_on_purpose_pass(layer, activation):
    """Of kinks, noise and straight-through estimators no quotient can tell anything, and none is accused."""
    function = ACTIVATIONS.get(activation, nn.Softplus)()
    model = classifier((NORMS | ON_PURPOSE)[layer](), function)
    assert [warning for warning in check(model) if "piecewise linear" not in warning] == []


EVERY = ["softplus", "relu", "gelu", "silu", "tanh"]


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        *((CNN, {"activation": name, "normalisation": "none"}) for name in EVERY),
        *((CNN, {"activation": name, "normalisation": "group", "weight_standardisation": True}) for name in EVERY),
        # the deep one, of whose many kinks some lie near
        (resnet18, {"activation": "relu", "width": 8}),
        (resnet18, {"activation": "relu", "width": 8, "normalisation": "none", "weight_standardisation": False}),
    ],
    ids=lambda value: " ".join(map(str, value.values())) if isinstance(value, dict) else value.__name__,
)
def test_every_network_of_ours_passes_with_every_option(kind, options):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = kind(**SPEC, **options)
    assert [warning for warning in check(model) if "piecewise linear" not in warning] == []


def test_instance_norm_is_refused_under_a_hessian_alone_with_its_equal():
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.InstanceNorm2d(4), nn.Flatten(), nn.Linear(144, 3))
    with pytest.raises(
        ValueError, match=r"layer '1' \(InstanceNorm2d\) cannot be differentiated three times .* GroupN"
    ):
        check(model, Hessian())
    assert check(model, Jacobian()) == []


def test_functional_batch_norm_couples_examples():
    with pytest.raises(ValueError, match=r"layer '2' \(Does\) lets an example's outputs depend on the rest"):
        check(classifier(Does(lambda x: F.batch_norm(x, None, None, training=True))))


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (Does(lambda x: (x.flatten(1), x)), "the network returns a tuple of 2: return the logits alone"),
        (classifier(Does(torch.detach)), "no gradient by its inputs, so that every penalty is 0"),
        (nn.Sequential(Does(lambda x: x.mul_(2)), classifier()), r"in place \(layer '0', Does\)"),
    ],
    ids=["tuple", "detached", "in place"],
)
def test_a_network_that_does_not_fit_is_refused(model, said):
    with pytest.raises(ValueError, match=said):
        check(model)


def test_an_objective_that_gives_one_number_for_all_is_refused():
    with pytest.raises(ValueError, match=r"shape \(\) for 2 examples: make it one loss for each"):
        preflight(classifier(), F.cross_entropy, [Jacobian()], Lanczos(2), BATCH)


def test_a_network_that_cannot_be_copied_is_tried_in_its_own_precision():
    model = classifier(nn.BatchNorm1d(8)).eval()
    model.kept = model[1].weight * 2
    before = {k: v.clone() for k, v in model.state_dict().items()}
    assert check(model) == []
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
    assert all(p.grad is None for p in model.parameters())
    with pytest.raises(ValueError, match="BatchNorm1d"):
        check(model.train())


def own_loop(model, penalty=None, **options):
    out = (penalty or Jacobian())(model, CrossEntropy(), BATCH, Lanczos(2), **options)
    return out.values


def test_the_call_in_a_loop_of_one_s_own_runs_the_preflight_unless_told_not_to():
    model = CNN(**SPEC, normalisation="batch")
    with pytest.raises(ValueError, match=r"BatchNorm2d.*training mode"):
        own_loop(model)
    assert own_loop(model, preflight=False).shape == (2,)
    # frozen statistics couple nothing
    assert own_loop(model.eval()).shape == (2,)
    # what passed in evaluation mode is tried again in training mode
    with pytest.raises(ValueError, match="BatchNorm2d"):
        own_loop(model.train())


def test_it_runs_once_for_a_network_and_a_kind_of_penalty():
    passes = []
    model = classifier(Does(lambda x: passes.append(1) or x))
    counts = []
    for penalty in (Jacobian(), Jacobian(), Hessian(), Hessian()):
        passes.clear()
        own_loop(model, penalty)
        counts.append(len(passes))
    assert counts[0] > counts[1] == 1
    assert counts[2] > counts[3] == 1


def test_its_warnings_are_python_s():
    model = classifier(nn.ReLU())
    with pytest.warns(UserWarning, match="Gauss-Newton"):
        own_loop(model, Hessian())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        own_loop(model, Hessian())


def test_it_leaves_gradients_and_the_global_random_state_alone():
    model = classifier(nn.Dropout(0.5))
    model[1].weight.grad = torch.ones(8, 64)
    random = torch.get_rng_state()
    with torch.random.fork_rng():
        torch.manual_seed(1)
        first = own_loop(model)
        torch.manual_seed(1)
        assert torch.equal(own_loop(model), first)
    assert torch.equal(model[1].weight.grad, torch.ones(8, 64))
    assert torch.equal(torch.get_rng_state(), random)


def test_attention_is_differentiated_twice_without_asking_for_it():
    """The fused form has a first derivative alone, and the user's own forward keeps it."""
    model = classifier(Attention())
    assert own_loop(model, Hessian()).shape == (2,)
    x = BATCH.inputs.clone().requires_grad_()
    (first,) = torch.autograd.grad(model(x).sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="derivative for aten::_scaled_dot_product"):
        first.square().sum().backward()

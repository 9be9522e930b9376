"""The layers, each against a slow twin or a formula."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.func import functional_call

from jhrun.models.blocks import (
    ACTIVATIONS,
    Normalise,
    Rescale,
    StandardisedConv2d,
    activation,
    convolution,
    image_shape,
    normalisation,
)

POINTS = [-3.0, -0.4, -0.01, 0.0, 0.2, 1.0, 2.6]

FORMULAS = {
    "softplus": lambda x: math.log1p(math.exp(8 * x)) / 8,
    "relu": lambda x: max(x, 0.0),
    "gelu": lambda x: x * (1 + math.erf(x / math.sqrt(2))) / 2,
    "silu": lambda x: x / (1 + math.exp(-x)),
    "tanh": math.tanh,
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_an_activation_is_its_formula(name):
    found = activation(name)(torch.tensor(POINTS, dtype=torch.float64))
    assert found.tolist() == pytest.approx([FORMULAS[name](x) for x in POINTS], abs=1e-9)


def test_every_activation_is_a_new_layer():
    assert activation("relu") is not activation("relu")


def test_softplus_turns_linear_where_it_is_so_to_nine_digits():
    layer = activation("softplus")
    assert (layer.beta, layer.threshold) == (8, 20)
    assert layer(torch.tensor(2.51)) == torch.tensor(2.51)


@pytest.mark.parametrize("name", ["Softplus", "elu", ""])
def test_an_unknown_activation_is_refused(name):
    with pytest.raises(ValueError, match=f"activation={name!r}.*softplus, relu, gelu, silu, tanh"):
        activation(name)


@pytest.mark.parametrize(("channels", "groups"), [(1, 1), (16, 16), (31, 31), (32, 32), (64, 32), (640, 32)])
def test_group_norm_has_32_groups_or_one_for_each_channel(channels, groups):
    layer = normalisation("group", channels)
    assert isinstance(layer, nn.GroupNorm)
    assert (layer.num_groups, layer.num_channels) == (groups, channels)


@pytest.mark.parametrize("channels", [33, 48])
def test_channels_that_the_groups_do_not_divide_are_refused(channels):
    with pytest.raises(ValueError, match=f"{channels} channels"):
        normalisation("group", channels)


@pytest.mark.parametrize(("name", "kind"), [("batch", nn.BatchNorm2d), ("none", nn.Identity)])
def test_the_other_normalisations(name, kind):
    layer = normalisation(name, 48)
    assert isinstance(layer, kind)
    assert layer(torch.rand(2, 48, 3, 3)).shape == (2, 48, 3, 3)


def test_an_unknown_normalisation_is_refused():
    with pytest.raises(ValueError, match=r"normalisation='layer'.*group, batch, none"):
        normalisation("layer", 8)


def test_normalise_takes_each_channel_by_its_own_figures():
    mean, std = (0.5, 0.1, 0.9), (0.25, 2.0, 0.125)
    x = torch.rand(2, 3, 4, 5)
    layer = Normalise(mean, std)
    for channel in range(3):
        expected = (x[:, channel] - mean[channel]) / std[channel]
        torch.testing.assert_close(layer(x)[:, channel], expected)
    assert list(layer.parameters()) == []
    assert set(layer.state_dict()) == {"mean", "std"}


def slow_standardised(x, weight, bias, **options):
    """One filter at a time, with torch's own unbiased deviation."""
    filters = [(w - w.mean()) / (torch.std(w, correction=1) + 1e-5) for w in weight]
    return F.conv2d(x, torch.stack(filters), bias, **options)


@pytest.mark.parametrize("options", [{}, {"padding": 1}, {"stride": 2, "padding": 1}, {"groups": 2}])
@pytest.mark.parametrize("scale", [1.0, 1e-4])
@pytest.mark.parametrize("bias", [False, True])
def test_standardised_convolution_equals_its_slow_twin_with_two_derivatives(options, scale, bias):
    torch.manual_seed(0)
    layer = StandardisedConv2d(4, 6, 3, bias=bias, dtype=torch.float64, **options)
    with torch.no_grad():
        layer.weight.mul_(scale).add_(0.3 * scale)
    x = torch.randn(2, 4, 7, 7, dtype=torch.float64, requires_grad=True)
    variables = [x, *layer.parameters()]

    def derivatives(y):
        first = torch.autograd.grad(y.sin().sum(), variables, create_graph=True)
        second = torch.autograd.grad(sum(g.square().sum() for g in first), variables)
        return [y, *first, *second]

    fast = derivatives(layer(x))
    slow = derivatives(slow_standardised(x, layer.weight, layer.bias, **options))
    for one, other in zip(fast, slow, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-12)


def test_standardised_convolution_passes_finite_differences_of_both_orders():
    torch.manual_seed(0)
    layer = StandardisedConv2d(1, 2, 2, dtype=torch.float64)
    variables = [torch.randn(1, 1, 3, 3, dtype=torch.float64), layer.weight.detach(), layer.bias.detach()]

    def call(x, weight, bias):
        return functional_call(layer, {"weight": weight, "bias": bias}, (x,)).tanh()

    variables = [v.requires_grad_() for v in variables]
    assert torch.autograd.gradcheck(call, variables)
    assert torch.autograd.gradgradcheck(call, variables)


@pytest.mark.parametrize("constant", [0.0, 0.25, 0.3, -7.0, 1e-30])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_constant_filters_have_finite_derivatives(constant, dtype):
    layer = StandardisedConv2d(2, 3, 3, dtype=dtype)
    with torch.no_grad():
        layer.weight.fill_(constant)
    x = torch.rand(2, 2, 5, 5, dtype=dtype, requires_grad=True)
    y = layer(x)
    variables = [x, *layer.parameters()]
    first = torch.autograd.grad(y.square().sum() + y.sum(), variables, create_graph=True)
    second = torch.autograd.grad(sum(g.square().sum() for g in first), variables)
    assert all(t.isfinite().all() for t in (y, *first, *second))


def test_scale_and_offset_of_a_filter_do_not_matter():
    layer = StandardisedConv2d(3, 4, 3)
    x = torch.rand(2, 3, 6, 6)
    before = layer(x)
    with torch.no_grad():
        layer.weight.mul_(torch.tensor([2.0, 3.0, 5.0, 7.0]).view(4, 1, 1, 1)).add_(0.5)
    torch.testing.assert_close(layer(x), before, rtol=1e-3, atol=1e-3)


def test_a_filter_of_a_single_weight_is_finite():
    assert StandardisedConv2d(1, 2, 1)(torch.rand(1, 1, 3, 3)).isfinite().all()


@pytest.mark.parametrize(("size", "stride"), [(1, 1), (3, 1), (5, 1), (1, 2), (3, 2)])
@pytest.mark.parametrize("standardised", [False, True])
@pytest.mark.parametrize("bias", [False, True])
def test_convolution_keeps_or_divides_the_size(size, stride, standardised, bias):
    layer = convolution(3, 4, size, stride=stride, standardised=standardised, bias=bias)
    assert layer(torch.rand(2, 3, 8, 7)).shape == (2, 4, -(-8 // stride), -(-7 // stride))
    assert isinstance(layer, StandardisedConv2d) == standardised
    assert (layer.bias is not None) == bias


def test_vectors_are_normalised_too():
    x = torch.tensor([[1.0, 2.0, 5.0]])
    assert torch.equal(Normalise([1.0], [2.0], axes=0)(x), torch.tensor([[0.0, 0.5, 2.0]]))


def test_rescale_takes_standardised_outputs_to_their_units():
    layer = Rescale(3.0, 2.0)
    assert torch.equal(layer(torch.tensor([[-1.0, 0.5]])), torch.tensor([[1.0, 4.0]]))
    assert set(layer.state_dict()) == {"mean", "std"}
    assert not list(layer.parameters())


@pytest.mark.parametrize("shape", [(64,), (8, 8), (1, 2, 3, 4)])
def test_what_is_no_image_is_refused(shape):
    with pytest.raises(ValueError, match="use model=mlp"):
        image_shape(shape)

"""Whole networks: shapes, sizes, structure, and that an example's logits are its own."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from jhrun.models import CNN, MLP, ResNet, resnet18, wrn28_10
from jhrun.models.blocks import ACTIVATIONS, Normalise, StandardisedConv2d
from jhrun.models.resnet import BasicBlock

SHAPES = [(1, 8, 8), (1, 28, 28), (3, 32, 32)]

SMALL = {
    "mlp": lambda **spec: MLP(widths=[16, 8], **spec),
    "cnn": lambda **spec: CNN(widths=[4, 8], hidden=16, **spec),
    "resnet18": lambda **spec: resnet18(width=8, **spec),
    "wrn28_10": lambda **spec: wrn28_10(width=2, factor=2, **spec),
}


def spec(shape=(3, 32, 32), outputs=10):
    return {"shape": shape, "outputs": outputs, "mean": [0.4] * shape[0], "std": [0.2] * shape[0]}


def count(network):
    return sum(p.numel() for p in network.parameters())


@pytest.mark.parametrize("shape", [*SHAPES, (2, 7, 5)], ids=str)
@pytest.mark.parametrize("name", SMALL)
def test_a_network_turns_images_into_logits(name, shape):
    network = SMALL[name](**spec(shape, outputs=7))
    assert network(torch.rand(3, *shape)).shape == (3, 7)


@pytest.mark.parametrize(
    ("network", "parameters"),
    [
        # 64·16 + 16 and 16·10 + 10
        (lambda: MLP(widths=[16], **spec((1, 8, 8))), 1040 + 170),
        (lambda: MLP(widths=[], **spec((1, 8, 8))), 650),
        # 9·1·4 + 4, 9·4·8 + 8, then 8·7·7 features: ·16 + 16, and 16·10 + 10
        (lambda: CNN(widths=[4, 8], hidden=16, **spec((1, 28, 28))), 40 + 296 + 6288 + 170),
        (lambda: resnet18(**spec()), 11_173_962),
        (lambda: resnet18(**spec(outputs=100)), 11_173_962 + 90 * 513),
        (lambda: wrn28_10(**spec()), 36_481_434),
    ],
)
def test_the_number_of_parameters(network, parameters):
    assert count(network()) == parameters


@pytest.mark.parametrize(
    ("build", "stem", "widths", "per_stage"),
    [(resnet18, 64, (64, 128, 256, 512), 2), (wrn28_10, 16, (160, 320, 640), 4)],
)
def test_the_structure_is_the_papers(build, stem, widths, per_stage):
    network = build(**spec())
    normalise, convolution, norm, act, *stages, pool, flatten, linear = network
    assert isinstance(normalise, Normalise)
    assert (convolution.in_channels, convolution.out_channels, convolution.stride) == (3, stem, (1, 1))
    assert isinstance(norm, nn.GroupNorm)
    assert isinstance(act, nn.Softplus)
    assert (type(pool), type(flatten), linear.in_features) == (nn.AdaptiveAvgPool2d, nn.Flatten, widths[-1])
    before = stem
    for number, block in enumerate(stages):
        stage, first = number // per_stage, number % per_stage == 0
        stride = 2 if first and stage else 1
        one, two = (layer for layer in block.residual if isinstance(layer, nn.Conv2d))
        assert (one.in_channels, one.out_channels, one.stride) == (before, widths[stage], (stride, stride))
        assert (two.in_channels, two.out_channels, two.stride) == (widths[stage], widths[stage], (1, 1))
        assert isinstance(block.shortcut, nn.Identity) == (before == widths[stage])
        before = widths[stage]
    assert len(stages) == per_stage * len(widths)
    convolutions = [m for m in network.modules() if isinstance(m, nn.Conv2d)]
    assert all(type(m) is StandardisedConv2d and m.bias is None for m in convolutions)
    groups = {m.num_channels: m.num_groups for m in network.modules() if isinstance(m, nn.GroupNorm)}
    assert groups == {channels: min(32, channels) for channels in {stem, *widths}}


def test_a_stage_halves_the_image():
    network = resnet18(width=4, **spec())
    sizes = []
    for layer in network:
        if isinstance(layer, BasicBlock):
            layer.register_forward_hook(lambda _module, _inputs, output: sizes.append(tuple(output.shape[1:])))
    network(torch.rand(2, 3, 32, 32))
    assert sizes == [(4, 32, 32)] * 2 + [(8, 16, 16)] * 2 + [(16, 8, 8)] * 2 + [(32, 4, 4)] * 2


@pytest.mark.parametrize(("side", "sides"), [(28, [14, 7, 4]), (9, [5, 3, 2]), (1, [1, 1, 1])])
def test_a_cnns_convolutions_halve_the_image_rounding_up(side, sides):
    network = CNN(widths=[2, 3, 4], **spec((1, side, side)))
    found = []
    for layer in network:
        if isinstance(layer, nn.Conv2d):
            layer.register_forward_hook(lambda _module, _inputs, output: found.append(tuple(output.shape[1:])))
    network(torch.rand(2, 1, side, side))
    assert found == [(width, s, s) for width, s in zip([2, 3, 4], sides, strict=True)]


@pytest.mark.parametrize("number", [4, 6])
def test_a_block_adds_its_branches_before_the_activation(number):
    block = resnet18(width=4, **spec())[number]
    x = torch.rand(2, 4, 8, 8)
    conv1, norm1, _, conv2, norm2 = block.residual
    residual = norm2(conv2(F.softplus(norm1(conv1(x)), 8, 20)))
    torch.testing.assert_close(block(x), F.softplus(residual + block.shortcut(x), 8, 20))
    assert isinstance(block.shortcut, nn.Identity) == (number == 4)


@pytest.mark.parametrize("name", SMALL)
def test_normalisation_is_the_first_layer(name):
    network = SMALL[name](shape=(2, 8, 8), outputs=3, mean=[0.1, 0.6], std=[0.5, 0.25])
    plain = SMALL[name](shape=(2, 8, 8), outputs=3, mean=[0.0, 0.0], std=[1.0, 1.0])
    weights = {key: value for key, value in network.state_dict().items() if key not in {"0.mean", "0.std"}}
    plain.load_state_dict(weights, strict=False)
    x = torch.rand(3, 2, 8, 8)
    by_hand = torch.stack([(x[:, 0] - 0.1) / 0.5, (x[:, 1] - 0.6) / 0.25], dim=1)
    torch.testing.assert_close(network(x), plain(by_hand))


def cross_talk(network, shape):
    """The largest derivative of an example's logits by another example's input."""
    x = torch.rand(4, *shape, requires_grad=True)
    (gradient,) = torch.autograd.grad(network(x)[1].square().sum(), x)
    return gradient[[0, 2, 3]].abs().max().item(), gradient[1].abs().max().item()


@pytest.mark.parametrize("name", SMALL)
def test_logits_depend_on_their_own_example_alone(name):
    # resnet18 needs 16 pixels: on 8, its last stage of 32 channels would norm groups of a single value
    shape = (1, 16, 16)
    network = SMALL[name](**spec(shape)).train()
    others, own = cross_talk(network, shape)
    assert others == 0
    assert own > 0
    x = torch.rand(5, *shape)
    together = network(x)
    alone = torch.cat([network(x[i : i + 1]) for i in range(5)])
    torch.testing.assert_close(alone, together, rtol=1e-4, atol=1e-5)


def test_batch_norm_mixes_a_batch_in_training_and_not_afterwards():
    network = CNN(normalisation="batch", **spec((1, 8, 8)))
    assert cross_talk(network.train(), (1, 8, 8))[0] > 0
    assert cross_talk(network.eval(), (1, 8, 8))[0] == 0


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("name", SMALL)
def test_every_activation_can_be_trained(name, activation):
    network = SMALL[name](activation=activation, **spec((1, 8, 8)))
    network(torch.rand(2, 1, 8, 8)).square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())
    kind = type(ACTIVATIONS[activation]())
    assert {type(m) for m in network.modules()} & {type(make()) for make in ACTIVATIONS.values()} == {kind}


@pytest.mark.parametrize("normalisation", ["group", "batch", "none"])
@pytest.mark.parametrize("standardised", [False, True])
@pytest.mark.parametrize("name", ["cnn", "resnet18"])
def test_every_normalisation_can_be_trained(name, normalisation, standardised):
    network = SMALL[name](normalisation=normalisation, weight_standardisation=standardised, **spec((1, 8, 8)))
    network(torch.rand(2, 1, 8, 8)).square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())
    convolutions = [m for m in network.modules() if isinstance(m, nn.Conv2d)]
    assert {isinstance(m, StandardisedConv2d) for m in convolutions} == {standardised}


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("wrong", [{"activation": "sigmoid"}, {"normalisation": "layer"}])
def test_an_unknown_name_is_refused(name, wrong):
    error = TypeError if name == "mlp" and "normalisation" in wrong else ValueError
    with pytest.raises(error, match=r"normalisation|activation='sigmoid'"):
        SMALL[name](**wrong, **spec())


def test_a_width_that_group_norm_cannot_take_is_refused():
    with pytest.raises(ValueError, match="48 channels"):
        resnet18(width=48, **spec())


def test_two_networks_from_the_same_random_state_are_equal():
    networks = []
    for _ in range(2):
        torch.manual_seed(4)
        networks.append(ResNet(stem=4, widths=[4, 8], blocks_per_stage=1, **spec()))
    one, other = (network.state_dict() for network in networks)
    assert all(torch.equal(one[key], other[key]) for key in one)


def test_only_a_perceptron_takes_vectors():
    options = {"shape": (5,), "outputs": 2, "mean": (0.0,), "std": (1.0,)}
    network = MLP(widths=[3], **options)
    assert network(torch.zeros(4, 5)).shape == (4, 2)
    assert sum(p.numel() for p in network.parameters()) == 5 * 3 + 3 + 3 * 2 + 2
    for build in (CNN, resnet18):
        with pytest.raises(ValueError, match="use model=mlp"):
            build(**options)

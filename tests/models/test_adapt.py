"""A network of others keeps its values, and gets the derivatives that a penalty needs."""

import pytest
import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from jhrun.linalg import Lanczos
from jhrun.models import adapt
from jhrun.objectives import CrossEntropy
from jhrun.penalties import Hessian
from jhrun.records import Batch


class Mixed(nn.Module):
    """Of everything that is replaced, with smooth activations, and one layer under two names."""

    def __init__(self):
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(2, 8, 3, padding=1), nn.BatchNorm2d(8), nn.SiLU(inplace=True))
        self.norm = nn.LayerNorm((16, 8))
        self.same = self.norm
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.head = nn.Linear(8, 3)

    def forward(self, x):
        tokens = self.same(self.norm(self.first(x).flatten(2).transpose(1, 2)))
        return self.head(tokens + self.attention(tokens, tokens, tokens, need_weights=False)[0]).mean(1)


@pytest.fixture
def mixed():
    torch.manual_seed(0)
    network = Mixed().double()
    with torch.no_grad():
        for parameter in network.norm.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
        # running statistics of its own
        for _ in range(3):
            network(2 + torch.randn(16, 2, 4, 4).double())
    return network


def inputs():
    return torch.rand(5, 2, 4, 4, generator=torch.Generator().manual_seed(1)).double()


def test_values_and_names_of_weights_stay_the_same(mixed):
    made = adapt(mixed)
    assert [(r.name, r.before, r.after) for r in made.replaced] == [
        ("first.1", "BatchNorm2d", "FrozenBatchNorm"),
        ("first.2", "SiLU", "SiLU"),
        ("norm", "LayerNorm", "PlainLayerNorm"),
        ("attention", "MultiheadAttention", "PlainAttention"),
    ]
    assert made.network.norm is made.network.same
    assert made.network.state_dict().keys() == mixed.state_dict().keys()
    made.network.load_state_dict(mixed.state_dict())
    expected = mixed.eval()(inputs())
    # in both modes, and with the rounding of a few sums
    for training in (True, False):
        assert torch.allclose(made.network.train(training)(inputs()), expected, rtol=1e-12, atol=1e-12)


def test_the_network_itself_stays_as_it_is(mixed):
    before = {name: (type(module), module.training) for name, module in mixed.named_modules()}
    made = adapt(mixed)
    assert {name: (type(module), module.training) for name, module in mixed.named_modules()} == before
    assert mixed.first[2].inplace
    assert not made.network.first[2].inplace
    assert made.network.training
    assert not {*map(id, mixed.parameters())} & {*map(id, made.network.parameters())}


def test_a_hessian_penalty_is_refused_before_and_right_afterwards(mixed):
    x, y = inputs(), torch.tensor([0, 1, 2, 0, 1])
    with pytest.raises(ValueError, match=r"first\.1"):
        Hessian()(mixed.train(), CrossEntropy(), Batch(x, y), Lanczos(iterations=3))
    network = adapt(mixed).network
    out = Hessian()(network, CrossEntropy(), Batch(x, y), Lanczos(iterations=32))
    assert out.values.shape == (5,)
    loss = lambda v: nn.functional.cross_entropy(network(v.view(1, 2, 4, 4)), y[:1])  # noqa: E731
    with sdpa_kernel(SDPBackend.MATH):
        dense = torch.linalg.eigvalsh(torch.autograd.functional.hessian(loss, x[0].flatten())).abs().max()
    assert out.values[0].sqrt().item() == pytest.approx(dense.item(), rel=1e-6)


def test_the_third_derivative_of_layer_norm_is_right():
    """PyTorch's own is wrong there, which is why it is replaced."""
    torch.manual_seed(0)
    layer = nn.LayerNorm(6).double()
    x, v = torch.randn(2, 6).double(), torch.randn(2, 6).double()

    def second(norm, point):
        leaf = point.clone().requires_grad_()
        value = norm(leaf).pow(3).sum()
        for _ in range(2):
            (gradient,) = torch.autograd.grad(value, leaf, create_graph=True)
            value = (gradient * v).sum()
        return leaf, value

    def errors(norm):
        leaf, value = second(norm, x)
        (third,) = torch.autograd.grad(value, leaf)
        h = 1e-5
        quotient = (second(norm, x + h * v)[1] - second(norm, x - h * v)[1]) / (2 * h)
        return abs((third * v).sum() - quotient).item() / abs(quotient.item())

    # the quotient's own error is of the order h², and of rounding over h
    assert errors(adapt(layer).network) < 1e-6
    assert errors(layer) > 1e-3


def test_group_norm_keeps_scale_and_examples_apart():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv1d(3, 12, 1), nn.BatchNorm1d(12))
    nn.init.normal_(network[1].weight)
    made = adapt(network, batch_norm="group").network
    assert (made[1].num_groups, made[1].num_channels) == (4, 12)
    assert torch.equal(made[1].weight, network[1].weight)
    x = torch.rand(4, 3, 7)
    assert torch.allclose(made(x)[:1], made(x[:1]), atol=1e-6)
    network = nn.Sequential(nn.BatchNorm2d(4, track_running_stats=False))
    with pytest.raises(ValueError, match=r"layer '0' \(BatchNorm2d\) keeps no running statistics"):
        adapt(network)
    assert isinstance(adapt(network, batch_norm="group").network[0], nn.GroupNorm)


def test_a_network_of_one_layer_and_one_that_needs_nothing():
    assert type(adapt(nn.BatchNorm1d(3)).network).__name__ == "FrozenBatchNorm"
    made = adapt(nn.Linear(3, 2))
    assert made.replaced == ()
    assert str(made) == "nothing was replaced"

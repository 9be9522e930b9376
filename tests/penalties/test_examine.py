"""What the examination of a network says of its faults, and that it leaves the network as it was."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from jhrun.models import CNN, MLP, resnet18
from jhrun.penalties import examine

INPUTS = torch.rand(2, 1, 8, 8, generator=torch.Generator().manual_seed(0))
SPEC = {"shape": (1, 8, 8), "outputs": 3, "mean": [0.3], "std": [0.4]}


class Around(nn.Module):
    """A small network with a function before it and one after it; either may see whether it is training."""

    def __init__(self, before=lambda x, training: x, after=lambda z, training: z, outputs=3):
        super().__init__()
        self.inner = nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.Softplus(), nn.Linear(8, outputs))
        self.before, self.after = before, after

    def forward(self, x):
        return self.after(self.inner(self.before(x, self.training)), self.training)


def found(model, outputs=3, *, exact=False, inputs=INPUTS):
    fault = examine(model, inputs, outputs, exact=exact)
    return None if fault is None else f"{fault.what}: {fault.remedy}"


def raising(x, training):
    raise KeyError("the user's own")


@torch.no_grad()
def without_gradient(z, training):
    return z * 1


def scaled_in_place(x, training):
    return x.mul_(2)


AFTER = {
    "tuple": (lambda z, t: (z, z), "in training mode the network returns a tuple of 2: return the logits alone"),
    "list": (lambda z, t: [z], "returns a list of 1"),
    "dict": (lambda z, t: {"logits": z}, "returns a dict of 1"),
    "nothing": (lambda z, t: None, "returns None"),
    "auxiliary in training": (lambda z, t: (z, z) if t else z, "in training mode the network returns a tuple"),
    "tuple in evaluation": (lambda z, t: z if t else (z, z), "in evaluation mode the network returns a tuple"),
    "classes": (lambda z, t: z.argmax(1), "numbers of type int64: return the logits themselves"),
    "complex": (lambda z, t: z + 0j, "numbers of type complex64"),
    "another device": (lambda z, t: z.to("meta"), "on meta for inputs on cpu: leave out .to"),
    "images": (lambda z, t: z[:, :, None, None], r"shape (2, 3, 1, 1) for 2 examples: end it with .flatten(1)"),
    "one axis": (lambda z, t: z.flatten(), "shape (6,) for 2 examples: keep the first axis"),
    "batch mean": (lambda z, t: z.mean(0, keepdim=True), "shape (1, 3) for 2 examples"),
    "NaN": (lambda z, t: z * float("nan"), "returns NaN: the network (Around) gives values that are not finite"),
    "NaN in evaluation": (lambda z, t: z if t else z / 0 * 0, "in evaluation mode the network returns NaN"),
    "no_grad": (without_gradient, "returns outputs without a gradient for any of its parameters: take torch.no"),
    "detached": (lambda z, t: z.detach(), "returns outputs without a gradient"),
    "an error": (raising, 'raises KeyError on 2 examples: "the user\'s own"'),
    "an error in evaluation": (
        lambda z, t: z if t else raising(z, t),
        "in evaluation mode the network raises KeyE",
    ),
    "squeezed": (lambda z, t: z.squeeze(), "of shape (3,) for one example: squeeze() drops the batch's axis too"),
}


@pytest.mark.parametrize(("after", "said"), AFTER.values(), ids=AFTER)
def test_a_fault_of_outputs_is_said_with_its_remedy(after, said):
    assert said in found(Around(after=after))


def test_an_error_s_place_is_that_of_the_user_s_own_line():
    line = raising.__code__.co_firstlineno + 1
    assert f"look at line {line} of {__file__}" in found(Around(after=raising))
    # of a layer that does not fit, the line that called it
    assert f"{__file__}" in found(Around(outputs=3, before=lambda x, training: x[:, :, 1:]))


@pytest.mark.parametrize("outputs", [1, 2])
def test_too_few_outputs_are_refused(outputs):
    assert f"has {outputs} outputs, and the data need 3: give its last layer 3" in found(Around(outputs=outputs))


def test_more_outputs_are_refused_where_targets_are_values():
    assert found(Around(outputs=4)) is None
    assert "has 4 outputs" in found(Around(outputs=4), exact=True)


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (Around(scaled_in_place), "changes its input in place: use inplace=False"),
        (
            Around(lambda x, training: x if training else x.clamp_(0, 1)),
            "in evaluation mode the network changes its",
        ),
        (nn.Sequential(nn.ReLU(inplace=True), Around()), "in place (layer '0', ReLU)"),
        # through .data, of which PyTorch keeps no count
        (Around(lambda x, training: x.data.mul_(2) if training else x), "changes its input in place"),
    ],
    ids=["mul_", "clamp_ within the range, in evaluation", "inplace ReLU", ".data"],
)
def test_inputs_that_are_changed_in_place_are_told(model, said):
    assert said in found(model)


GOOD = {
    "cnn": CNN(**SPEC),
    "cnn with BatchNorm": CNN(**SPEC, normalisation="batch"),
    "mlp": MLP(**SPEC),
    "resnet18": resnet18(width=8, **SPEC),
    "dropout": nn.Sequential(Around(), nn.Dropout(0.5)),
    "in place behind a layer": nn.Sequential(nn.Flatten(), nn.Linear(64, 3), nn.ReLU(inplace=True)),
    "frozen": Around().requires_grad_(False),
    "frozen features": Around(before=lambda x, training: x.detach()),
    "gradients stop in evaluation": Around(after=lambda z, training: z if training else z.round().detach()),
    "logits of minus infinity": Around(after=lambda z, training: z.index_fill(1, torch.tensor([2]), -torch.inf)),
    "bfloat16": Around(after=lambda z, training: z.bfloat16()),
    "InstanceNorm": nn.Sequential(nn.InstanceNorm2d(1), Around()),
    "numbers of the batch, alone refused": nn.Sequential(
        nn.Flatten(), nn.Linear(64, 3), nn.BatchNorm1d(3, track_running_stats=False)
    ),
}


@pytest.mark.parametrize("model", GOOD.values(), ids=GOOD)
def test_a_good_network_passes_and_stays_as_it_is(model):
    model.train()
    next(model.modules()).eval()
    modes = [module.training for module in model.modules()]
    before, random = {k: v.clone() for k, v in model.state_dict().items()}, torch.get_rng_state()
    inputs = INPUTS.clone()
    assert examine(model, inputs, 3, exact=True) is None
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
    assert [module.training for module in model.modules()] == modes
    assert all(p.grad is None for p in model.parameters())
    assert torch.equal(torch.get_rng_state(), random)
    assert torch.equal(inputs, INPUTS)


class NotCopied(nn.Module):
    """It keeps a tensor with a graph, which PyTorch does not copy."""

    def __init__(self, last):
        super().__init__()
        self.inner = nn.Sequential(nn.Flatten(), nn.Linear(64, 3), nn.BatchNorm1d(3))
        self.kept = self.inner[1].weight * 2
        self.last = last

    def forward(self, x):
        return self.last(self.inner(x))


def test_a_network_that_cannot_be_copied_is_examined_and_put_back():
    model = NotCopied(nn.Identity()).train()
    model.inner[1].eval()
    model.inner[1].weight.grad = torch.ones(3, 64)
    before = {k: v.clone() for k, v in model.state_dict().items()}
    assert found(model) is None
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
    assert (model.training, model.inner[1].training) == (True, False)
    assert torch.equal(model.inner[1].weight.grad, torch.ones(3, 64))
    assert "returns numbers of type bool" in found(NotCopied(lambda z: z > 0))


def test_one_example_is_doubled_so_that_batch_norm_can_be_tried():
    assert found(CNN(**SPEC, normalisation="batch", widths=[4, 4, 4]), inputs=INPUTS[:1]) is None


def test_data_that_are_not_finite_are_no_fault_of_the_network():
    assert found(Around(), inputs=INPUTS * float("nan")) is None


def test_a_lack_of_memory_is_nobody_s_fault():
    def hungry(z, training):
        raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(torch.OutOfMemoryError):
        found(Around(after=hungry))


def test_functional_batch_norm_may_be_trained():
    assert found(nn.Sequential(nn.Conv2d(1, 3, 8), Normed())) is None


class Normed(nn.Module):
    def forward(self, x):
        return F.batch_norm(x, None, None, training=True).flatten(1)

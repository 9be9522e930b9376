"""An optimizer's state as named tensors: it comes back as it was, and training goes on bit for bit."""

import json

import pytest
import torch
from torch import nn
from torch.optim import LBFGS, SGD, Adam, AdamW, RMSprop

from jhrun.errors import ConfigError
from jhrun.training.state import optimizer_tensors, optimizer_values, plain_groups, restore_optimizer

OPTIMIZERS = {
    "adam": lambda parameters: Adam(parameters, lr=1e-2, weight_decay=5e-4),
    "amsgrad": lambda parameters: Adam(parameters, lr=1e-2, amsgrad=True),
    "adamw": lambda parameters: AdamW(parameters, lr=1e-2),
    "fused adam": lambda parameters: Adam(parameters, lr=1e-2, fused=True),
    "fused momentum": lambda parameters: SGD(parameters, lr=1e-2, momentum=0.9, fused=True),
    "sgd": lambda parameters: SGD(parameters, lr=1e-2),
    "momentum": lambda parameters: SGD(parameters, lr=1e-2, momentum=0.9),
    "nesterov": lambda parameters: SGD(parameters, lr=1e-2, momentum=0.9, nesterov=True),
    "rmsprop": lambda parameters: RMSprop(parameters, lr=1e-2, momentum=0.9, centered=True),
}


def fresh(make, seed=0, dtype=torch.float32):
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3)).to(dtype)
    groups = [{"params": model[0].parameters()}, {"params": model[2].parameters(), "weight_decay": 0.1}]
    return model, make(groups)


def train(model, optimizer, first, steps):
    for step in range(first, first + steps):
        torch.manual_seed(step)
        x = torch.randn(16, 4, dtype=next(model.parameters()).dtype)
        optimizer.zero_grad()
        model(x).square().sum().backward()
        optimizer.step()


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("steps", [0, 1, 3])
def test_the_state_comes_back_and_training_goes_on_bit_for_bit(name, steps):
    model, optimizer = fresh(OPTIMIZERS[name])
    train(model, optimizer, 0, steps)
    tensors = {key: tensor.clone() for key, tensor in optimizer_tensors(optimizer).items()}
    other, restored = fresh(OPTIMIZERS[name], seed=1)
    # state of its own, which must not survive
    train(other, restored, 50, 2)
    other.load_state_dict(model.state_dict())
    restore_optimizer(restored, tensors)
    one, two = optimizer.state_dict()["state"], restored.state_dict()["state"]
    assert optimizer_tensors(restored).keys() == tensors.keys()
    for position, entries in one.items():
        for entry, value in entries.items():
            if value is not None:
                assert torch.equal(two[position][entry], value)
                assert two[position][entry].dtype == value.dtype
    train(model, optimizer, steps, 3)
    train(other, restored, steps, 3)
    for p, q in zip(model.parameters(), other.parameters(), strict=True):
        assert torch.equal(p, q)


def test_names_are_positions_and_entries():
    model, optimizer = fresh(OPTIMIZERS["adam"])
    assert optimizer_tensors(optimizer) == {}
    train(model, optimizer, 0, 2)
    tensors = optimizer_tensors(optimizer)
    assert set(tensors) == {
        f"optimizer.{i}.{name}" for i in range(4) for name in ("step", "exp_avg", "exp_avg_sq")
    }
    assert tensors["optimizer.0.step"] == 2
    for i, parameter in enumerate(model.parameters()):
        assert tensors[f"optimizer.{i}.exp_avg"].shape == parameter.shape


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_dtypes_are_kept(dtype):
    model, optimizer = fresh(OPTIMIZERS["adam"], dtype=dtype)
    train(model, optimizer, 0, 1)
    tensors = optimizer_tensors(optimizer)
    _, restored = fresh(OPTIMIZERS["adam"], dtype=dtype)
    restore_optimizer(restored, tensors)
    found = optimizer_tensors(restored)
    assert {key: t.dtype for key, t in found.items()} == {key: t.dtype for key, t in tensors.items()}
    assert found["optimizer.0.exp_avg"].dtype == dtype


def test_other_tensors_are_passed_over_and_nothing_is_shared():
    model, optimizer = fresh(OPTIMIZERS["momentum"])
    train(model, optimizer, 0, 1)
    tensors = {key: tensor.clone() for key, tensor in optimizer_tensors(optimizer).items()} | {
        "sums": torch.ones(5)
    }
    kept = {key: tensor.clone() for key, tensor in tensors.items()}
    other, restored = fresh(OPTIMIZERS["momentum"])
    restore_optimizer(restored, tensors)
    train(other, restored, 0, 2)
    assert all(torch.equal(tensors[key], kept[key]) for key in kept)


def test_state_that_is_no_tensor_is_refused():
    model = nn.Linear(2, 1)
    optimizer = LBFGS(model.parameters())

    def closure():
        optimizer.zero_grad()
        loss = model(torch.ones(1, 2)).square().sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    with pytest.raises(ConfigError, match=r"keeps '\w+', a list, which no checkpoint can hold"):
        optimizer_values(optimizer, plain_groups(optimizer))


class Counting(SGD):
    """Keeps numbers in its state and in its group, as some schedule-free optimizers do."""

    def step(self, closure=None):
        super().step()
        for group in self.param_groups:
            group["weight_sum"] = group.get("weight_sum", 0.0) + 0.5
            for p in group["params"]:
                self.state[p]["seen"] = self.state[p].get("seen", 0) + 1


def test_numbers_of_state_and_groups_are_restored_and_configuration_is_not():
    model = nn.Linear(2, 1)
    optimizer = Counting(model.parameters(), lr=0.1)
    given = plain_groups(optimizer)
    for _ in range(3):
        model(torch.ones(1, 2)).sum().backward()
        optimizer.step()
    values = json.loads(json.dumps(optimizer_values(optimizer, given)))
    assert values == {"state": {"0.seen": 3, "1.seen": 3}, "groups": [{"weight_sum": 1.5}]}
    other = Counting(model.parameters(), lr=0.2)
    restore_optimizer(other, optimizer_tensors(optimizer), values)
    assert [other.state[p]["seen"] for p in model.parameters()] == [3, 3]
    assert (other.param_groups[0]["weight_sum"], other.param_groups[0]["lr"]) == (1.5, 0.2)

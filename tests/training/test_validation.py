"""Validation: means over all examples, in eval mode, without a graph."""

import pytest
import torch
from torch import nn

from jhrun.data import Part
from jhrun.objectives import CrossEntropy, SquaredError
from jhrun.training.validation import validate


def part(n):
    random = torch.Generator().manual_seed(0)
    return Part(
        torch.randint(0, 256, (n, 1, 2, 2), generator=random).byte(), torch.randint(0, 3, (n,), generator=random)
    )


@pytest.mark.parametrize("n", [1, 511, 512, 513, 1300])
def test_loss_and_accuracy_are_means_over_examples(n):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 3)).double()
    model.register_forward_pre_hook(lambda _module, inputs: (inputs[0].double(),))
    some = part(n)
    loss, accuracy = validate(model, some, CrossEntropy())
    # one example at a time
    losses, right = [], 0
    for image, target in zip(some.inputs, some.targets.tolist(), strict=True):
        logits = model(image[None].float() / 255)[0]
        losses.append((logits.exp().sum().log() - logits[target]).item())
        right += logits.argmax().item() == target
    assert loss == pytest.approx(sum(losses) / n, rel=1e-6)
    assert accuracy == right / n


def test_nothing_to_validate_with():
    assert validate(nn.Flatten(), part(0), CrossEntropy()) is None


def test_dropout_and_batch_statistics_stand_still():
    model = nn.Sequential(nn.BatchNorm2d(1), nn.Dropout(0.9), nn.Flatten(), nn.Linear(4, 3)).train()
    before = model[0].running_mean.clone()
    results = {validate(model, part(50), CrossEntropy()) for _ in range(3)}
    assert len(results) == 1
    assert torch.equal(model[0].running_mean, before)
    assert all(p.grad is None for p in model.parameters())


def test_values_have_a_loss_and_no_accuracy():
    inputs, targets = torch.randn(7, 3), torch.randn(7, 2)
    model = nn.Linear(3, 2)
    expected = (model(inputs) - targets).square().mean().item()
    assert validate(model, Part(inputs, targets), SquaredError()) == (pytest.approx(expected, rel=1e-6), None)

"""Averaged weights: closed forms, what is validated and kept, and steps that are refused."""

import math
from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.optim import SGD

from jhrun.data.digits import digits
from jhrun.models import CNN, MLP
from jhrun.objectives import CrossEntropy
from jhrun.terms import convex
from jhrun.training import Checkpoint, Follow, Trainer, TrainOptions
from jhrun.training.averages import EMA, SWA, averaged_weights
from jhrun.training.validation import validate

YES = torch.tensor(True)


def some_digits(train=48, validation=30):
    whole = digits()
    parts = {"train": whole.train[:train], "validation": whole.validation[:validation], "test": whole.test[:10]}
    return type(whole)(**{**vars(whole), **parts})


def make(averages, *, network=MLP, epochs=3, **options):
    data = some_digits()
    with torch.random.fork_rng():
        torch.manual_seed(0)
        widths = {"widths": [8]} if network is MLP else {"widths": [4], "hidden": 8, "normalisation": "batch"}
        model = network(**widths, **vars(data.spec))
    return Trainer(
        model,
        data,
        CrossEntropy(),
        convex(),
        SGD(model.parameters(), lr=0.1),
        lambda _: 0.1,
        TrainOptions(epochs, 16, **options),
        seed=1,
        averages=averages,
    )


def run(trainer, **told):
    saved, records = {}, []
    trainer.run(save=saved.__setitem__, record=records.append, **told)
    return saved, records


def weights(model):
    return torch.cat([p.detach().flatten() for p in model.parameters()]).clone()


def test_ema_is_the_weighted_sum_of_all_weights_so_far():
    """θ̄_n = d^(n−1)·θ_1 + Σ_{k≥2} (1 − d)·d^(n−k)·θ_k."""
    seen = []
    trainer = make(EMA(decay=0.7))
    run(trainer, progress=lambda t: seen.append(weights(t.model).double()))
    n = len(seen)
    shares = [0.7 ** (n - 1), *(0.3 * 0.7 ** (n - k) for k in range(2, n + 1))]
    assert math.isclose(sum(shares), 1)
    expected = sum(share * theta for share, theta in zip(shares, seen, strict=True))
    # float32 arithmetic: each move rounds once or twice
    assert torch.allclose(weights(trainer.evaluated).double(), expected, atol=4 * n * 2**-24)


def test_swa_is_the_mean_of_the_ends_of_the_last_epochs():
    ends = []
    trainer = make(SWA(start=1), epochs=4)
    run(trainer, progress=lambda t: ends.append(weights(t.model).double()) if t.step == t.steps else None)
    assert torch.allclose(weights(trainer.evaluated).double(), sum(ends[1:]) / 3, atol=1e-6)


def test_before_an_average_begins_the_network_itself_is_validated():
    trainer = make(SWA(start=2), epochs=3)
    _, records = run(trainer)
    assert trainer.evaluated is not trainer.model
    fresh = make(SWA(start=2), epochs=3)
    assert fresh.evaluated is fresh.model
    loss, _ = validate(trainer.evaluated, trainer.dataset.validation, CrossEntropy())
    assert records[-1].validation_loss == loss


def test_statistics_are_taken_anew_for_averaged_weights():
    trainer = make(SWA(start=0), network=CNN, epochs=2)
    run(trainer)
    norm = next(m for m in trainer.evaluated.modules() if isinstance(m, nn.BatchNorm2d))
    assert int(norm.num_batches_tracked) == 3
    own = next(m for m in trainer.model.modules() if isinstance(m, nn.BatchNorm2d))
    assert not torch.equal(norm.running_mean, own.running_mean)


def test_an_average_does_not_take_in_a_refused_step():
    averages = EMA(decay=0.5)
    model = nn.Linear(1, 1)
    averages.begin(model)
    averages.move(model, YES)
    before = weights(averages.network)
    with torch.no_grad():
        model.weight.add_(1)
    averages.move(model, torch.tensor(False))
    assert torch.equal(weights(averages.network), before)
    assert averages.moves == 1


@pytest.mark.parametrize("averages", [lambda: EMA(0.8), lambda: SWA(1)])
def test_a_checkpoint_has_both_sets_and_goes_on_bit_for_bit(averages):
    whole = make(averages(), epochs=4)
    saved, _ = run(whole)
    kept = saved["last"]
    assert averaged_weights(kept.state).keys() == kept.weights.keys()
    assert averaged_weights(saved["best"].state)
    first, copies = make(averages(), epochs=4), {}

    def copied(name, c):
        tensors = [{k: t.clone() for k, t in part.items()} for part in (c.weights, c.state)]
        copies[name, c.info["epoch"]] = Checkpoint(*tensors, c.info)

    first.run(save=copied, record=lambda _: None)
    second = make(averages(), epochs=4)
    second.restore(copies["last", 2])
    run(second)
    assert torch.equal(weights(second.evaluated), weights(whole.evaluated))


def test_a_decay_may_follow_a_schedule():
    averages = EMA(decay=0.5)
    trainer = make(averages, epochs=2)
    trainer.follows = [Follow(averages, "decay", lambda epoch: 0.5 if epoch < 1 else 0.0)]
    run(trainer)
    # of decay 0 the average is the last weights
    assert torch.equal(weights(trainer.evaluated), weights(trainer.model))


def test_a_last_batch_of_one_image_has_no_statistics():
    trainer = make(SWA(start=0), network=CNN, epochs=1, drop_last=True)
    trainer.dataset = replace(trainer.dataset, train=trainer.dataset.train[:33])
    run(trainer)
    norm = next(m for m in trainer.evaluated.modules() if isinstance(m, nn.BatchNorm2d))
    assert int(norm.num_batches_tracked) == 2


def test_an_average_that_never_begins_is_refused():
    with pytest.raises(ValueError, match=r"lower averaging\.start"):
        make(SWA(start=5), epochs=3)

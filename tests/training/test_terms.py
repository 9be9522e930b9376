"""A batch's losses: a part of it penalised, and directions that are remembered."""

from contextlib import suppress
from dataclasses import replace
from itertools import combinations

import pytest
import torch
from torch.func import jacrev, vmap
from torch.optim import SGD

from jhrun.data.digits import digits
from jhrun.linalg import Exact, Tracked
from jhrun.models import MLP
from jhrun.objectives import CrossEntropy
from jhrun.penalties import Hessian, Jacobian
from jhrun.records import Batch
from jhrun.training import Checkpoint, Interrupted, Regularizer, Trainer, TrainOptions
from jhrun.training.terms import terms


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def data():
    whole = digits()
    return replace(whole, train=whole.train[:24], validation=whole.validation[:10], test=whole.test[:10])


def network(data):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return MLP(widths=[12], activation="softplus", **vars(data.spec)).double()


def batch_of(data, n=5):
    inputs = data.train.inputs[:n].double() / 255
    index, fresh = torch.arange(n), torch.zeros(n, dtype=torch.bool)
    return Batch(inputs, data.train.targets[:n], index=index, fresh=fresh)


def test_the_penalty_on_a_random_part_estimates_the_whole_without_bias(data):
    """The mean over all parts of a size is the loss with everything penalised."""
    model, batch = network(data), batch_of(data)

    def loss(part):
        made = terms(model, CrossEntropy(), [Jacobian()], [Exact()], batch, 0.4, part=part, generator=seeded())
        return made.losses.mean()

    whole = loss(None)
    parts = [loss(torch.tensor(part)) for part in combinations(range(5), 2)]
    assert torch.stack(parts).mean().item() == pytest.approx(whole.item(), rel=1e-12)
    assert min(parts) < 0.99 * max(parts)


def test_a_part_leaves_task_losses_and_answers_of_all(data):
    model, batch = network(data), batch_of(data)
    part = torch.tensor([3, 1])
    made = terms(model, CrossEntropy(), [Jacobian()], [Exact()], batch, 0.4, part=part, generator=seeded())
    whole = CrossEntropy()(model(batch.inputs), batch.targets)
    assert torch.allclose(made.task_losses, whole[[3, 1, 0, 2, 4]])
    assert made.values.shape == (2,)
    made.losses.mean().backward()
    sums = made.observed()
    assert sums[1].item() == pytest.approx(whole.sum().item())
    assert sums[-2:].tolist() == [2, 2]


def test_without_weight_nothing_is_penalised(data):
    made = terms(network(data), CrossEntropy(), [Jacobian()], [Exact()], batch_of(data), 0.0, generator=seeded())
    assert made.values is None
    assert made.observed()[-2:].tolist() == [0, 0]


def make(data, *, penalty, lr=0.0, epochs=2, fraction=1.0, solver=None):
    solver = solver or Tracked()
    model = network(data).float()
    return Trainer(
        model,
        data,
        CrossEntropy(),
        Regularizer([penalty], lambda _: 0.3, lambda _: solver, fraction),
        SGD(model.parameters(), lr=1.0),
        lambda _: lr,
        TrainOptions(epochs=epochs, batch_size=7),
        3,
    )


def train(trainer, stop=lambda: False):
    saved, records = {}, []
    with suppress(Interrupted):
        trainer.run(save=saved.__setitem__, record=records.append, stop=stop)
    return saved, records


@pytest.mark.parametrize("penalty", [Jacobian(), Hessian()])
def test_tracking_through_a_frozen_network_finds_the_dense_norms(data, penalty):
    trainer = make(data, penalty=penalty, epochs=60)
    _, records = train(trainer)
    model = trainer.model.double().eval()
    inputs = data.train.inputs.double() / 255

    def outputs(x):
        return model(x[None])[0]

    def gradient(x, y):
        return jacrev(lambda z: CrossEntropy()(model(z[None]), y[None])[0])(x)

    if isinstance(penalty, Jacobian):
        matrix = vmap(jacrev(outputs))(inputs).flatten(2)
    else:
        matrix = vmap(jacrev(gradient))(inputs, data.train.targets).reshape(24, 64, 64)
    v = trainer.directions.tracked[0].vectors.double()
    share = (v[:, None] @ matrix).norm(dim=(1, 2)) / torch.linalg.matrix_norm(matrix, ord=2)
    # the network keeps its parameters in float32, and close pairs converge slowly: never above, seldom below
    assert share.max() < 1 + 1e-5
    assert share.mean() > 0.99
    assert records[-1].residual < records[0].residual


@pytest.mark.parametrize("fraction", [1.0, 0.4])
def test_an_interrupted_run_with_memories_ends_bit_for_bit_the_same(data, fraction):
    held = replace(data, crop=1, flip=True, hold=3)
    whole = make(held, penalty=Hessian(), lr=0.05, epochs=4, fraction=fraction)
    train(whole)
    for steps in (2, 5, 9):
        first = make(held, penalty=Hessian(), lr=0.05, epochs=4, fraction=fraction)
        left = iter(range(steps - 1))
        saved, _ = train(first, stop=lambda left=left: next(left, None) is None)
        kept = saved["last"]
        kept = Checkpoint({k: t.clone() for k, t in kept.weights.items()}, dict(kept.state), kept.info)
        second = make(held, penalty=Hessian(), lr=0.05, epochs=4, fraction=fraction)
        second.restore(kept)
        train(second)
        for mine, other in zip(whole.model.parameters(), second.model.parameters(), strict=True):
            assert torch.equal(mine, other)
        assert torch.equal(whole.directions.tracked[0].vectors, second.directions.tracked[0].vectors)


def test_two_penalties_have_a_memory_each(data):
    one = make(data, penalty=Jacobian(), lr=0.01, epochs=1)
    trainer = replace(one, regularizer=replace(one.regularizer, penalties=[Jacobian(), Hessian()]))
    train(trainer)
    assert [tuple(trainer.directions.tracked[i].vectors.shape) for i in (0, 1)] == [(24, 10), (24, 64)]


def test_the_penalised_part_is_another_one_each_epoch(data):
    trainer = make(data, penalty=Jacobian(), fraction=0.5)
    first = trainer._part(24)
    trainer.epoch = 1
    assert sorted(first) != sorted(trainer._part(24))
    assert len(set(first)) == 12


@pytest.mark.parametrize("penalty", [Jacobian(), Hessian()])
def test_a_vector_in_the_image_s_frame_ends_with_its_image_and_one_of_outputs_does_not(data, penalty):
    model, batch = network(data), batch_of(data)
    solver = Tracked().over(5)
    for _ in range(3):
        made = terms(model, CrossEntropy(), [penalty], [solver], batch, 0.4, generator=seeded())
        made.losses.mean().backward()
        made.observed()
    kept = solver.vectors.double()
    fresh = replace(batch, fresh=~batch.fresh)
    (direction,) = terms(model, CrossEntropy(), [penalty], [solver], fresh, 0.4, generator=seeded()).directions
    expected = kept
    if isinstance(penalty, Hessian):
        x = batch.inputs.clone().requires_grad_()
        (expected,) = torch.autograd.grad(CrossEntropy()(model(x), batch.targets).sum(), x)
    expected = expected.flatten(1)
    assert torch.allclose(direction.vector, expected / expected.norm(dim=1, keepdim=True), atol=1e-6)

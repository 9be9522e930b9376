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
from jhrun.terms import Draws, Pass, Setting, Spectral, convex, penalised
from jhrun.training import Checkpoint, Interrupted, Trainer, TrainOptions
from jhrun.training.gradients import Active, add_gradients


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


def gradients(data, batch, term, weight=0.4, fraction=1.0, part=None):
    model, draws = network(data), Draws(0, 0, torch.device("cpu"))
    active = Active.at(convex(None, term, weight, fraction), 0.0)

    def step(some):
        return Pass(model, CrossEntropy(), some, 0.0, Setting(len(batch)), draws)

    loss, (made,) = add_gradients(step, active, batch, part=part)
    return loss, made, model


def test_the_penalty_on_a_random_part_estimates_the_whole_without_bias(data):
    """The mean over all parts of a size is the loss with everything penalised."""
    batch, term = batch_of(data), Spectral([Jacobian()], Exact())
    whole = gradients(data, batch, term)[0]
    losses = [gradients(data, batch, term, fraction=0.4, part=list(p))[0] for p in combinations(range(5), 2)]
    assert torch.stack(losses).mean().item() == pytest.approx(whole.item(), rel=1e-12)
    assert min(losses) < 0.99 * max(losses)


def test_a_part_leaves_task_losses_and_answers_of_all(data):
    batch = batch_of(data)
    _, made, model = gradients(data, batch, Spectral([Jacobian()], Exact()), fraction=0.4, part=[3, 1])
    whole = CrossEntropy()(model(batch.inputs), batch.targets)
    assert torch.allclose(made.figures["objective"], whole[[3, 1, 0, 2, 4]])
    assert len(made.figures["accuracy"]) == 5
    assert len(made.figures["regularizer"]) == 2
    assert {name: len(figure) for name, figure in made.observed(torch.tensor(True)).items()} == {
        "loss": 5, "objective": 5, "accuracy": 5, "regularizer": 2, "regularizer.residual": 2,
    }  # fmt: skip


def test_without_weight_nothing_is_penalised(data):
    _, made, _ = gradients(data, batch_of(data), Spectral([Jacobian()], Exact()), weight=0.0)
    assert set(made.figures) == {"loss", "objective", "accuracy"}


def make(data, *, penalty, lr=0.0, epochs=2, fraction=1.0, solver=None):
    solver = solver or Tracked()
    model = network(data).float()
    return Trainer(
        model,
        data,
        CrossEntropy(),
        penalised(penalty if isinstance(penalty, tuple) else [penalty], solver, 0.3, fraction),
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
    v = trainer.terms[1].term.directions.tracked[0].vectors.double()
    share = (v[:, None] @ matrix).norm(dim=(1, 2)) / torch.linalg.matrix_norm(matrix, ord=2)
    # the network keeps its parameters in float32, and close pairs converge slowly: never above, seldom below
    assert share.max() < 1 + 1e-5
    assert share.mean() > 0.99
    assert records[-1].figures["regularizer.residual"] < records[0].figures["regularizer.residual"]


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
        assert torch.equal(
            whole.terms[1].term.directions.tracked[0].vectors, second.terms[1].term.directions.tracked[0].vectors
        )


def test_two_penalties_have_a_memory_each(data):
    trainer = make(data, penalty=(Jacobian(), Hessian()), lr=0.01, epochs=1)
    train(trainer)
    assert [tuple(trainer.terms[1].term.directions.tracked[i].vectors.shape) for i in (0, 1)] == [
        (24, 10),
        (24, 64),
    ]


def test_the_penalised_part_is_another_one_each_epoch(data):
    trainer = make(data, penalty=Jacobian(), fraction=0.5)
    active = Active.at(trainer.terms, 0.0)
    first = trainer._part(24, active)
    trainer.epoch = 1
    assert sorted(first) != sorted(trainer._part(24, active))
    assert len(set(first)) == 12


@pytest.mark.parametrize("penalty", [Jacobian(), Hessian()])
def test_a_vector_in_the_image_s_frame_ends_with_its_image_and_one_of_outputs_does_not(data, penalty):
    batch, term = batch_of(data), Spectral([penalty], Tracked())
    for _ in range(3):
        _, made, _ = gradients(data, batch, term)
        made.observed(torch.tensor(True))
    kept = term.directions.tracked[0].vectors.double()
    fresh = replace(batch, fresh=~batch.fresh)
    _, made, model = gradients(data, fresh, term)
    ((_, direction),) = made.step.notes[term]
    expected = kept
    if isinstance(penalty, Hessian):
        x = batch.inputs.clone().requires_grad_()
        (expected,) = torch.autograd.grad(CrossEntropy()(model(x), batch.targets).sum(), x)
    expected = expected.flatten(1)
    assert torch.allclose(direction.vector, expected / expected.norm(dim=1, keepdim=True), atol=1e-6)

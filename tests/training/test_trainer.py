"""Training: what is minimised and recorded, by hand; and that no interruption leaves a trace."""

import math
from dataclasses import fields, replace
from functools import cache
from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.func import jacrev, vmap
from torch.optim import SGD, Adam, AdamW

from jhrun.data import Dataset, Part
from jhrun.data.digits import digits
from jhrun.data.regression import disentanglement
from jhrun.errors import NumericalError
from jhrun.linalg import Direction, Lanczos
from jhrun.models import CNN, MLP
from jhrun.objectives import CrossEntropy, SquaredError
from jhrun.penalties import Hessian, HessianDiagonality, Jacobian
from jhrun.terms import penalised
from jhrun.training import Checkpoint, Follow, Interrupted, Trainer, TrainOptions
from jhrun.training.cost import Costs
from jhrun.training.state import optimizer_tensors
from jhrun.training.validation import validate

STEPS = 3
"""An epoch of 80 examples in batches of 32: the last has 16."""


@cache
def some_digits(train=80, validation=60, **options):
    whole = digits(**options)
    parts = {"train": whole.train[:train], "validation": whole.validation[:validation], "test": whole.test[:20]}
    return replace(whole, **parts)


OPTIMIZERS = {
    "adam": lambda p: Adam(p, lr=1.0, weight_decay=5e-4),
    "adamw": lambda p: AdamW(p, lr=1.0),
    "sgd": lambda p: SGD(p, lr=1.0, momentum=0.9),
    "plain": lambda p: SGD(p, lr=1.0),
}
"""Their own learning rate is never used: the schedule's is."""


def mlp(spec):
    return MLP(widths=[16], **vars(spec))


class Restless(CNN):
    """Draws from the global random state and keeps statistics."""

    def __init__(self, spec):
        super().__init__(widths=[4], hidden=8, normalisation="batch", **vars(spec))
        self.insert(-1, nn.Dropout(0.3))


def trainer(
    optimizer="adam",
    penalties=(),
    *,
    data=None,
    network=mlp,
    init=0,
    weight=lambda _: 0.3,
    lr=lambda epoch: 0.02 / (1 + epoch),
    solver=None,
    objective=None,
    seed=5,
    epochs=2,
    batch_size=32,
    follows=(),
    **options,
):
    data = some_digits() if data is None else data
    torch.manual_seed(init)
    model = network(data.spec)
    return Trainer(
        model,
        data,
        objective or CrossEntropy(),
        penalised(penalties, solver or Lanczos(2), weight),
        OPTIMIZERS[optimizer](model.parameters()),
        lr,
        TrainOptions(epochs, batch_size, **options),
        seed,
        follows,
    )


class Log:
    """Keeps what a trainer hands out, as it was at that moment."""

    def __init__(self):
        self.saves, self.records = [], []

    def save(self, name, checkpoint):
        weights, state = (
            {key: value.detach().clone() for key, value in tensors.items()}
            for tensors in (checkpoint.weights, checkpoint.state)
        )
        self.saves.append((name, Checkpoint(weights, state, dict(checkpoint.info))))

    def run(self, some, **options):
        some.run(save=self.save, record=self.records.append, **options)
        return self

    @property
    def cursors(self):
        return [(name, c.info["epoch"], c.info["step"]) for name, c in self.saves]


def timeless(records):
    return [replace(record, seconds=0, memory=None, cost=None) for record in records]


def check_equal(one, other):
    """Two trainers stand at the same place, bit for bit."""
    for key, value in one.model.state_dict().items():
        assert torch.equal(value, other.model.state_dict()[key]), key
    mine, yours = optimizer_tensors(one.optimizer), optimizer_tensors(other.optimizer)
    assert mine.keys() == yours.keys()
    for key, value in mine.items():
        assert torch.equal(value, yours[key]), key
    assert (one.epoch, one.step, one.best) == (other.epoch, other.step, other.best)
    assert one.ledger.columns.names == other.ledger.columns.names
    assert torch.equal(one.ledger.columns.totals, other.ledger.columns.totals)


def in_pieces(make, folder, stops):
    """Train with interruptions after the given numbers of steps, each piece in fresh objects and from the disk."""
    records = []
    for piece, until in enumerate([*stops, math.inf]):
        current = make(init=100 + piece)
        if piece:
            current.restore(Checkpoint.load(folder / "last"))
        options = {
            "save": lambda name, checkpoint: checkpoint.save(folder / name),
            "record": records.append,
            "stop": lambda current=current, until=until: current.steps_done >= until,
        }
        if until < math.inf:
            with pytest.raises(Interrupted):
                current.run(**options)
            assert current.steps_done == until
        else:
            current.run(**options)
    return current, records


def test_a_run_that_goes_on_after_an_epoch_s_last_step_has_the_values_of_that_step(tmp_path):
    """No step is left in the epoch; its validation asks the objective all the same."""

    class Scaled(CrossEntropy):
        scale = 1.0

        def __call__(self, outputs, targets):
            return self.scale * super().__call__(outputs, targets)

    def make(init=0):
        objective = Scaled()
        follows = [Follow(objective, "scale", lambda epoch: 1 + epoch)]
        return trainer(objective=objective, init=init, follows=follows)

    whole = Log().run(make(init=100)).records
    _, records = in_pieces(make, tmp_path, [STEPS, 2 * STEPS])
    assert [r.validation_loss for r in records] == [r.validation_loss for r in whole]


def augmented():
    return some_digits(crop=1, flip=True)


SETTINGS = {
    "adam": {},
    "adamw": {"optimizer": "adamw"},
    "sgd": {"optimizer": "sgd"},
    "jacobian": {"penalties": [Jacobian()]},
    "hessian": {"optimizer": "adamw", "penalties": [Hessian()]},
    "both": {"optimizer": "sgd", "penalties": [Jacobian(), Hessian()], "lr": lambda _: 0.005},
    "late": {"penalties": [Jacobian()], "weight": lambda epoch: 0.3 * (epoch > 0.5)},
    "restless": {"network": Restless, "data": augmented},
    "drop_last": {"drop_last": True, "penalties": [Jacobian()]},
}


def maker(name, **more):
    settings = SETTINGS[name] | more
    if callable(settings.get("data")):
        settings["data"] = settings["data"]()
    return lambda **extra: trainer(**settings, **extra)


@pytest.mark.parametrize("name", SETTINGS)
def test_four_epochs_are_two_and_two(tmp_path, name):
    whole = maker(name, epochs=4)(init=0)
    expected = Log().run(whole)
    first, records = maker(name, epochs=2)(init=0), []
    first.run(save=lambda n, c: c.save(tmp_path / n), record=records.append)
    then = maker(name, epochs=4)(init=1)
    then.restore(Checkpoint.load(tmp_path / "last"))
    check_equal(first, then)
    then.run(save=lambda n, c: c.save(tmp_path / n), record=records.append)
    check_equal(whole, then)
    assert timeless(records) == timeless(expected.records)
    assert len(records) == 4


@pytest.mark.parametrize("name", SETTINGS)
def test_stopping_after_every_single_step_changes_nothing(tmp_path, name):
    make = maker(name)
    whole = make(init=100)
    expected = Log().run(whole)
    stops = range(1, 2 * whole.steps + 1)
    last, records = in_pieces(make, tmp_path, stops)
    check_equal(whole, last)
    assert timeless(records) == timeless(expected.records)
    kept = {n: c.weights for n, c in expected.saves}
    for n in ("best", "last"):
        found = Checkpoint.load(tmp_path / n).weights
        assert all(torch.equal(found[key], value) for key, value in kept[n].items()), n


@pytest.mark.parametrize("stop", range(1, 2 * STEPS + 1))
def test_stopping_once_anywhere_changes_nothing(tmp_path, stop):
    make = maker("jacobian")
    whole = make(init=100)
    expected = Log().run(whole)
    last, records = in_pieces(make, tmp_path, [stop])
    check_equal(whole, last)
    assert timeless(records) == timeless(expected.records)


def test_an_interruption_saves_where_it_stands():
    log, current = Log(), trainer()
    with pytest.raises(Interrupted):
        log.run(current, stop=lambda: current.steps_done == STEPS + 1)
    assert log.cursors[-1] == ("last", 1, 1)
    assert len(log.records) == 1
    info = log.saves[-1][1].info
    assert info["seconds"] == current.seconds > 0
    assert info["best"] == log.records[0].validation_accuracy


def test_a_checkpoint_can_be_restored_twice():
    log, current = Log(), trainer()
    with pytest.raises(Interrupted):
        log.run(current, stop=lambda: current.steps_done == 2)
    kept, records = log.saves[-1][1], []
    for _ in range(2):
        again = trainer(epochs=1)
        again.restore(kept)
        again.run(save=lambda *_: None, record=records.append)
    assert timeless(records[:1]) == timeless(records[1:])


def spectral_norms(model, x):
    """σ²_max of the Jacobian of each example's logits, the slow way, with a graph."""
    jacobians = vmap(jacrev(lambda image: model(image[None])[0]))(x).flatten(2)
    return torch.linalg.matrix_norm(jacobians, 2).square()


@pytest.mark.parametrize("w", [0.0, 0.01, 0.4, 1.0])
def test_one_step_goes_down_the_weighted_sum(w):
    current = trainer("plain", [Jacobian()], weight=lambda _: w, lr=lambda _: 0.05, solver=Lanczos(10))
    batch = next(current.dataset.epoch(0, 32, seed=5))
    before = [p.detach().clone() for p in current.model.parameters()]
    task = F.cross_entropy(current.model(batch.inputs), batch.targets)
    penalty = spectral_norms(current.model, batch.inputs).mean()
    loss = (1 - w) * task + w * penalty
    gradients = torch.autograd.grad(loss, list(current.model.parameters()), allow_unused=True)
    current.take_step(batch)
    running = current.running()
    assert running["loss"] == pytest.approx(loss.item(), rel=1e-4)
    assert running["objective"] == pytest.approx(task.item(), rel=1e-5)
    assert running.get("regularizer", 0) == pytest.approx(penalty.item() if w else 0, rel=1e-4)
    assert current.steps_done == 1
    for p, start, g in zip(current.model.parameters(), before, gradients, strict=True):
        step = torch.zeros_like(start) if g is None else -0.05 * g
        torch.testing.assert_close(p.detach() - start, step, rtol=2e-3, atol=1e-6)


class FirstRow:
    """Always the first unit vector, which of the Jacobian takes the first row."""

    def __init__(self, value, residual):
        self.value, self.residual = value, residual

    def __call__(self, operator, **_):
        batch, m, _ = operator.shape
        vector = torch.zeros(batch, m)
        vector[:, 0] = 1
        residual = None if self.residual is None else torch.full((batch,), self.residual)
        return Direction(vector, torch.full((batch,), self.value), residual, 0)


@pytest.mark.parametrize(
    ("value", "residual", "recorded"),
    [
        (4.0, 1.0, 0.25),
        (-4.0, 1.0, 0.25),
        (0.0, 0.0, 0.0),
        (4.0, None, None),
    ],
)
def test_the_residual_is_relative_to_its_value(value, residual, recorded):
    log = Log().run(trainer(penalties=[Jacobian()], solver=FirstRow(value, residual), epochs=1))
    assert log.records[0].figures == ({} if recorded is None else {"regularizer.residual": recorded})


def test_several_penalties_are_averaged():
    values = {}
    for name, penalties in (("j", [Jacobian()]), ("h", [Hessian()]), ("both", [Jacobian(), Hessian()])):
        current = trainer(penalties=penalties, solver=FirstRow(1.0, 0.0))
        current.take_step(next(current.dataset.epoch(0, 32, seed=5)))
        values[name] = current.running()["regularizer"]
    assert values["both"] == pytest.approx((values["j"] + values["h"]) / 2, rel=1e-6)
    assert values["j"] != pytest.approx(values["h"], rel=0.1)


@pytest.mark.parametrize("w", [None, 0.3])
@pytest.mark.parametrize("drop_last", [False, True])
def test_a_record_is_that_of_a_plain_loop(w, drop_last):
    """The plain loop: ‖first row of J‖² by one more backward pass, sums in Python, one record an epoch."""
    with_penalty = w is not None
    options = {"drop_last": drop_last, "lr": lambda epoch: 0.05 / (1 + epoch)}
    regularizer = {"penalties": [Jacobian()] if with_penalty else [], "weight": lambda _: w or 0.0}
    current = trainer("plain", **regularizer, solver=FirstRow(1.0, 0.0), **options)
    records = Log().run(current).records
    data, steps = current.dataset, current.steps
    twin = trainer("plain", **options).model
    done = 0
    for epoch in range(2):
        sums, right, seen = [0.0, 0.0, 0.0], 0, 0
        for batch in data.epoch(epoch, 32, seed=5, drop_last=drop_last):
            x = batch.inputs.requires_grad_()
            logits = twin(x)
            task = F.cross_entropy(logits, batch.targets, reduction="none")
            penalty = torch.zeros(len(batch))
            if with_penalty:
                (row,) = torch.autograd.grad(logits[:, 0].sum(), x, create_graph=True)
                penalty = row.square().flatten(1).sum(1)
            loss = (1 - w) * task + w * penalty if with_penalty else task
            lr = 0.05 / (1 + done / steps)
            gradients = torch.autograd.grad(loss.mean(), list(twin.parameters()), allow_unused=True)
            with torch.no_grad():
                for p, g in zip(twin.parameters(), gradients, strict=True):
                    p.sub_(lr * g)
            for i, term in enumerate((loss, task, penalty)):
                sums[i] += term.sum().item()
            right += (logits.argmax(1) == batch.targets).sum().item()
            seen += len(batch)
            done += 1
        record = records[epoch]
        assert seen == (64 if drop_last else 80)
        assert (record.epoch, record.steps) == (epoch + 1, done)
        assert record.accuracy == pytest.approx(right / seen, abs=1e-12)
        assert record.loss == pytest.approx(sums[0] / seen, rel=1e-4)
        assert record.task_loss == pytest.approx(sums[1] / seen, rel=1e-4)
        assert record.penalty == (pytest.approx(sums[2] / seen, rel=1e-3) if with_penalty else None)
        assert record.figures == ({"regularizer.residual": 0} if with_penalty else {})
        assert record.lr == pytest.approx(lr, rel=1e-12)
        assert record.weight == (w if with_penalty else 0)
        expected = validate(twin, data.validation, CrossEntropy())
        assert (record.validation_loss, record.validation_accuracy) == pytest.approx(expected, rel=1e-4)
        assert 0 < record.seconds < 60


def test_the_learning_rate_follows_its_schedule_at_every_step():
    seen = []
    log = Log()
    log.run(
        trainer(lr=lambda epoch: 0.01 * (1 + epoch)),
        progress=lambda t: seen.append((t.steps_done, t.optimizer.param_groups[0]["lr"])),
    )
    expected = [(step, pytest.approx(0.01 * (1 + (step - 1) / STEPS))) for step in range(1, 2 * STEPS + 1)]
    assert seen == expected
    assert [record.lr for record in log.records] == [seen[STEPS - 1][1], seen[-1][1]]


def test_weight_and_solver_follow_their_schedules():
    solver = Lanczos(2)
    log = Log().run(
        trainer(
            penalties=[Jacobian()],
            weight=lambda epoch: 0.0 if epoch < 1 else 0.5 if epoch < 2 else 0.75,
            solver=solver,
            follows=[Follow(solver, "iterations", lambda epoch: 2 + epoch, whole=True)],
            epochs=3,
        )
    )
    plain, half, most = log.records
    assert (plain.weight, plain.penalty, plain.figures) == (0, None, {})
    assert plain.loss == plain.task_loss
    for record, w, iterations in ((half, 0.5, 3), (most, 0.75, 4)):
        assert (record.weight, record.figures["regularizer.iterations"]) == (w, iterations)
        assert (record.task_weight, record.weight) == (1 - w, w)
        assert record.loss == pytest.approx((1 - w) * record.task_loss + w * record.penalty, rel=1e-6)
        assert record.figures["regularizer.residual"] > 0


def test_a_whole_number_changes_between_epochs_and_another_at_each_step():
    class Arguments:
        n, x = 0, 0.0

    kept, seen = Arguments(), []
    follows = [Follow(kept, "n", lambda epoch: 1.6 * epoch, whole=True), Follow(kept, "x", lambda epoch: epoch)]
    Log().run(trainer(follows=follows), progress=lambda t: seen.append((kept.n, kept.x)))
    assert seen == [
        (round(1.6 * ((step - 1) // STEPS)), pytest.approx((step - 1) / STEPS)) for step in range(1, 2 * STEPS + 1)
    ]


class Noting(FirstRow):
    """Keeps what it would draw from its generator."""

    def __init__(self, draws):
        super().__init__(1.0, 0.0)
        self.draws = draws

    def __call__(self, operator, generator=None, **_):
        self.draws.append(torch.rand(3, generator=generator).tolist())
        return super().__call__(operator)


@pytest.mark.parametrize("stream", ["solver", "layers"])
def test_every_step_draws_anew_and_a_seed_draws_the_same(stream):
    runs = []
    for seed in (5, 5, 6):
        draws = []
        current = trainer(penalties=[Jacobian()], solver=Noting(draws), seed=seed)
        if stream == "layers":
            draws = []
            current.model.register_forward_hook(
                lambda model, *_, draws=draws: draws.append(torch.rand(3).tolist()) if model.training else None
            )
        Log().run(current)
        runs.append(draws)
    first, again, other = runs
    assert first == again
    # steps that are timed draw for a plain one beside them, and the same
    assert len({tuple(draw) for draw in first}) == 2 * STEPS
    assert len({tuple(draw) for draw in first + other}) == 4 * STEPS


def test_the_mean_penalty_is_that_of_the_examples_it_was_measured_on():
    def record(weight):
        options = {"penalties": [Jacobian()], "solver": FirstRow(1.0, 0.0), "epochs": 1}
        return Log().run(trainer(weight=weight, lr=lambda _: 0.0, **options)).records[0]

    # nothing is learned, so the penalty is the same at every step up to its examples
    always, later = record(lambda _: 0.5), record(lambda epoch: 0.5 * (epoch > 0))
    assert later.penalty == pytest.approx(always.penalty, rel=0.2)


def test_no_weight_is_ordinary_training():
    plain, weightless = trainer(), trainer(penalties=[Jacobian()], weight=lambda _: 0.0)
    records = [Log().run(t).records for t in (plain, weightless)]
    check_equal(plain, weightless)
    assert timeless(records[0]) == timeless(records[1])


@pytest.mark.parametrize("w", [-0.1, 1.1, float("nan")])
def test_a_weight_outside_its_range_is_refused(w):
    log = Log()
    with pytest.raises(ValueError, match=r"weight is .* at epoch 1"):
        log.run(trainer(penalties=[Jacobian()], weight=lambda epoch: 0.5 if epoch < 1 else w))
    assert log.cursors == [("best", 1, 0), ("last", 1, 0)]


@pytest.mark.parametrize(
    ("every", "cursors"),
    [
        (None, [(1, 0), (2, 0)]),
        (1, [(0, 1), (0, 2), (0, 3), (1, 0), (1, 1), (1, 2), (1, 3), (2, 0)]),
        (2, [(0, 2), (1, 0), (1, 1), (1, 3), (2, 0)]),
        (4, [(1, 0), (1, 1), (2, 0)]),
        (100, [(1, 0), (2, 0)]),
    ],
)
def test_checkpoints_are_saved_at_epoch_ends_and_every_so_many_steps(every, cursors):
    log = Log().run(trainer(data=replace(some_digits(), validation=Part(*NOTHING)), checkpoint_steps=every))
    assert log.cursors == [("last", *cursor) for cursor in cursors]


NOTHING = torch.empty(0), torch.empty(0, dtype=torch.int64)


def test_progress_is_told_after_every_step():
    seen = []
    Log().run(trainer(), progress=lambda t: seen.append((t.epoch, t.step)))
    assert seen == [(epoch, step) for epoch in range(2) for step in range(1, STEPS + 1)]


def test_the_best_is_the_best_on_the_validation_part():
    # a learning rate wild enough that accuracy goes up and down
    log = Log().run(trainer(lr=lambda epoch: 0.3 * (int(epoch) % 2 + 0.1), epochs=8))
    lasts = {c.info["epoch"]: c for name, c in log.saves if name == "last"}
    accuracies, data, best = [], some_digits(), -1.0
    expected = []
    for epoch in range(1, 9):
        model = mlp(data.spec)
        model.load_state_dict(lasts[epoch].weights)
        accuracies.append(validate(model, data.validation, CrossEntropy())[1])
        if accuracies[-1] >= best:
            best = accuracies[-1]
            expected.append(("best", epoch, 0))
        expected.append(("last", epoch, 0))
        assert lasts[epoch].info["best"] == best
    assert [record.validation_accuracy for record in log.records] == accuracies
    # else any rule would do
    assert any(after < before for before, after in pairwise(accuracies))
    # best comes before last, so that a resumed run never misses it
    assert log.cursors == expected


def test_of_equals_the_later_is_best():
    log = Log().run(trainer(lr=lambda _: 0.0, epochs=3))
    assert log.cursors == [(name, epoch, 0) for epoch in (1, 2, 3) for name in ("best", "last")]


def values(**options):
    """A trainer of a regression task."""
    data = disentanglement(dimension=3, examples=100, validation=0.2)
    return trainer(data=data, objective=SquaredError(), **options)


def test_without_classes_the_best_is_the_one_of_lowest_loss():
    log = Log().run(values(lr=lambda epoch: 0.3 * (int(epoch) % 2 + 0.1), epochs=8))
    losses = [record.validation_loss for record in log.records]
    assert any(after > before for before, after in pairwise(losses))
    best = [c.info["epoch"] for name, c in log.saves if name == "best"]
    assert best == [i + 1 for i, loss in enumerate(losses) if loss <= min(losses[: i + 1])]
    assert log.saves[-1][1].info["best"] == min(losses)
    assert {(r.accuracy, r.validation_accuracy) for r in log.records} == {(None, None)}


def test_a_measure_is_recorded_after_each_epoch():
    seen = []

    def measure(model, part):
        seen.append(part)
        return {"weights": float(sum(p.detach().double().sum() for p in model.parameters()))}

    current = values(penalties=[HessianDiagonality("output")])
    current.measure = measure
    log = Log().run(current)
    assert seen == [current.dataset.validation] * 2
    lasts = [c.weights for name, c in log.saves if name == "last"]
    for record, weights in zip(log.records, lasts, strict=True):
        parameters = [weights[name] for name, _ in current.model.named_parameters()]
        assert record.task == {"weights": float(sum(p.double().sum() for p in parameters))}


def test_without_validation_nothing_is_chosen():
    log = Log().run(trainer(data=replace(some_digits(), validation=Part(*NOTHING))))
    assert log.cursors == [("last", 1, 0), ("last", 2, 0)]
    assert [(r.validation_loss, r.validation_accuracy) for r in log.records] == [(None, None)] * 2
    assert log.saves[-1][1].info["best"] is None


def test_the_test_part_is_never_looked_at():
    def others(part):
        random = torch.Generator().manual_seed(0)
        inputs = torch.randint(0, 256, part.inputs.shape, generator=random).byte()
        return Part(inputs[:7], part.targets[:7].flip(0))

    data = some_digits()
    runs = [trainer(penalties=[Jacobian()], data=d) for d in (data, replace(data, test=others(data.test)))]
    logs = [Log().run(run) for run in runs]
    check_equal(*runs)
    assert timeless(logs[0].records) == timeless(logs[1].records)
    assert logs[0].cursors == logs[1].cursors


class Poison(CrossEntropy):
    """Not a number at the given training step."""

    def __init__(self, step, value):
        self.left, self.value = step, value

    def __call__(self, outputs, targets):
        losses = super().__call__(outputs, targets)
        if torch.is_grad_enabled():
            self.left -= 1
            if self.left == 0:
                return losses * self.value
        return losses


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("every", [None, 1])
@pytest.mark.parametrize("step", [1, 2, 3, 4, 6])
def test_a_loss_that_is_not_finite_ends_training_and_is_never_saved(step, every, value):
    log = Log()
    with pytest.raises(NumericalError, match=r"became infinite or not a number, epoch \d") as caught:
        log.run(trainer(objective=Poison(step, value), checkpoint_steps=every))
    assert caught.value.exit_code == 5
    assert f"epoch {1 + (step - 1) // STEPS}," in str(caught.value)
    for _, checkpoint in log.saves:
        assert checkpoint.info["epoch"] * STEPS + checkpoint.info["step"] < step
        assert all(t.isfinite().all() for t in (*checkpoint.weights.values(), *checkpoint.state.values()))
    assert len(log.records) == (step - 1) // STEPS


def test_not_even_an_interruption_saves_what_is_not_finite():
    log = Log()
    with pytest.raises(NumericalError):
        log.run(trainer(objective=Poison(1, float("nan"))), stop=lambda: True)
    assert log.saves == []


def test_weights_that_are_not_finite_under_a_finite_loss_are_found():
    log = Log()
    # only the very last step is too long
    with pytest.raises(NumericalError, match="weights became"):
        log.run(trainer("plain", lr=lambda epoch: math.inf if epoch > 0.5 else 0.01, epochs=1))
    assert (log.saves, log.records) == ([], [])


@pytest.mark.parametrize("batch_size", [81, 1000])
def test_a_batch_larger_than_the_data_is_refused_only_where_it_would_be_dropped(batch_size):
    with pytest.raises(ValueError, match=f"batch_size={batch_size} is more than the 80"):
        trainer(batch_size=batch_size, drop_last=True)
    assert trainer(batch_size=batch_size).steps == 1
    assert trainer(batch_size=80, drop_last=True).steps == 1


def test_a_run_that_is_done_does_nothing_more():
    current = trainer()
    Log().run(current)
    again = Log().run(current)
    assert (again.saves, again.records) == ([], [])


def test_another_seed_is_another_run():
    one, other = trainer(seed=5), trainer(seed=6)
    for current in (one, other):
        Log().run(current)
    with pytest.raises(AssertionError):
        check_equal(one, other)


def test_the_global_random_state_does_not_matter():
    runs = [trainer(penalties=[Jacobian()], network=mlp) for _ in range(2)]
    for state, current in enumerate(runs):
        torch.manual_seed(state)
        Log().run(current)
    check_equal(*runs)


def test_the_network_is_in_training_mode_while_it_is_trained():
    current, seen = trainer(network=Restless), []
    current.model.register_forward_pre_hook(lambda m, _: seen.append((torch.is_grad_enabled(), m.training)))
    Log().run(current)
    assert set(seen) == {(True, True), (False, False)}
    assert seen.count((True, True)) == 2 * STEPS


def test_a_record_has_nothing_but_numbers():
    record = Log().run(trainer(penalties=[Jacobian()])).records[0]
    assert all(
        type(getattr(record, f.name)) in {int, float} for f in fields(record) if f.name not in {"task", "figures"}
    )
    assert all(type(value) in {int, float} for value in record.figures.values())
    assert record.task is None


def test_it_learns():
    data = digits(validation=0.1)
    log = Log().run(trainer(data=data, epochs=6, batch_size=64, lr=lambda _: 0.01))
    assert isinstance(data, Dataset)
    assert log.records[-1].accuracy > 0.9
    assert log.records[-1].validation_accuracy > 0.85


def test_steps_are_timed_without_a_trace():
    def run(rounds):
        made = trainer(penalties=[Jacobian()], network=Restless)
        made.costs = Costs(made.device, rounds)
        return made, Log().run(made).records

    (one, timed), (other, untimed) = run(3), run(0)
    check_equal(one, other)
    assert timeless(timed) == timeless(untimed)
    assert [record.cost for record in untimed] == [None, None]
    # Lanczos makes a forward and backward pass more, at least
    assert all(record.cost > 1.2 for record in timed)
    assert [record.cost for record in Log().run(trainer()).records] == [1.0, 1.0]


class Scripted(Costs):
    """Every measurement takes 100 seconds of plain passes, and costs one more than the one before it."""

    def __init__(self, device):
        super().__init__(device)
        self.made = 0

    def measure(self, active, plain, step):
        plain()
        step()
        self.made += 1
        self._known[tuple(one.name for one in active)].append(float(self.made))
        return 100.0


def test_plain_passes_are_no_time_of_training_and_a_new_stage_is_timed_anew():
    made = trainer(penalties=[Jacobian()], epochs=4)
    made.stages, made.costs = (0, 2), Scripted(made.device)
    records = Log().run(made).records
    # the first step of all warms up: two are timed in the first epoch, one in the second, three in the third
    assert [record.cost for record in records] == [1.5, 2.0, 5.0, 5.0]
    assert [round(record.seconds / -100) for record in records] == [2, 1, 3, 0]

"""Losses, penalties and gradients that are not finite: told by name, and never in a checkpoint."""

from math import inf, nan
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.optim import SGD, Adam

from jhrun import terms
from jhrun.data.regression import conservative_field
from jhrun.errors import NumericalError
from jhrun.linalg import Auto, Exact, GolubKahan, GradientAscent, Hutchinson, Lanczos, Power, Tracked
from jhrun.models import MLP
from jhrun.objectives import SquaredError
from jhrun.penalties import Jacobian
from jhrun.training import Checkpoint, Interrupted, Trainer, TrainOptions
from jhrun.training.state import optimizer_tensors, terms_state

STEPS = 5
"""An epoch of 40 examples in batches of 8."""


def data(*bad, value=nan, column=slice(None)):
    """Forty vectors of four numbers, to which some examples' are changed."""
    whole = conservative_field(dimension=4, examples=50, validation=0.2)
    # after its examination, which would refuse it
    whole.train.inputs[list(bad), column] = value
    return whole


def smooth(spec):
    return MLP(widths=[8], activation="softplus", **vars(spec))


def batch_norm(spec):
    return nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Softplus(), nn.Linear(8, 4))


class Rooted(nn.Module):
    """f(x) = W√x, or √(Wx): at x = 0 only its derivative by the input, or by W, is infinite."""

    def __init__(self, inside):
        super().__init__()
        self.inside, self.linear = inside, nn.Linear(4, 4, bias=False)

    def forward(self, x):
        return self.linear(x.abs().sqrt()) if self.inside else self.linear(x).abs().sqrt()


def trainer(
    dataset,
    *,
    objective=None,
    network=smooth,
    optimizer=SGD,
    penalised=False,
    solver=None,
    batch_size=8,
    fraction=1.0,
    **options,
):
    torch.manual_seed(0)
    model, chosen = network(dataset.spec), solver or Hutchinson(measured=False)
    settings = {"momentum": 0.9} if optimizer is SGD else {}
    return Trainer(
        model,
        dataset,
        objective or SquaredError(),
        terms.penalised([Jacobian()] if penalised else [], chosen, 0.3, fraction),
        optimizer(model.parameters(), lr=1.0, **settings),
        lambda _: 0.01,
        TrainOptions(**{"epochs": 1, "batch_size": batch_size, **options}),
        seed=5,
    )


def run(some, folder=Path("checkpoints"), records=None, **more):
    records = [] if records is None else records
    some.run(save=lambda name, c: c.save(folder / name), record=records.append, **more)
    return records


def refused(some):
    with pytest.raises(NumericalError) as caught:
        run(some)
    assert caught.value.exit_code == 5
    return str(caught.value)


def step_of(dataset, example, size=8):
    """In which step of the first epoch an example is met, from 1."""
    batches = dataset.epoch(0, size, seed=5)
    return next(n for n, batch in enumerate(batches, 1) if example in batch.index)


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("micro_batch", [None, 3])
@pytest.mark.parametrize(
    ("term", "change", "options"),
    [
        ("task loss", {"value": nan}, {}),
        ("task loss", {"value": 1e38}, {}),
        ("task loss and the penalty", {"value": inf}, {"penalised": True}),
        ("penalty", {"value": 0.0}, {"penalised": True, "network": lambda _: Rooted(True)}),
    ],
)
def test_term_example_epoch_and_step_are_named(term, change, options, micro_batch):
    dataset = data(17, **change)
    said = refused(trainer(dataset, **options, micro_batch=micro_batch))
    where = f"epoch 1, step {step_of(dataset, 17)} of {STEPS}, training example 17"
    assert said.startswith(f"the {term} became infinite or not a number, {where}, lower optimizer.lr")
    assert "train.on_nonfinite=skip" in said


def test_an_infinite_gradient_of_finite_losses_has_no_example_to_blame():
    dataset = data(17, value=0.0)
    said = refused(trainer(dataset, network=lambda _: Rooted(False)))
    where = f"epoch 1, step {step_of(dataset, 17)} of {STEPS}"
    assert said.startswith(f"the gradient became infinite or not a number, {where}, lower")


def test_losses_that_add_up_to_too_much_are_told_as_the_loss():
    said = refused(trainer(data(), objective=lambda *given: SquaredError()(*given) + 1e38))
    assert said.startswith("the loss became infinite or not a number, epoch 1, step 1 of 5, lower")


def test_of_many_examples_the_first_eight_are_named():
    bad = [38, 3, 5, 8, 13, 21, 22, 23, 30, 31, 33]
    said = refused(trainer(data(*bad), batch_size=40))
    assert "step 1 of 1, training examples 3, 5, 8, 13, 21, 22, 23, 30 and 3 more, " in said


def test_a_part_that_is_penalised_keeps_its_examples_names():
    said = refused(trainer(data(17), penalised=True, fraction=0.5, batch_size=40))
    assert "training example 17," in said


def test_it_is_the_first_of_several_bad_steps_that_is_told_at_the_meeting():
    dataset = data()
    first, last = (next(b for n, b in enumerate(dataset.epoch(0, 8, seed=5)) if n == step) for step in (1, 3))
    one, other = int(first.index[0]), int(last.index[0])
    some = trainer(data(one, other), log_steps=100)
    assert f"step 2 of {STEPS}, training example {one}, " in refused(some)
    assert some.steps_done == STEPS
    assert all(p.isfinite().all() for p in some.model.parameters())


SOLVERS = [
    *(Exact(), Lanczos(2), Lanczos(4, image=True), Power(2), Hutchinson(), GolubKahan(2), GradientAscent(2, 0.5)),
    *(Tracked(), Tracked(products=1), Auto()),
]


@pytest.mark.parametrize("value", [nan, inf])
@pytest.mark.parametrize("solver", SOLVERS, ids=lambda s: type(s).__name__.lower())
def test_no_solver_fails_in_a_way_of_its_own(solver, value):
    said = refused(trainer(data(17, value=value), penalised=True, solver=solver))
    assert "the task loss and the penalty became" in said


@pytest.mark.parametrize("network", [smooth, batch_norm])
@pytest.mark.parametrize("log_steps", [1, 100])
def test_the_last_good_checkpoint_stays_byte_for_byte(network, log_steps):
    run(trainer(data(), network=network, log_steps=log_steps))
    before = contents(Path("checkpoints"))
    again = trainer(data(17), network=network, log_steps=log_steps, epochs=2)
    again.restore(Checkpoint.load(Path("checkpoints/last")))
    assert "epoch 2," in refused(again)
    assert contents(Path("checkpoints")) == before


CASES = {
    "batch norm": {"network": batch_norm, "optimizer": Adam},
    "momentum": {},
    "tracked": {"penalised": True, "solver": Tracked(), "micro_batch": 3, "fraction": 0.5},
    "lanczos": {"penalised": True, "solver": Lanczos(2), "optimizer": Adam},
}


def state(some):
    """All that the next step hangs on, and the sums."""
    tensors = {**some.model.state_dict(), **optimizer_tensors(some.optimizer), **terms_state(some.terms)[0]}
    return {**tensors, **some.ledger.columns.state_dict()}


def assert_equal(one, other):
    assert one.keys() == other.keys()
    for name, tensor in one.items():
        assert torch.equal(tensor, other[name]), name


@pytest.mark.parametrize("case", CASES)
def test_a_skipped_batch_is_as_if_it_had_not_been(case):
    dataset = data(17)
    left_out = step_of(dataset, 17)
    some, twin = (trainer(d, **CASES[case], on_nonfinite="skip") for d in (dataset, data()))
    for number in range(1, STEPS + 1):
        for one in (some, twin):
            one.model.train()
            batch = next(one.dataset.epoch(0, 8, seed=5, start=number - 1))
            if one is twin and number == left_out:
                one.step += 1
            else:
                one.take_step(batch)
        assert_equal(state(some), state(twin))
    assert some.ledger.skipped.tolist() == [1, 8]


def test_the_means_are_over_the_examples_that_counted():
    dataset = data(17)
    (record,) = run(trainer(dataset, on_nonfinite="skip"))
    twin, losses = trainer(data()), []
    for number, batch in enumerate(dataset.epoch(0, 8, seed=5), 1):
        if number == step_of(dataset, 17):
            twin.step += 1
            continue
        losses.append(SquaredError()(twin.model(batch.inputs), batch.targets).detach())
        twin.take_step(batch)
    assert record.loss == record.task_loss == pytest.approx(torch.cat(losses).double().mean().item(), rel=1e-6)
    assert (record.skipped, record.steps) == (1, STEPS)


@pytest.mark.parametrize("case", CASES)
def test_skipping_goes_on_from_every_step_bit_for_bit(case):
    def make():
        return trainer(data(17), **CASES[case], on_nonfinite="skip", epochs=2)

    whole, pieces, records = make(), [], []
    expected = run(whole, Path("whole"))
    for until in range(1, 2 * STEPS + 1):
        some = make()
        if pieces:
            some.restore(Checkpoint.load(Path("pieces/last")))
        pieces.append(some)
        with pytest.raises(Interrupted):
            run(
                some, Path("pieces"), records=records, stop=lambda some=some, until=until: some.steps_done >= until
            )
    last = make()
    last.restore(Checkpoint.load(Path("pieces/last")))
    run(last, Path("pieces"), records=records)
    one, other = (Checkpoint.load(Path(folder, "last")) for folder in ("whole", "pieces"))
    assert_equal(dict(one.weights), dict(other.weights))
    assert_equal(dict(one.state), dict(other.state))
    assert [record.skipped for record in expected] == [record.skipped for record in records] == [1, 1]
    assert [record.loss for record in expected] == [record.loss for record in records]


def test_an_epoch_without_a_usable_batch_ends_the_run():
    some = trainer(data(*range(40)), on_nonfinite="skip", log_steps=1)
    said = refused(some)
    where = f"epoch 1, step 1 of {STEPS}, training examples"
    assert said.startswith(
        f"the task loss became infinite or not a number, and no batch of the epoch could be used, {where}"
    )
    assert (some.steps_done, Path("checkpoints").exists()) == (STEPS, False)

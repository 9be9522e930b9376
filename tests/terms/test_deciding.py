"""``solver=auto``: decisions from records alone, stored before they are acted on, the same when made again."""

import json
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch.optim import SGD

from jhrun import seeds
from jhrun.benchmark.memory import peak_bytes
from jhrun.data.digits import digits
from jhrun.errors import NumericalError
from jhrun.jsonio import as_plain, typed
from jhrun.linalg import Auto, DenseOperator, Exact, Lanczos, Tracked
from jhrun.linalg.auto import COSTS, FORMED, LADDER, read_costs, solver_named
from jhrun.models import MLP
from jhrun.objectives import CrossEntropy
from jhrun.penalties import Hessian, Jacobian
from jhrun.penalties.penalty import Forward
from jhrun.records import Decision, Measured
from jhrun.terms import penalised
from jhrun.terms.deciding import chosen, due, ladder, measurements
from jhrun.training import Checkpoint, Interrupted, Trainer, TrainOptions


@pytest.fixture
def data():
    whole = digits()
    return replace(whole, train=whole.train[:40], validation=whole.validation[:10], test=whole.test[:10])


JACOBIAN = (Jacobian(),)


def make(data, penalties=JACOBIAN, auto=None, epochs=4, stages=(0,), weight=lambda _: 0.3):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = MLP(widths=[12], activation="softplus", **vars(data.spec))
    auto = auto or Auto()
    optimizer = SGD(model.parameters(), lr=0.05)
    return Trainer(
        model,
        data,
        CrossEntropy(),
        penalised(penalties, auto, weight),
        optimizer,
        lambda _: 0.05,
        TrainOptions(epochs, 10),
        seed=3,
        stages=stages,
    )


def train(trainer, stop=lambda: False):
    saved, stored = {}, []
    with suppress(Interrupted):
        trainer.run(
            save=lambda name, c: saved.__setitem__(
                name, Checkpoint({k: t.clone() for k, t in c.weights.items()}, dict(c.state), c.info)
            ),
            record=lambda _: None,
            stop=stop,
            decided=stored.append,
        )
    return saved, stored


def measured(*rows):
    return [Measured(solver, n, cost, truth, truth) for solver, n, cost, truth in rows]


@pytest.mark.parametrize(
    ("wanted", "expected"), [(0.5, "tracked"), (0.8, "lanczos"), (0.99, "exact"), (0.9999, "exact")]
)
def test_the_cheapest_that_is_true_enough_is_taken(wanted, expected):
    rows = measured(
        ("exact", 0, 3.0, 0.999), ("tracked", 0, 0.0, 0.7), ("tracked", 1, 0.7, 0.6), ("lanczos", 3, 2, 0.9)
    )
    assert chosen(rows, wanted).solver == expected


def test_of_equals_the_first_is_taken():
    rows = measured(("tracked", 0, 1.0, 0.95), ("lanczos", 2, 1.0, 0.99))
    assert chosen(rows, 0.9) == rows[0]


def test_decisions_come_early_and_at_stages():
    assert [epoch for epoch in range(20) if due(epoch, (0, 10))] == [0, 1, 2, 4, 8, 10, 16]


def test_the_ladder():
    rungs = list(ladder(10, True, remembered=True, offered=True))
    assert rungs[:3] == [("exact", 0), ("tracked", 0), ("lanczos", 1)]
    assert [n for name, n in rungs if name == "lanczos"] == [n for n in LADDER if n <= 10]
    assert next(ladder(5, False, remembered=False, offered=True)) == ("start", 0)
    assert next(ladder(5, False, remembered=False, offered=False)) == ("lanczos", 1)


@pytest.mark.parametrize(
    ("name", "n", "kind"), [("exact", 0, Exact), ("lanczos", 4, Lanczos), ("tracked", 0, Tracked)]
)
def test_a_decision_names_a_solver_with_or_without_a_memory(name, n, kind):
    assert isinstance(solver_named(name, n), kind)
    memory = Tracked(products=1).over(3)
    memory.then = Exact()
    assert solver_named(name, n, memory) is memory
    assert isinstance(memory.then, type(None) if name == "tracked" else kind)


@pytest.mark.parametrize("penalty", [Jacobian(), Hessian()])
def test_truth_is_that_of_dense_matrices_and_cost_counts_passes(data, penalty):
    trainer = make(data, (penalty,), Auto(truth=1.0))
    trainer.model.double()
    batches = [replace(b, inputs=b.inputs.double()) for b in data.train[:20].batches(10)]
    found = measurements(Auto(truth=1.0), penalty, trainer.model, CrossEntropy(), batches, None, seed=0)
    by_name = {(m.solver, m.n): m for m in found}
    matrices, gradients = [], []
    for batch in batches:
        x = batch.inputs.detach().requires_grad_()
        outputs = trainer.model(x)
        losses = CrossEntropy()(outputs, batch.targets)
        operator = penalty.operator(Forward(x, outputs, losses, batch.targets, CrossEntropy()))
        matrices.append(operator.dense().detach())
        gradients.append(torch.autograd.grad(losses.sum(), x)[0].flatten(1))
    norms = torch.linalg.matrix_norm(torch.cat(matrices), ord=2)
    if isinstance(penalty, Jacobian):
        assert by_name["exact", 0].truth == pytest.approx(1, abs=1e-12)
        assert by_name["exact", 0].cost == pytest.approx(10 * COSTS["vjp"])
        # the graph of uᵀJ is one pass more
        assert by_name["lanczos", 4].cost == pytest.approx(5 * COSTS["vjp"] + 4 * COSTS["jvp"])
    else:
        assert ("exact", 0) not in by_name
        assert by_name["lanczos", 16].cost == pytest.approx(16 * COSTS["hvp"])
        assert by_name["lanczos", 16].truth == pytest.approx(1, abs=1e-6)
    truths = [m.truth for m in found if m.solver == "lanczos"]
    assert truths == sorted(truths)
    # the same searches by hand, on the dense matrices
    random = seeds.generator("cpu", 0, "by hand")
    for n in (1, 2):
        operator = DenseOperator(torch.cat(matrices), symmetric=isinstance(penalty, Hessian))
        start = torch.cat(gradients) if isinstance(penalty, Hessian) else None
        v = Lanczos(n, image=True)(operator, start=start, generator=random).vector
        share = ((v[:, None] @ torch.cat(matrices)).norm(dim=(1, 2)) / norms).mean().item()
        # a Jacobian's start is random: 20 other ones
        assert by_name["lanczos", n].truth == pytest.approx(share, abs=1e-6 if start is not None else 0.15)


def test_what_is_decided_is_stored_before_a_step_is_made(data):
    trainer = make(data, epochs=3)
    stored = []
    trainer.run(
        save=lambda *_: None,
        record=lambda _: None,
        decided=lambda d: stored.append((d.epoch, trainer.steps_done)),
    )
    assert stored == [(1, 0), (2, 4), (3, 8)]


def test_the_solver_of_an_epoch_is_the_last_decision(data):
    trainer = make(data)
    trainer.terms[1].term.directions.decisions = [
        Decision(1, 0, "Jacobian", "exact", 0, 0.9, 1, (), {}),
        Decision(2, 0, "Jacobian", "lanczos", 2, 0.9, 1, (), {}),
    ]
    (solver,) = trainer.terms[1].term.directions.solvers(trainer.setting)
    assert isinstance(solver, Tracked)
    assert solver.then.iterations == 2


def test_two_runs_decide_the_same_and_do_the_same(data):
    first, second = make(data, (Jacobian(), Hessian())), make(data, (Jacobian(), Hessian()))
    (saved, decided), (again, decided_again) = train(first), train(second)
    assert decided == decided_again
    assert {d.penalty for d in decided} == {0, 1}
    for name, tensor in saved["last"].weights.items():
        assert torch.equal(tensor, again["last"].weights[name])


@pytest.mark.parametrize("steps", [1, 4, 6, 9])
def test_an_interrupted_run_ends_bit_for_bit_the_same(data, steps):
    held = replace(data, crop=1, flip=True, hold=3)
    whole = make(held, (Jacobian(), Hessian()))
    expected, decided = train(whole)
    first = make(held, (Jacobian(), Hessian()))
    left = iter(range(steps - 1))
    saved, before = train(first, stop=lambda: next(left, None) is None)
    second = make(held, (Jacobian(), Hessian()))
    second.restore(saved["last"])
    actual, after = train(second)
    assert before + after == decided
    for name, tensor in expected["last"].weights.items():
        assert torch.equal(tensor, actual["last"].weights[name])


def test_nothing_is_remembered_of_images_that_are_drawn_anew_each_time(data):
    trainer = make(replace(data, crop=1), (Hessian(), Jacobian()), epochs=2)
    _, decided = train(trainer)
    assert {m.solver for d in decided if d.penalty == 0 for m in d.measured} <= {"start", "lanczos"}
    assert {m.solver for d in decided if d.penalty == 1 for m in d.measured} >= {"tracked"}
    assert list(trainer.terms[1].term.directions.tracked) == [1]


def test_a_stage_without_weight_decides_nothing_until_one_with_it(data):
    trainer = make(data, epochs=4, stages=(0, 3), weight=lambda epoch: 0.3 if epoch >= 3 else 0)
    _, decided = train(trainer)
    assert [d.epoch for d in decided] == [4]


def test_a_memory_grows_truer_so_that_decisions_grow_cheaper(data):
    trainer = make(data, epochs=17)
    _, decided = train(trainer)
    assert decided[-1].taken.cost < decided[0].taken.cost


@pytest.mark.parametrize("solver_of", [Auto(), Exact(), Lanczos(2), Tracked()], ids=lambda s: type(s).__name__)
@pytest.mark.parametrize("penalty", [Jacobian(), Hessian()], ids=["jacobian", "hessian"])
@pytest.mark.parametrize("bad", [torch.nan, 1e30])
def test_a_network_that_is_not_finite_has_no_truth_and_ends_the_run_by_name(data, penalty, solver_of, bad):
    trainer = make(data, (penalty,), solver_of)
    with torch.no_grad():
        for p in trainer.model.parameters():
            p.fill_(bad)
    if isinstance(solver_of, Auto):
        batches = list(data.train[:10].batches(10))
        found = measurements(Auto(), penalty, trainer.model, CrossEntropy(), batches, None, seed=0)
        # under huge weights some softplus layers are dead, and their matrices 0
        assert {m.truth for m in found} == {0.0} or bad == 1e30
    with pytest.raises(NumericalError):
        train(trainer)


def test_a_decision_is_a_line_of_json_and_back(data):
    _, decided = train(make(data, epochs=1))
    line = json.loads(json.dumps(as_plain(decided[0])))
    assert typed(line, Decision, Path("decisions.jsonl")) == decided[0]
    assert decided[0].taken.truth >= 0.9


def test_costs_come_from_a_file(tmp_path):
    path = tmp_path / "costs.json"
    path.write_text('{"vjp": 0.2}')
    assert Auto(costs=read_costs(path)).costs == {**COSTS, "vjp": 0.2}


NO_COSTS = [None, "x", "[1]", '{"vjp": 0}', '{"vjp": true}', '{"step": 1}', '{"hvp": "1"}']


@pytest.mark.parametrize("content", NO_COSTS)
def test_a_file_that_holds_no_costs_is_named(tmp_path, content):
    path = tmp_path / "costs.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ValueError, match=r"costs\.json.*jhrun bench writes such files"):
        read_costs(path)


def test_the_largest_value_counts_though_the_offered_start_misses_it():
    """e₂ is an eigenvector: from there alone, nobody would learn of the eigenvalue 5."""

    class Fixed(Hessian):
        def operator(self, forward):
            matrix = torch.diag(torch.tensor([5.0, 1.0, 0.5, *[0.1] * 61])).expand(len(forward.inputs), -1, -1)
            return DenseOperator(matrix, symmetric=True)

        def start(self, operator):
            return torch.eye(64)[1].expand(operator.shape[0], -1)

    batches = list(digits().train[:5].batches(5))
    model = MLP(widths=[4], activation="softplus", **vars(digits().spec))
    found = measurements(Auto(), Fixed(), model, CrossEntropy(), batches, None, seed=0)
    assert found[0] == Measured("start", 0, 0.0, pytest.approx(0.2, rel=1e-4), pytest.approx(0.2, rel=1e-4))


def test_a_weight_that_grows_from_0_is_decided_for_before_the_first_step(data):
    trainer = make(data, epochs=2, weight=lambda epoch: 0.1 * epoch)
    _, decided = train(trainer)
    assert [d.epoch for d in decided] == [1, 2]


def test_going_back_to_a_checkpoint_forgets_later_decisions_and_refusals(data):
    trainer = make(data, epochs=5)
    early = []
    trainer.run(save=lambda _, c: early.append(c), record=lambda _: None)
    trainer.ledger.refusals.kept.fill_(3)
    trainer.restore(early[1])
    assert [d.epoch for d in trainer.terms[1].term.directions.decisions] == [1]
    trainer.meet()


def test_the_best_checkpoint_does_not_keep_all_directions_again(data):
    saved, _ = train(make(data, epochs=2))
    assert any(name.startswith("term.") for name in saved["last"].state)
    assert not any(name.startswith("term.") for name in saved["best"].state)


def test_a_memory_s_limit_is_kept_when_going_on(data):
    first = make(data, auto=Auto(limit=10), epochs=2)
    saved, _ = train(first)
    second = make(data, auto=Auto(limit=10), epochs=2)
    second.restore(saved["last"])
    assert second.terms[1].term.directions.tracked[0].limit == 10


def test_a_decision_holds_one_batch_s_graph_at_a_time(data):
    def peak(examples):
        few = replace(data, train=data.train[:examples])
        return peak_bytes(make(few, (Hessian(),), Auto(truth=1.0)).decide)

    peak(10)
    assert peak(40) < 1.2 * peak(10)


@pytest.mark.parametrize("truth", [0, -1, 1.1, True, "high"])
def test_a_truth_that_cannot_be_is_refused(truth):
    with pytest.raises(ValueError, match="truth="):
        Auto(truth=truth)


@pytest.mark.parametrize("side", [3, FORMED + 1])
def test_by_itself_it_decomposes_small_sides_and_iterates_on_others(side):
    matrix = torch.diag(torch.linspace(1, 0.1, side, dtype=torch.float64))[None]
    found = Auto()(DenseOperator(matrix, symmetric=True), start=torch.ones(1, side, dtype=torch.float64))
    assert found.value.item() == pytest.approx(1, abs=2e-2)
    assert found.products == min(side, 8)

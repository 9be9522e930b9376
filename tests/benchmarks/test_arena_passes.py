"""What the arena's budget is spent on: passes counted by hooks, against a count by hand."""

import copy

import pytest
import torch
from arena import costs, training
from arena.methods import Setting, methods
from arena.passes import Passes
from torch import nn

from jhrun.data import Dataset, Part
from jhrun.linalg import Exact, Hutchinson, Lanczos, Power
from jhrun.objectives import CrossEntropy
from jhrun.penalties import Hessian, Jacobian
from jhrun.records import Batch
from jhrun.terms.weighted import convex

PLAIN = {"forward": 1, "weights-1": 1, "update": 1}
BOTH = PLAIN | {"weights-2": 1}
ALL = BOTH | {"weights-3": 1}
BY_HAND = {
    "plain": PLAIN,
    # five gradients at the image, each with its call, and the call that is trained on
    "pgd_at": PLAIN | {"forward": 6, "inputs-1": 5},
    # one row vᵀJ
    "jacobian tracked": BOTH | {"inputs-1": 1},
    "jacobian hutchinson": BOTH | {"inputs-1": 1},
    # J of ten rows, and vᵀJ
    "jacobian exact": BOTH | {"inputs-1": 11},
    # four products with JJᵀ, a Jv and a uᵀJ each, whose graph takes one more; and vᵀJ
    "jacobian lanczos": BOTH | {"inputs-1": 6, "others-2": 4},
    # it makes the graph anew for each product
    "jacobian paper": BOTH | {"inputs-1": 5, "others-2": 4},
    # the gradient; and Hv, which goes back through gradient and call
    "hessian tracked": ALL | {"inputs-1": 2, "inputs-2": 1},
    "hessian hutchinson": ALL | {"inputs-1": 2, "inputs-2": 1},
    "hessian lanczos": ALL | {"inputs-1": 6, "inputs-2": 5},
    "hessian paper": ALL | {"inputs-1": 6, "inputs-2": 5},
}


@pytest.fixture
def dataset():
    torch.manual_seed(0)
    train = Part(torch.randint(256, (160, 1, 8, 8), dtype=torch.uint8), torch.arange(160) % 10)
    return Dataset(tuple("0123456789"), (0.5,), (0.3,), train, train[:10])


@pytest.mark.parametrize("name", methods(0.2))
def test_a_step_of_each_method_makes_the_passes_that_a_hand_counts(name, dataset):
    method = methods(0.2)[name]
    run = training.trainer(method.terms(method.published.strength), dataset, Setting(1, 1e-3), 0)
    passes = Passes(training.BATCH)
    with passes.counted([run.model], run.optimizer):
        run.take_step(next(dataset.epoch(0, training.BATCH, seed=0)))
    assert dict(passes.counts) == BY_HAND[name]


@pytest.mark.parametrize("penalty", [Jacobian(), Hessian()])
@pytest.mark.parametrize("solver", [Hutchinson(measured=False), Lanczos(3), Power(2), Exact()])
def test_the_hooks_agree_with_the_operators_own_count(penalty, solver):
    model = nn.Sequential(nn.Linear(6, 5), nn.Softplus(), nn.Linear(5, 3))
    passes = Passes(4)
    batch = Batch(torch.rand(4, 6), torch.arange(4) % 3)
    with passes.counted([model], torch.optim.SGD(model.parameters(), lr=0.0)):
        out = penalty(model, CrossEntropy(), batch, solver, preflight=False)
    counts = passes.counts
    assert out.passes == counts["forward"] + counts["inputs-1"] + counts["others-2"]


def test_parts_of_a_batch_count_as_such_and_other_variables_as_what_they_cost():
    model = nn.Sequential(nn.Linear(3, 4), nn.Softplus(), nn.Linear(4, 2))
    twin = copy.deepcopy(model)
    x, noise = torch.rand(8, 3), torch.zeros(8, 3, requires_grad=True)
    passes = Passes(8)

    def counted():
        found = dict(passes.counts)
        passes.counts.clear()
        return found

    with passes.counted([model, twin], torch.optim.SGD(model.parameters(), lr=0.0)):
        # an attack that moves its perturbation, and not its image
        torch.autograd.grad(model(x + noise).sum(), noise)
        assert counted() == {"forward": 1, "inputs-1": 1}
        outputs = model(x)
        torch.autograd.grad(outputs.square().sum(), outputs)
        # at the outputs, no layer is gone through
        assert counted() == {"forward": 1}
        with torch.no_grad():
            model(x[:2])
        assert counted() == {"forward": 0.25}
        (model(x).sum() + twin(x[:4]).sum()).backward()
        assert counted() == {"forward": 1.5, "weights-1": 1.5}
        torch.autograd.grad(copy.deepcopy(model)(x[:4] + noise[:4]).sum(), noise)
        assert counted() == {"forward": 0.5, "inputs-1": 0.5}
        half = x[:4].clone().requires_grad_()
        (slope,) = torch.autograd.grad(model(half).sum(), half, create_graph=True)
        torch.autograd.grad(slope.sum(), half)
        assert counted() == {"forward": 0.5, "inputs-1": 1, "inputs-2": 0.5}
        torch.autograd.grad(model(x).sum(), list(model.parameters()))
        assert counted() == {"forward": 1, "weights-1": 1}
    model(x).sum().backward()
    assert counted() == {}


TABLE = {"forward": 0.25, "weights-1": 0.5, "update": 0.25, "inputs-1": 0.5, "weights-2": 1.0}
"""A step of a probe of the Jacobian costs 2.5."""


@pytest.mark.parametrize(
    ("name", "budget", "steps", "cost"), [("plain", 7, 7, 1), ("jacobian tracked", 11, 4, 2.5)]
)
def test_training_ends_where_another_step_would_exceed_the_budget(name, budget, steps, cost, dataset):
    run = training.trainer(methods(0.2)[name].terms(1.0), dataset, Setting(1.0, 1e-3), 0)
    made = training.train(run, budget, TABLE)
    assert (made.steps, made.spent) == (steps, steps * cost)
    assert made.counts["update"] == steps
    # the rate of the last step is that of the share that was used before it
    used = (steps - 1) * cost
    assert run.optimizer.param_groups[0]["lr"] == pytest.approx(1e-3 * (1 - used / budget), rel=1e-12)


def test_a_pass_without_a_cost_is_refused():
    with pytest.raises(ValueError, match="no cost is known of passes weights-3"):
        costs.spent({"forward": 1, "weights-3": 1}, TABLE)


def test_costs_are_measured_and_read_back(tmp_path, dataset):
    run = training.trainer(convex(), dataset, Setting(0, 1e-3), 0)
    measured = costs.measure(run, rounds=2)
    costs.write("some", measured, tmp_path / "costs.json")
    costs.write("others", measured, tmp_path / "costs.json")
    table = costs.read("some", tmp_path / "costs.json")
    assert table == measured["costs"]
    assert table.keys() == {kind for counts in BY_HAND.values() for kind in counts}
    with pytest.raises(SystemExit, match="has no costs for more"):
        costs.read("more", tmp_path / "costs.json")


def test_the_shared_table_prices_a_plain_step_at_one():
    assert costs.spent(PLAIN, costs.read("mnist-10k")) == pytest.approx(1, abs=2e-4)

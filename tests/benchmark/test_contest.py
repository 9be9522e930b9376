"""Contenders on a standing network: truths that are known, and who is on the frontier."""

from dataclasses import replace

import pytest
import torch

from jhrun.benchmark import Contender, Score, contest
from jhrun.benchmark.contest import frontier
from jhrun.benchmark.norms import operator, spectral_norms
from jhrun.linalg import Exact, Hutchinson, Lanczos, Tracked
from jhrun.models import MLP
from jhrun.objectives import CrossEntropy
from jhrun.penalties import Hessian, HessianDiagonality, Jacobian
from jhrun.records import Batch


@pytest.fixture
def model():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return MLP(shape=(1, 4, 4), outputs=5, mean=[0.4], std=[0.5], widths=[12])


def batches(count=2, size=6):
    random = torch.Generator().manual_seed(1)
    return [
        Batch(
            torch.rand(size, 1, 4, 4, generator=random),
            torch.randint(5, (size,), generator=random),
            index=torch.arange(number * size, (number + 1) * size),
        )
        for number in range(count)
    ]


def way(model, penalty, solver):
    random = torch.Generator().manual_seed(2)
    return lambda batch: penalty(model, CrossEntropy(), batch, solver, random)


@pytest.mark.parametrize("penalty", [Jacobian(), Hessian()])
def test_exact_is_true_and_a_probe_is_not(model, penalty):
    memory = Tracked().over(12)
    before = [p.clone() for p in model.parameters()]
    contenders = [
        Contender("exact", None, way(model, penalty, Exact())),
        Contender("lanczos", 3, way(model, penalty, Lanczos(3))),
        Contender("probe", None, way(model, penalty, Hutchinson(measured=False))),
        Contender("tracked", None, way(model, penalty, memory), memory),
    ]
    told = []
    plain, exact, lanczos, probe, tracked = contest(
        model, CrossEntropy(), batches(), penalty, contenders, rounds=2, progress=lambda *at: told.append(at)
    )
    assert plain.cost == 1
    assert plain.truth is None
    assert exact.truth == pytest.approx(1, abs=2e-3)
    assert 0 < probe.truth < lanczos.truth <= 1 + 1e-5
    assert probe.truth_p10 < probe.truth
    assert tracked.truth > 0.95
    assert [s.products for s in (probe, tracked)] == [0, 0]
    assert min(s.peak for s in (exact, lanczos, probe)) > plain.peak > 0
    # two rounds and one before them of five, five peaks, two batches' norms, four truths
    assert [done for done, _, _ in told] == list(range(26))
    assert {total for _, total, _ in told} == {26}
    assert told[1][2] == "round 0 of 2, exact"
    assert told[-1][2] == "truth of tracked"
    for mine, old in zip(model.parameters(), before, strict=True):
        assert torch.equal(mine, old)


@pytest.mark.parametrize("penalty", [Jacobian(), Hessian(), HessianDiagonality()])
def test_norms_are_those_of_dense_matrices(model, penalty):
    model, batch = model.double(), batches(1)[0]
    batch = replace(batch, inputs=batch.inputs.double())
    norms = spectral_norms(model, CrossEntropy(), penalty, batch)
    dense = operator(model, CrossEntropy(), penalty, batch).dense().detach()
    assert torch.allclose(norms, torch.linalg.matrix_norm(dense, ord=2), rtol=1e-3)


def test_the_frontier_is_what_nobody_beats():
    def score(cost, truth):
        return Score("a", None, 0, 1.0, cost, truth, truth, 1)

    scores = [
        score(1.0, None),
        score(2.0, 0.5),
        score(3.0, 0.4),
        score(3.0, 0.9),
        score(4.0, 0.9),
        score(5.0, 1.0),
    ]
    assert [s.frontier for s in frontier(scores)] == [False, True, False, True, False, True]

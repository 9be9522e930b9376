"""Steps that the device refuses by itself, and steps that read nothing back from it."""

import math
from dataclasses import replace

import pytest
import torch
from torch.optim import SGD, Adam, AdamW
from torch.utils._python_dispatch import TorchDispatchMode

from jhrun.benchmark.memory import peak_bytes
from jhrun.data.digits import digits
from jhrun.errors import NumericalError
from jhrun.linalg import Auto, Exact, GolubKahan, GradientAscent, Hutchinson, Lanczos, Power, Tracked
from jhrun.models import MLP
from jhrun.objectives import CrossEntropy
from jhrun.penalties import Hessian, Jacobian
from jhrun.terms import penalised
from jhrun.training import Trainer, TrainOptions
from jhrun.training.update import finite_step, masked_step, skipped_step, skips_by_itself


def make(objective=None, solver=None, penalty=None, fraction=1.0, device="cpu", **options):
    whole = digits()
    data = replace(whole, train=whole.train[:40], crop=1, flip=True, hold=2)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = MLP(widths=[12], activation="softplus", **vars(data.spec)).to(device)
    penalties = [penalty] if penalty else []
    return Trainer(
        model,
        data.to(device),
        objective or CrossEntropy(),
        penalised(penalties, solver or Exact(), 0.3, fraction),
        # Adam counts its steps in tensors of the host, which it reads
        SGD(model.parameters(), lr=1e-3, momentum=0.9),
        lambda _: 1e-3,
        TrainOptions(**{"epochs": 2, "batch_size": 8, **options}),
        seed=1,
    )


def update(optimizer, loss):
    optimizer.zero_grad()
    loss.backward()
    return finite_step(optimizer, loss.detach())


@pytest.mark.parametrize("make_optimizer", [lambda p: SGD(p, lr=0.1, momentum=0.9), lambda p: Adam(p, lr=0.1)])
def test_a_finite_step_is_the_optimizer_s_own(make_optimizer):
    first, second = (torch.nn.Linear(3, 2) for _ in range(2))
    second.load_state_dict(first.state_dict())
    x = torch.rand(5, 3)
    optimizers = [make_optimizer(model.parameters()) for model in (first, second)]
    for _ in range(3):
        assert bool(update(optimizers[0], first(x).square().mean()))
        optimizers[1].zero_grad()
        second(x).square().mean().backward()
        optimizers[1].step()
    for one, other in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_step_that_is_not_finite_changes_no_weight_and_the_next_one_goes_on(bad):
    model = torch.nn.Linear(3, 2)
    optimizer = Adam(model.parameters(), lr=0.1)
    x = torch.rand(5, 3)
    update(optimizer, model(x).square().mean())
    before = [p.detach().clone() for p in model.parameters()]
    assert not bool(update(optimizer, model(x).square().mean() * bad))
    assert all(torch.equal(p, old) for p, old in zip(model.parameters(), before, strict=True))
    assert bool(update(optimizer, model(x).square().mean()))
    assert not any(torch.equal(p, old) for p, old in zip(model.parameters(), before, strict=True))
    assert all(p.isfinite().all() for p in model.parameters())


@pytest.mark.parametrize("good", [True, False])
def test_a_masked_step_is_the_step_or_none(good):
    first, second = (torch.nn.Linear(3, 2) for _ in range(2))
    second.load_state_dict(first.state_dict())
    x = torch.rand(5, 3)
    optimizers = [Adam(model.parameters(), lr=0.1) for model in (first, second)]
    for model, optimizer in zip((first, second), optimizers, strict=True):
        model(x).square().mean().backward()
        optimizer.step()
    before = [p.detach().clone() for p in first.parameters()]
    for model in (first, second):
        model.zero_grad()
        (model(x).square().mean() * (1 if good else math.nan)).backward()
    masked_step(optimizers[0], list(first.parameters()), torch.tensor(good))
    optimizers[1].step()
    expected = second.parameters() if good else before
    assert all(torch.equal(p, e) for p, e in zip(first.parameters(), expected, strict=True))
    assert all(t.isfinite().all() for state in optimizers[0].state.values() for t in state.values())


FUSED = {
    "adam": lambda p: Adam(p, lr=0.1, fused=True),
    "adamw": lambda p: AdamW(p, lr=0.1, fused=True),
    "momentum": lambda p: SGD(p, lr=0.1, momentum=0.9, fused=True),
}


@pytest.mark.parametrize("good", [True, False])
@pytest.mark.parametrize("name", FUSED)
def test_a_fused_optimizer_leaves_a_step_out_by_itself_with_its_state(name, good):
    first, second = (torch.nn.Linear(3, 2) for _ in range(2))
    second.load_state_dict(first.state_dict())
    x = torch.rand(5, 3)
    optimizers = [FUSED[name](model.parameters()) for model in (first, second)]
    # the first step would leave a momentum uninitialised
    assert not skips_by_itself(optimizers[0])
    for model, optimizer in zip((first, second), optimizers, strict=True):
        model(x).square().mean().backward()
        optimizer.step()
    assert skips_by_itself(optimizers[0])
    for model in (first, second):
        model.zero_grad()
        (model(x).square().mean() * (1 if good else math.nan)).backward()
    skipped_step(optimizers[0], torch.tensor(good))
    if good:
        optimizers[1].step()
    assert all(torch.equal(p, q) for p, q in zip(first.parameters(), second.parameters(), strict=True))
    ours, plain = (optimizer.state_dict()["state"] for optimizer in optimizers)
    assert all(torch.equal(ours[i][key], plain[i][key]) for i in plain for key in plain[i])
    # nothing is left behind that a later step would read
    assert not hasattr(optimizers[0], "found_inf")


def test_other_optimizers_do_not_skip_by_themselves():
    model = torch.nn.Linear(3, 2)
    optimizer = Adam(model.parameters(), lr=0.1)
    update(optimizer, model(torch.rand(5, 3)).square().mean())
    assert not skips_by_itself(optimizer)


class Steep(CrossEntropy):
    """Finite losses whose gradient is infinite at one step."""

    def __init__(self, step):
        self.left = step

    def __call__(self, outputs, targets):
        losses = super().__call__(outputs, targets)
        if torch.is_grad_enabled():
            self.left -= 1
        return losses + (losses - losses.detach()).abs().sqrt() if self.left == 0 else losses


@pytest.mark.parametrize(("step", "where"), [(3, "epoch 1, step 3 of 5"), (7, "epoch 2, step 2 of 5")])
@pytest.mark.parametrize("log_steps", [1, 2, 100])
def test_an_infinite_gradient_is_reported_at_the_next_meeting_with_its_step(step, where, log_steps):
    trainer = make(Steep(step), log_steps=log_steps)
    with pytest.raises(NumericalError, match=f"gradient became infinite or not a number, {where}"):
        trainer.run(save=lambda *_: None, record=lambda _: None)
    due = min(log_steps * math.ceil(step / log_steps), 5 * math.ceil(step / 5))
    assert trainer.steps_done == due
    assert all(p.isfinite().all() for p in trainer.model.parameters())


def test_figures_are_those_of_the_last_meeting():
    trainer = make(log_steps=3, epochs=1)
    seen = []
    trainer.run(save=lambda *_: None, record=lambda _: None, progress=lambda t: seen.append(dict(t.means)))
    assert seen[:2] == [{}, {}]
    assert seen[2] == seen[3] != seen[4]


class Reads(TorchDispatchMode):
    """Operations that make the host wait for the device."""

    def __init__(self):
        super().__init__()
        self.found = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.overloadpacket.__name__
        masks = name in {"index", "index_put_"} and any(t is not None and t.dtype == torch.bool for t in args[1])
        if name in {"_local_scalar_dense", "nonzero", "masked_select", "is_nonzero", "equal"} or masks:
            self.found.append(name)
        return func(*args, **(kwargs or {}))


SOLVERS = [
    *(Exact(), Lanczos(2, image=True), Power(2), Hutchinson(measured=False), GolubKahan(2)),
    *(GradientAscent(2, 0.5), Tracked(), Tracked(products=1), Auto()),
]


@pytest.mark.parametrize("fraction", [1.0, 0.5])
@pytest.mark.parametrize("penalty", [Jacobian(), Hessian()], ids=["jacobian", "hessian"])
@pytest.mark.parametrize("solver", SOLVERS, ids=lambda s: type(s).__name__.lower())
def test_a_step_reads_nothing_back(solver, penalty, fraction):
    trainer = make(solver=solver, penalty=penalty, fraction=fraction)
    trainer.model.train()
    trainer.decide()
    batches = iter(trainer.dataset.epoch(0, 8, seed=1))
    trainer.take_step(next(batches))
    with Reads() as reads:
        trainer.take_step(next(batches))
    # on the host, the one look at whether all was finite
    assert reads.found == ["_local_scalar_dense"]


@pytest.mark.parametrize("fraction", [1.0, 0.5])
@pytest.mark.parametrize("micro_batch", [1, 3, 8, 100])
@pytest.mark.parametrize("penalty", [Jacobian(), Hessian()], ids=["jacobian", "hessian"])
def test_gradients_of_micro_batches_add_up_to_the_batch_s(penalty, micro_batch, fraction):
    options = {"penalty": penalty, "solver": Exact(), "fraction": fraction}
    whole, parts = make(**options), make(**options, micro_batch=micro_batch)
    for trainer in (whole, parts):
        trainer.model.double().train()
        (batch, *_) = trainer.dataset.epoch(0, 8, seed=1)
        trainer.take_step(replace(batch, inputs=batch.inputs.double()))
    for one, other in zip(whole.model.parameters(), parts.model.parameters(), strict=True):
        assert (one.grad - other.grad).norm() <= 1e-12 * one.grad.norm()
    sums = parts.ledger.columns.state_dict()
    assert sums["sums.regularizer"][1] == 8 * fraction
    for name, pair in whole.ledger.columns.state_dict().items():
        assert sums[name].tolist() == pytest.approx(pair.tolist(), rel=1e-12)


def test_memory_falls_with_the_micro_batch():
    def peak(micro_batch):
        trainer = make(penalty=Hessian(), solver=Lanczos(2), micro_batch=micro_batch)
        (batch, *_) = trainer.dataset.epoch(0, 32, seed=1)
        return peak_bytes(lambda: trainer.take_step(batch))

    peak(None)
    assert peak(8) < 0.6 * peak(None)


def test_micro_batches_track_as_the_batch_does():
    whole, parts = (make(penalty=Jacobian(), solver=Tracked(), micro_batch=size) for size in (None, 3))
    for trainer in (whole, parts):
        trainer.model.train()
        for batch in trainer.dataset.epoch(0, 8, seed=1):
            trainer.take_step(batch)
    assert bool(parts.terms[1].term.directions.tracked[0].known.all())
    assert (
        parts.terms[1].term.directions.tracked[0].vectors.shape
        == whole.terms[1].term.directions.tracked[0].vectors.shape
    )


@pytest.mark.parametrize("wrong", ["epochs", "batch_size", "micro_batch", "checkpoint_steps", "log_steps"])
def test_counts_below_one_are_refused(wrong):
    with pytest.raises(ValueError, match=f"{wrong}=0"):
        TrainOptions(**{"epochs": 1, "batch_size": 8, wrong: 0})


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")
@pytest.mark.parametrize("fraction", [1.0, 0.5])
@pytest.mark.parametrize("solver", [Hutchinson(measured=False), Tracked()], ids=["hutchinson", "tracked"])
def test_on_a_gpu_a_step_waits_for_nothing(solver, fraction):
    trainer = make(solver=solver, penalty=Hessian(), fraction=fraction, device="cuda")
    trainer.model.train()
    batches = list(trainer.dataset.epoch(0, 8, seed=1))
    trainer.take_step(batches[0])
    torch.cuda.set_sync_debug_mode("error")
    try:
        trainer.take_step(batches[1])
    finally:
        torch.cuda.set_sync_debug_mode("default")
    trainer.meet()
    assert trainer.means["loss"] > 0


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")
def test_directions_in_pinned_host_memory_train_as_those_on_the_gpu_do():
    there, here = (make(solver=Tracked(limit=limit), penalty=Jacobian(), device="cuda") for limit in (4e9, 1))
    for trainer in (there, here):
        trainer.run(save=lambda *_: None, record=lambda _: None)
    kept, pinned = (trainer.terms[1].term.directions.tracked[0].vectors for trainer in (there, here))
    assert (kept.is_cuda, pinned.is_cuda, pinned.is_pinned()) == (True, False, True)
    torch.testing.assert_close(pinned, kept.cpu(), rtol=1e-3, atol=1e-3)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")
@pytest.mark.parametrize("name", FUSED)
def test_on_a_gpu_a_fused_optimizer_leaves_a_step_out(name):
    model = torch.nn.Linear(3, 2).cuda()
    optimizer, x = FUSED[name](model.parameters()), torch.rand(5, 3, device="cuda")
    update(optimizer, model(x).square().mean())
    before = [p.detach().clone() for p in model.parameters()]
    assert not bool(update(optimizer, model(x).square().mean() * math.nan))
    assert all(torch.equal(p, old) for p, old in zip(model.parameters(), before, strict=True))
    assert bool(update(optimizer, model(x).square().mean()))
    assert not any(torch.equal(p, old) for p, old in zip(model.parameters(), before, strict=True))

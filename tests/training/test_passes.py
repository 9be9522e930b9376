"""Training in bfloat16 and through torch.compile, beside its float32 and its uncompiled twin."""

import math
import os
import shutil
from contextlib import suppress
from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.optim import SGD

from jhrun.data.digits import digits
from jhrun.linalg import (
    Auto,
    Direction,
    Exact,
    GolubKahan,
    GradientAscent,
    Hutchinson,
    Lanczos,
    Power,
    Tracked,
)
from jhrun.models import CNN, MLP
from jhrun.objectives import CrossEntropy
from jhrun.penalties import (
    Constant,
    Hessian,
    HessianDiagonality,
    HessianTarget,
    Jacobian,
    JacobianDiagonality,
    JacobianSymmetry,
    JacobianTarget,
    Teacher,
)
from jhrun.records import Batch
from jhrun.terms import penalised
from jhrun.training import Checkpoint, Interrupted, Trainer, TrainOptions
from jhrun.training.passes import Bfloat16

U = torch.finfo(torch.bfloat16).eps / 2
"""How far, relative to it, a number may lie from the nearest bfloat16."""


def mlp(seed=0):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return MLP(shape=(6,), outputs=6, mean=(0.5,), std=(0.3,), widths=[32, 32], activation="softplus")


def cnn(**options):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return CNN(shape=(1, 8, 8), outputs=6, mean=(0.5,), std=(0.3,), widths=[32], hidden=32, **options)


NETWORKS = {
    "mlp": mlp,
    "cnn": cnn,
    "group norm, standardised": lambda: cnn(normalisation="group", weight_standardisation=True),
}
SQUARE = [
    *(JacobianSymmetry(), JacobianDiagonality(), HessianDiagonality()),
    *(JacobianTarget(Constant(torch.tensor(0.5))), HessianTarget(Teacher(mlp(1)))),
]
CASES = [(name, penalty) for name in NETWORKS for penalty in (Jacobian(), Hessian())]
CASES += [("mlp", penalty) for penalty in SQUARE]
SOLVERS = [
    *(Exact(), Lanczos(2, image=True), Lanczos(4), Power(8), Hutchinson(measured=False), Tracked()),
    *(GradientAscent(2, 0.5), GolubKahan(4)),
]


class Given:
    """Finds what it was told."""

    def __init__(self, vector):
        self.vector = vector

    def __call__(self, operator, start=None, generator=None):
        return Direction(self.vector, None, None, 0)


def images(network):
    shape = (6,) if isinstance(network, MLP) else (1, 8, 8)
    return Batch(torch.rand(8, *shape, generator=torch.Generator().manual_seed(1)), torch.arange(8) % 6)


def roundings(network, passes):
    """Each linear layer rounds its weight, input and output in each pass, and its activation rounds once more.

    Each moves a tensor by at most U, relative to its norm: to first order their sum bounds what comes out, where
    no layer amplifies them; independent ones add up in squares.
    """
    return 4 * passes * sum(isinstance(m, nn.Linear | nn.Conv2d) for m in network.modules())


def gradient(network, losses):
    network.zero_grad()
    losses.mean().backward()
    assert all(p.dtype == p.grad.dtype == torch.float32 for p in network.parameters())
    return torch.cat([p.grad.flatten() for p in network.parameters()])


@pytest.mark.parametrize("name", NETWORKS)
def test_without_a_penalty_gradients_are_those_of_float32_up_to_roundings(name):
    network = NETWORKS[name]()
    batch, loss = images(network), CrossEntropy()
    outputs = Bfloat16(network)(batch.inputs)
    assert outputs.dtype == torch.float32
    made, expected = (gradient(network, loss(o, batch.targets)) for o in (outputs, network(batch.inputs)))
    assert 0.01 * U < (made - expected).norm() / expected.norm() < roundings(network, 2) * U


@pytest.mark.parametrize("solver", SOLVERS, ids=lambda s: type(s).__name__.lower())
@pytest.mark.parametrize(("name", "penalty"), CASES, ids=lambda c: c if isinstance(c, str) else type(c).__name__)
def test_a_penalty_s_gradient_for_the_direction_found_is_that_of_float32_up_to_roundings(name, penalty, solver):
    """Forward, ∂/∂x, and back through both: four passes. The float32 twin is given the same direction."""
    network = NETWORKS[name]()
    batch, loss = images(network), CrossEntropy()
    if isinstance(solver, Exact) and isinstance(penalty, Hessian):
        solver = Exact(64)

    def penalised(model, solver):
        return penalty(model, loss, batch, solver, torch.Generator().manual_seed(0))

    made = penalised(Bfloat16(network), solver)
    v = made.direction.vector.detach()
    twin, own = penalised(network, Given(v)), penalised(network, solver)
    assert {t.dtype for t in (made.outputs, made.losses, made.values, v)} == {torch.float32}
    actual, expected = (gradient(network, out.losses + out.values) for out in (made, twin))
    assert 0.01 * U < (actual - expected).norm() / expected.norm() < roundings(network, 4) * U
    if not isinstance(solver, GolubKahan):
        # its last step, for pairs ±λ, takes the roundings of a space that is exhausted for a direction
        # two matrices that differ by E: neither's v falls short of the other's by more than 2‖E‖
        reached, best = (o.values.detach().sqrt().mean() for o in (twin, own))
        assert reached > (1 - 2 * math.sqrt(roundings(network, 4)) * U) * best


def test_float64_is_left_alone():
    network = mlp().double()
    x = torch.rand(3, 6, dtype=torch.float64)
    assert torch.equal(Bfloat16(network)(x), network(x))


class Watched(nn.Module):
    """A network that notes of its calls whether it was trained, in bfloat16, compiled."""

    def __init__(self, network):
        super().__init__()
        self.network, self.calls = network, set()

    def forward(self, x):
        self.calls.add((self.training, torch.is_autocast_enabled("cpu"), torch.compiler.is_compiling()))
        return self.network(x)


def make(penalty=None, weight=lambda _: 0.3, solver=None, watched=False, width=8, device="cpu", **options):
    whole = digits()
    data = replace(whole, train=whole.train[:20], validation=whole.validation[:10]).to(device)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = MLP(widths=[width], activation="softplus", **vars(data.spec))
    model = (Watched(model) if watched else model).to(device)
    return Trainer(
        model,
        data,
        CrossEntropy(),
        penalised([penalty] if penalty else [], solver or Lanczos(2), weight),
        SGD(model.parameters(), lr=0.05, momentum=0.9),
        lambda _: 0.05,
        TrainOptions(**{"epochs": 2, "batch_size": 8, **options}),
        seed=1,
    )


def train(trainer, stop=lambda: False):
    saved, records = {}, []
    with suppress(Interrupted):
        trainer.run(save=saved.__setitem__, record=records.append, stop=stop)
    return saved["last"], records


@pytest.mark.parametrize("penalty", [None, Jacobian(), Hessian()], ids=["none", "jacobian", "hessian"])
def test_bfloat16_is_for_training_and_the_decisions_of_auto_alone(penalty):
    trainer = make(penalty, solver=Auto(), watched=True, bf16=True)
    trainer.decide()
    assert trainer.model.calls == ({(True, True, False)} if penalty else set())
    checkpoint, _ = train(trainer)
    assert trainer.model.calls == {(True, True, False), (False, False, False)}
    assert checkpoint.weights.keys() == trainer.model.state_dict().keys()
    assert {t.dtype for t in checkpoint.weights.values()} == {torch.float32}


needs_compiler = pytest.mark.skipif(
    not shutil.which(os.environ.get("CXX", "g++")), reason="torch.compile needs a C++ compiler"
)


@needs_compiler
def test_compiled_steps_are_those_of_eager_training_and_resume_bit_for_bit():
    """Batches of 8, 8 and 4; the last epoch is penalised, and not compiled."""
    options = {"penalty": Hessian(), "weight": lambda epoch: 0.3 * (epoch >= 2), "epochs": 3}
    plain, compiled = make(**options), make(**options, compile=True)
    (expected, _), (checkpoint, same) = train(plain), train(compiled)
    assert checkpoint.weights.keys() == expected.weights.keys()
    for mine, other in zip(compiled.model.parameters(), plain.model.parameters(), strict=True):
        assert torch.allclose(mine, other, rtol=1e-4, atol=1e-6)
    assert [line.penalty is None for line in same] == [True, True, False]
    left = iter(range(1))
    kept, _ = train(make(**options, compile=True), stop=lambda: next(left, None) is None)
    kept = Checkpoint({k: t.clone() for k, t in kept.weights.items()}, dict(kept.state), kept.info)
    resumed = make(**options, compile=True)
    resumed.restore(kept)
    train(resumed)
    for mine, other in zip(resumed.model.parameters(), compiled.model.parameters(), strict=True):
        assert torch.equal(mine, other)


@needs_compiler
@pytest.mark.parametrize("bf16", [False, True], ids=["float32", "bf16"])
def test_what_is_compiled_are_training_steps_without_a_penalty(bf16):
    trainer = make(Jacobian(), weight=lambda epoch: 0.3 * (epoch >= 1), watched=True, bf16=bf16, compile=True)
    checkpoint, _ = train(trainer, stop=lambda: trainer.steps_done == 2)
    assert checkpoint.weights.keys() == trainer.model.state_dict().keys()
    assert trainer.model.calls == {(True, bf16, True)}
    train(trainer)
    assert trainer.model.calls == {(True, bf16, True), (True, bf16, False), (False, False, False)}


@needs_compiler
def test_runs_of_one_process_do_not_use_up_each_other_s_versions():
    with torch._dynamo.config.patch(recompile_limit=1):
        for width in (4, 5):
            trainer = make(width=width, watched=True, epochs=1, batch_size=20, compile=True)
            train(trainer, stop=lambda: True)
            assert trainer.model.calls == {(True, False, True)}


def test_whether_every_step_is_penalised():
    assert not make().always_differentiates
    assert make(Jacobian()).always_differentiates
    assert not make(Jacobian(), weight=lambda epoch: 0.3 * (epoch >= 0.5)).always_differentiates


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")
@pytest.mark.parametrize("penalty", [None, Jacobian(), Hessian()], ids=["none", "jacobian", "hessian"])
def test_on_a_gpu_bfloat16_and_cuda_graphs_train_as_float32_does(penalty):
    options = {"penalty": penalty, "weight": lambda epoch: 0.3 * (epoch >= 1), "device": "cuda"}
    plain, fast = make(**options), make(**options, bf16=True, compile=True)
    (_, lines), (_, same) = train(plain), train(fast)
    for one, other in zip(lines, same, strict=True):
        assert other.task_loss == pytest.approx(one.task_loss, rel=0.05)

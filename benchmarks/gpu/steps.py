"""Whole training steps to be timed: ``Trainer.take_step``, and Taylor mode's, on noise."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import torch
from published import Published
from torch import Tensor, nn

from jhrun.autodiff.taylor import HessianForm, JacobianForm, taylor_forms
from jhrun.benchmark import Contender, noise
from jhrun.data import Dataset
from jhrun.linalg import Exact, Hutchinson, Lanczos, Solver, Tracked
from jhrun.linalg.solver import norm
from jhrun.models import CNN, resnet18
from jhrun.objectives import CrossEntropy
from jhrun.penalties import Hessian, Jacobian, Penalty
from jhrun.penalties.penalty import Forward
from jhrun.records import Batch
from jhrun.terms import penalised
from jhrun.training import Trainer, TrainOptions

WEIGHT = 0.25
PENALTIES: dict[str, type[Penalty]] = {"jacobian": Jacobian, "hessian": Hessian}


@dataclass(frozen=True)
class Case:
    """One kind of step: ``hessian paper 8`` or ``plain``, under a precision and a layout.

    Attributes:
        row: matrix, method and n, in words.
        precision: ``tf32``, ``float32`` or ``bf16``.
        layout: ``channels_last`` or ``contiguous``.
    """

    row: str
    precision: str
    layout: str

    @property
    def matrix(self) -> str | None:
        """What is penalised; None for the plain step."""
        return None if self.row == "plain" else self.row.split()[0]

    @property
    def method(self) -> str:
        """The solver; ``plain`` for the plain step."""
        return self.row.split()[min(1, len(self.row.split()) - 1)]

    @property
    def n(self) -> int | None:
        """Iterations, where the method has them."""
        return int(self.row.split()[2]) if len(self.row.split()) > 2 else None

    def apply(self) -> None:
        """Set the process's precision."""
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = self.precision != "float32"

    def penalty(self) -> Penalty:
        """The matrix, or the published algorithm, which brings its own search."""
        assert self.matrix is not None
        return Published(self.matrix, self.n or 0) if self.method == "paper" else PENALTIES[self.matrix]()

    def solver(self) -> Solver:
        """Who finds v."""
        n = self.n or 1
        known: dict[str, Callable[[], Solver]] = {
            "tracked": Tracked,
            "hutchinson": partial(Hutchinson, measured=False),
            "exact": Exact,
            "lanczos": partial(Lanczos, n, image=True),
        }
        return known.get(self.method, Exact)()


def network(data: Dataset, width: int, case: Case, device: torch.device) -> nn.Module:
    """The paper's ResNet-18, freshly drawn; a width of 0 is the small network of rehearsals."""
    torch.manual_seed(0)
    model = CNN(widths=[4, 4], **vars(data.spec)) if width == 0 else resnet18(width=width, **vars(data.spec))
    model = model.to(device)
    return model.to(memory_format=torch.channels_last) if case.layout == "channels_last" else model


def images(shape: list[int], examples: int, device: torch.device, *, augmented: bool = False) -> Dataset:
    """Noise that lies on the device, without a validation part."""
    data = noise(shape, 10, examples, 0).to(device)
    return replace(data, validation=data.train[:0], crop=4 * augmented, flip=augmented)


def trainer(
    case: Case,
    data: Dataset,
    width: int,
    batch: int,
    optimizer: Callable[..., torch.optim.Optimizer] = torch.optim.Adam,
    solver: Solver | None = None,
) -> Trainer:
    """About to make steps of a case, with a learning rate of 0.

    Args:
        case: the kind of step.
        data: on the device.
        width: of the network.
        batch: examples of a step.
        optimizer: made of the parameters with ``lr``.
        solver: in place of the case's own.

    Returns:
        The trainer, in training mode.
    """
    model = network(data, width, case, data.train.targets.device)
    penalties = [] if case.matrix is None else [case.penalty()]
    finder = solver or case.solver()
    made = Trainer(
        model,
        data,
        CrossEntropy(),
        penalised(penalties, finder, WEIGHT),
        optimizer(model.parameters(), lr=0.0),
        lambda _: 0.0,
        TrainOptions(epochs=1, batch_size=batch, bf16=case.precision == "bf16", drop_last=True),
        seed=0,
    )
    model.train()
    return made


def taylor_step(case: Case, data: Dataset, width: int, batch: int, backend: str) -> Callable[[], object]:
    """A step in Taylor mode whose v is given: w = Aᵀv by one product, then ∇‖vᵀA‖² = 2∇(vᵀAw), compiled.

    As ``tracked`` would have it without nested differentiation: v ← Aw/‖Aw‖ of a symmetric A is a power step on w.

    Args:
        case: with a matrix.
        data: on the device.
        width: of the network.
        batch: examples.
        backend: of ``torch.compile``.

    Returns:
        The step.
    """
    assert case.matrix is not None
    model, objective, penalty = (
        network(data, width, case, data.train.targets.device),
        CrossEntropy(),
        case.penalty(),
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=0.0)
    first = next(data.epoch(0, batch, seed=0))
    rows = data.spec.outputs if case.matrix == "jacobian" else first.inputs[0].numel()
    v = torch.randn(len(first), rows, device=first.inputs.device)
    v = v / norm(v)[:, None]

    def forms(inputs: Tensor, targets: Tensor, left: Tensor, right: Tensor) -> tuple[Tensor, Tensor]:
        form = JacobianForm if case.matrix == "jacobian" else HessianForm
        made = taylor_forms(model, inputs, [form(left, right)], objective, targets)
        assert made.losses is not None
        return made.losses, made.values[0]

    torch.compiler.reset()
    compiled = torch.compile(forms, backend=backend, dynamic=False)

    def step() -> None:
        optimizer.zero_grad()
        inputs = first.inputs.detach().requires_grad_()
        outputs = model(inputs)
        losses = objective(outputs, first.targets)
        operator = penalty.operator(Forward(inputs, outputs, losses, first.targets, objective))
        with torch.no_grad():
            w = operator.rmv(v)
        task, form = compiled(first.inputs, first.targets, v, w)
        ((1 - WEIGHT) * task.mean() + WEIGHT * 2 * form.mean()).backward()
        optimizer.step()

    return step


def contender(case: Case, model: nn.Module, examples: int) -> Contender:
    """A case as the contest takes its truth."""
    penalty, solver, objective = case.penalty(), case.solver(), CrossEntropy()
    if isinstance(solver, Tracked):
        solver = solver.over(examples)
    random = torch.Generator(next(model.parameters()).device).manual_seed(0)

    def penalise(batch: Batch) -> object:
        return penalty(model, objective, batch, solver, random, preflight=False)

    return Contender(case.method, case.n, penalise, solver if isinstance(solver, Tracked) else None)

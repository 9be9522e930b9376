"""The one line that joins a matrix and a solver."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from jhrun.autodiff import twice_differentiable
from jhrun.linalg import Direction, Operator, Solver, Tracked
from jhrun.objectives import Objective
from jhrun.penalties.bilinear import split
from jhrun.penalties.bilinear import values as by_forms
from jhrun.penalties.preflight.once import preflight_once
from jhrun.records import Batch


class Forward(NamedTuple):
    """A forward pass with its graph, from which a matrix is made.

    Attributes:
        inputs: x, (B, …), a leaf that requires a gradient.
        outputs: f(x), (B, C).
        losses: of the task, (B,).
        targets: what the losses compare the outputs with.
        objective: the task's loss itself.
    """

    inputs: Tensor
    outputs: Tensor
    losses: Tensor
    targets: Tensor
    objective: Objective


class PenaltyOutput(NamedTuple):
    """What a penalised forward pass gives, per example.

    Attributes:
        outputs: of the network, (B, C), with their graph.
        losses: of the task, (B,), with their graph.
        values: ‖vᵀA‖², (B,), differentiable in the network's parameters, v being constant.
        direction: v and what is known of it.
        passes: forward and reverse passes over networks that were made, that of ``loss.backward()`` excluded.
    """

    outputs: Tensor
    losses: Tensor
    values: Tensor
    direction: Direction
    passes: int


class Penalty(ABC):
    """‖vᵀA‖² for one matrix A for each example, v being found by any solver.

    v is held constant: where σ_max is simple, ∂σ²_max/∂θ = ∂‖vᵀA‖²/∂θ (Danskin). The square, since the root has
    an infinite gradient at 0.

    Attributes:
        frame: what v's entries belong to: ``inputs``, so that a vector kept for an example is worth nothing after
            its image was drawn anew, or ``outputs``.
    """

    frame: Literal["inputs", "outputs"] = "inputs"

    @abstractmethod
    def operator(self, forward: Forward) -> Operator:
        """A, from the graph of a forward pass: a batch of B matrices."""

    def state_dict(self) -> dict[str, Tensor]:
        """Tensors that a resumed run needs, by name; most matrices have none."""
        return {}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:  # noqa: B027 - most have nothing to load
        """Go back to a state from ``state_dict``, which is on the CPU."""

    def observe(self, done: Tensor) -> None:  # noqa: B027 - most have no state that moves
        """After the backward pass: the place where a state of its own moves.

        Args:
            done: whether the step was made, a bool on the device. Where it is false, nothing may change.
        """

    def start(self, operator: Operator) -> Tensor | None:  # noqa: ARG002 - most matrices offer nothing
        """A vector near the top direction that costs nothing, (B, m); None where there is none."""
        return None

    def __call__(
        self,
        model: nn.Module,
        objective: Objective,
        batch: Batch,
        solver: Solver,
        generator: torch.Generator | None = None,
        *,
        taylor: bool = False,
        preflight: bool = True,
    ) -> PenaltyOutput:
        """One forward pass, the solver's products, and the differentiable ‖vᵀA‖².

        The first call for a network in a mode runs the preflight on two examples of the batch.

        Args:
            model: outputs of an example must depend on that example alone.
            objective: the task's loss.
            batch: inputs and targets.
            solver: picks v.
            generator: of the solver's random start.
            taylor: differentiate 2vᵀA w, w = Aᵀv being constant, in Taylor mode, and not ‖vᵀA‖² by nested reverse
                mode: the same values and gradients up to rounding, and one ordinary backward pass.
            preflight: whether the first call for a network tries the penalty on two examples, which takes as long
                as some steps; what is odd becomes a ``UserWarning``.

        Returns:
            Outputs, losses and penalty values to be put together and differentiated.

        Raises:
            ValueError: the preflight found that the network does not fit the penalty.
        """
        if preflight:
            preflight_once(self, model, objective, batch)
        inputs = batch.inputs.detach().requires_grad_()
        with twice_differentiable():
            outputs = model(inputs)
        losses = objective(outputs, batch.targets)
        forward = Forward(inputs, outputs, losses, batch.targets, objective)
        if not taylor:
            return self.at(forward, batch, solver, generator)
        operator = self.operator(forward)
        direction = self.direction(operator, batch, solver, generator)
        bilinear = split(operator, direction, inputs)
        passes = 1 + operator.spent().total()
        # the search's graph is freed before another is made
        del forward, operator, outputs, losses
        made, values = by_forms(bilinear, model, objective, batch.inputs, batch.targets)
        assert made.losses is not None
        return PenaltyOutput(made.outputs, made.losses, values, direction, passes + made.passes)

    def at(
        self, forward: Forward, batch: Batch, solver: Solver, generator: torch.Generator | None = None
    ) -> PenaltyOutput:
        """The differentiable ‖vᵀA‖² of a forward pass that is there.

        Args:
            forward: over the batch, its inputs being leaves; other penalties may share it.
            batch: the examples.
            solver: picks v.
            generator: of the solver's random start.

        Returns:
            Outputs and losses of the pass, and the penalty's values.
        """
        operator = self.operator(forward)
        direction = self.direction(operator, batch, solver, generator)
        values = operator.rmv(direction.vector).square().sum(1)
        passes = 1 + operator.spent().total()
        return PenaltyOutput(forward.outputs, forward.losses, values, direction, passes)

    def direction(
        self, operator: Operator, batch: Batch, solver: Solver | Tracked, generator: torch.Generator | None
    ) -> Direction:
        """What a solver finds for a batch, from what it remembers of the examples or from what the matrix offers.

        Args:
            operator: A.
            batch: whose matrices they are.
            solver: picks v.
            generator: of its random start.

        Returns:
            v and what is known of it.
        """
        start = self.start(operator)
        if not isinstance(solver, Tracked) or not solver.memory.examples or batch.index is None:
            return solver(operator, start=start, generator=generator)
        fresh = batch.fresh if self.frame == "inputs" else None
        return solver.propose(operator, batch.index, fresh=fresh, start=start, generator=generator)

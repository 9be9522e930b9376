"""The spectral norm of matrices of derivatives, squared, as a term."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, ClassVar

import msgspec
import torch
from torch import Tensor

from jhrun.jsonio import as_plain
from jhrun.linalg import Direction, Solver, Tracked
from jhrun.penalties import Jacobian, Penalty, preflight
from jhrun.records import Decision
from jhrun.records.evidence import state_of
from jhrun.terms.directions import Directions
from jhrun.terms.step import Pass
from jhrun.terms.term import Look, Term, Value


class Spectral(Term):
    """The mean over some matrices A of ‖vᵀA‖² for each example, v being near A's top left singular vector.

    Where σ_max is simple, ∂σ²_max/∂θ = ∂‖vᵀA‖²/∂θ for constant v (Danskin), so that v is found without a graph.

    Source: arXiv 2212.00311, section 3.
    """

    bibtex: ClassVar[str] = Jacobian.bibtex

    title = "penalty"
    meaning: ClassVar = {
        "value": "The epoch's mean of the squared norm that the solver found, a lower bound of the squared "
        "spectral norm.",
        "residual": "The solver's mean residual, relative to the value that it belongs to.",
        "iterations": "The iterations of the first matrix's solver.",
    }
    differentiates = True

    def __init__(self, penalties: Sequence[Penalty], solver: Solver) -> None:
        """Set the matrices and the way to their directions.

        Args:
            penalties: the matrices; their values are averaged.
            solver: finds the directions.

        Raises:
            ValueError: there is no matrix.
        """
        if not penalties:
            raise ValueError("penalties is empty: name a matrix, or use regularizer=none")
        self.penalties = list(penalties)
        self.directions = Directions(self.penalties, solver)

    def confirmed(self) -> Mapping[str, str]:
        """The matrices' states."""
        return {type(penalty).__name__: state_of(penalty) for penalty in self.penalties}

    def preflight(self, look: Look) -> list[str]:
        """Take two examples through each penalty."""
        batch = next(look.first(2))
        return preflight(look.model, look.objective, self.penalties, self.directions.solver, batch)

    def begin_epoch(self, look: Look) -> Sequence[Decision]:
        """Under ``solver=auto``: choose how the directions are found."""
        return list(self.directions.decide(look))

    def __call__(self, step: Pass) -> Value:
        """‖vᵀA‖² of each example, averaged over the penalties."""
        generator = step.generator("direction")
        found: list[tuple[Solver, Direction]] = []
        values = []
        for penalty, solver in zip(self.penalties, self.directions.solvers(step.setting), strict=True):
            made = penalty.at(step.differentiable, step.batch, solver, generator)
            values.append(made.values)
            found.append((solver, made.direction._replace(row=None)))
        step.notes[self] = found
        return Value(torch.stack(values).mean(0))

    def observe(self, step: Pass, done: Tensor) -> Mapping[str, Tensor]:
        """Tell memories and penalties what the backward pass found; the directions' relative residuals."""
        for penalty in self.penalties:
            penalty.observe(done)
        relative = [
            residual
            for solver, direction in step.notes.pop(self)
            if (residual := _relative(solver, direction, step.batch.index, done)) is not None
        ]
        return {"residual": torch.stack(relative).mean(0)} if relative else {}

    def end_epoch(self, look: Look) -> Mapping[str, float]:
        """The iterations of the first penalty's solver."""
        n = self.directions.iterations(look.epoch)
        return {} if n is None else {"iterations": n}

    @property
    def dispensable(self) -> Collection[str]:
        """The remembered directions: a run without them finds them anew."""
        return self.directions.state().keys()

    def state_dict(self) -> dict[str, Tensor | Any]:
        """The remembered directions, the decisions, and what the penalties keep."""
        decisions = as_plain(self.directions.decisions)
        own = {
            f"penalty.{number}.{name}": tensor
            for number, penalty in enumerate(self.penalties)
            for name, tensor in penalty.state_dict().items()
        }
        return {**self.directions.state(), **own, "decisions": decisions}

    def load_state_dict(self, state: Mapping[str, Tensor | Any], device: torch.device) -> None:
        """Go back to what was remembered and decided."""
        decisions = msgspec.convert(state["decisions"], list[Decision])
        self.directions.restore(state, decisions, device)
        for number, penalty in enumerate(self.penalties):
            prefix = f"penalty.{number}."
            kept = {name.removeprefix(prefix): t for name, t in state.items() if name.startswith(prefix)}
            if kept:
                penalty.load_state_dict(kept)


def _relative(solver: Solver, direction: Direction, index: Tensor | None, done: Tensor) -> Tensor | None:
    """The direction's residual, relative to its value; None where there is none."""
    if isinstance(solver, Tracked) and index is not None:
        return solver.observe(index, direction.vector, done)
    if direction.residual is None or direction.value is None:
        return None
    scale = direction.value.abs()
    return torch.where(scale > 0, direction.residual / scale, 0)

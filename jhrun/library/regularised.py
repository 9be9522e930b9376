"""A curvature penalty for a training loop of one's own."""

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from jhrun.errors import ConfigError
from jhrun.library import choices
from jhrun.linalg import Auto, Solver, Tracked
from jhrun.objectives import CrossEntropy, Objective
from jhrun.penalties import Penalty, PenaltyOutput
from jhrun.records import Batch


@dataclass
class Regularised:
    """The forward pass of a batch with its losses and its penalty ‖vᵀA‖².

    Attributes:
        penalty: what A is.
        solver: picks v.
        objective: the task's loss.
        generator: of random starts; PyTorch's own if not given.
    """

    penalty: Penalty
    solver: Solver | Tracked
    objective: Objective = field(default_factory=CrossEntropy)
    generator: torch.Generator | None = None
    _proposed: tuple[Tensor, Tensor] | None = field(default=None, init=False, repr=False)

    def __call__(
        self, model: nn.Module, inputs: Tensor, targets: Tensor, index: Tensor | None = None
    ) -> PenaltyOutput:
        """Take a batch through the network, and find the directions.

        The first call tries the penalty on two examples of the batch.

        Args:
            model: images (B, …) → outputs (B, C); outputs of an example must depend on that example alone.
            inputs: (B, …).
            targets: (B,), class numbers, or what the objective takes.
            index: which training examples they are, (B,), int64; ``solver="tracked"`` needs it.

        Returns:
            ``outputs`` (B, C), ``losses`` (B,) and ``values`` (B,), with their graph; ``direction``, v with its
            residual.

        Raises:
            ValueError: the network does not fit the penalty; or the index is missing.
        """
        if isinstance(self.solver, Tracked) and index is None:
            raise ValueError("solver='tracked' keeps a direction for each example: give index=, (B,), int64")
        batch = Batch(inputs, targets, index=index)
        out = self.penalty(model, self.objective, batch, self.solver, self.generator)
        # nothing else of the batch is kept from one step to the next
        self._proposed = None if index is None else (index, out.direction.vector)
        return out

    def observe(self) -> None:
        """After ``loss.backward()``: ``solver="tracked"`` moves the directions of the batch; others do nothing."""
        if isinstance(self.solver, Tracked) and self._proposed is not None:
            self.solver.observe(*self._proposed)
            self._proposed = None


def penalty(
    matrix: str | Penalty = "jacobian",
    solver: str | Solver = "lanczos",
    *,
    objective: Objective | None = None,
    generator: torch.Generator | None = None,
    examples: int | None = None,
    **settings: Any,
) -> Regularised:
    """A penalty on the spectral norm of an input-Jacobian or input-Hessian, for one's own training loop.

    Args:
        matrix: a choice of the group ``regularizer``, as in ``hessian``, or a ``jhrun.penalties.Penalty``.
        solver: a choice of the group ``solver``, or a ``jhrun.linalg.Solver``.
        objective: the task's loss; cross-entropy if not given.
        generator: of random starts.
        examples: how many training examples there are, for ``solver="tracked"``.
        **settings: of the solver, as in ``iterations=4``.

    Returns:
        What is called for each batch.

    Raises:
        ConfigError: a name or a setting is wrong.

    Example:
        >>> import torch, jhrun
        >>> model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Softplus(), torch.nn.Linear(8, 3))
        >>> penalty = jhrun.penalty("jacobian", "exact")
        >>> x, y = torch.rand(2, 4), torch.tensor([0, 2])
        >>> out = penalty(model, x, y)
        >>> (0.8 * out.losses.mean() + 0.2 * out.values.mean()).backward()
        >>> J = torch.func.vmap(torch.func.jacrev(model))(x)
        >>> torch.allclose(out.values, torch.linalg.matrix_norm(J, 2) ** 2, rtol=1e-4)
        True
    """
    if settings and not isinstance(solver, str):
        what = f"'{min(settings)}' is a setting, and the solver is made already"
        raise ConfigError(what, "jhrun.penalty", "give the setting to the solver itself")
    chosen = choices.solver(solver, settings) if isinstance(solver, str) else solver
    if isinstance(chosen, Auto):
        remedy = "name one: 'exact', 'lanczos', 'tracked', …"
        raise ConfigError(
            "solver 'auto' decides between the epochs of jhrun's own training", "jhrun.penalty", remedy
        )
    if isinstance(chosen, Tracked):
        if examples is None:
            remedy = "give examples=len(training set)"
            raise ConfigError("solver 'tracked' keeps a direction for each example", "jhrun.penalty", remedy)
        chosen = chosen.over(examples)
    made = choices.matrix(matrix) if isinstance(matrix, str) else matrix
    return Regularised(made, chosen, objective or CrossEntropy(), generator)

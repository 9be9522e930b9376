"""The published algorithm as a penalty, so that a trainer takes it like any other."""

import torch
from torch import nn

from jhrun.benchmark import paper
from jhrun.linalg import Operator, Solver
from jhrun.objectives import Objective
from jhrun.penalties import Penalty, PenaltyOutput
from jhrun.penalties.penalty import Forward
from jhrun.records import Batch


class Published(Penalty):
    """The published algorithm, which brings its own search: the solver that it is handed is not asked."""

    def __init__(self, matrix: str, iterations: int) -> None:
        """Choose the matrix and n."""
        self.matrix, self.iterations = matrix, iterations

    def operator(self, forward: Forward) -> Operator:
        """None is made.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError("the published algorithm has no operator")

    def __call__(
        self,
        model: nn.Module,
        objective: Objective,
        batch: Batch,
        solver: Solver,  # noqa: ARG002 - see above
        generator: torch.Generator | None = None,
        *,
        taylor: bool = False,  # noqa: ARG002 - nested reverse mode alone
        preflight: bool = True,  # noqa: ARG002 - nothing of ours is looked at
    ) -> PenaltyOutput:
        """‖vᵀA‖² as it was published."""
        return paper(self.matrix, model, objective, batch, self.iterations, generator)

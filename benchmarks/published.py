"""The published algorithm as a penalty, so that a trainer takes it like any other."""

import torch

from jhrun.benchmark.paper import paper_at
from jhrun.linalg import Operator, Solver
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

    def at(
        self,
        forward: Forward,
        batch: Batch,  # noqa: ARG002 - the pass is over it
        solver: Solver,  # noqa: ARG002 - see above
        generator: torch.Generator | None = None,
    ) -> PenaltyOutput:
        """‖vᵀA‖² as it was published."""
        return paper_at(self.matrix, forward, self.iterations, generator)

"""The cheapest way to a wanted truth: what may be tried, and what each pass is taken to cost."""

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor

from jhrun.jsonio import CHECKSUM
from jhrun.linalg.exact import Exact
from jhrun.linalg.lanczos import Lanczos
from jhrun.linalg.operator import Operator
from jhrun.linalg.solver import Direction, Solver
from jhrun.linalg.tracked import Tracked
from jhrun.records.evidence import Evidence, Reproduction

COSTS = {"vjp": 0.33, "jvp": 0.29, "hvp": 0.83}
"""In plain training steps, of a half-width ResNet-18 on CIFAR-10's shape on a CPU (``docs/measurements.md``).

``jhrun bench`` writes those of the machine it runs on to ``costs.json``. On any of them an ``hvp`` costs about as
much as three ``vjp``, which is what decisions hang on.
"""
LADDER = (1, 2, 3, 4, 6, 8, 12, 16)
"""Iterations of Lanczos' method that are tried, with the image of the Ritz vector: the first is a power step."""
FORMED = 128
"""The largest small side that is formed and decomposed."""
SMALL = 16
"""Likewise where nothing was measured."""


class Auto:
    """Exact, tracked or Lanczos: whichever reaches a wanted truth at the lowest cost.

    Truth is ‖vᵀA‖/σ_max. A ``Trainer`` measures it on a few batches when 0, 1, 2, 4, 8, … epochs are done and at
    the beginning of each stage of a schedule, and takes the cheapest way that reaches it, with what the memory of
    directions knows by then; if none does, the truest. Costs are counted passes times a table: no clock enters, so
    that a run can be repeated bit for bit.

    Called by itself it measures nothing: small sides are decomposed, others get eight steps of Lanczos' method.

    Attributes:
        truth: wanted.
        costs: of a pass of each kind, in plain training steps.
        memory: of directions, an empty one, to be given a place for each example.

    Example:
        >>> from jhrun.linalg import DenseOperator
        >>> A = DenseOperator(torch.tensor([[3.0, 0.0], [0.0, 4.0]]))
        >>> round(Auto()(A).value.item(), 4)
        16.0
    """

    title: ClassVar[str] = "an approximation of the leading left singular vector of A"
    bibtex: ClassVar[str] = Lanczos.bibtex

    evidence: ClassVar[Evidence] = Evidence(
        source="of our own, after measurements",
        mark="derived",
        closed_form=("tests/terms/test_deciding.py::test_truth_is_that_of_dense_matrices_and_cost_counts_passes"),
        state="effect shown",
        reproduction=Reproduction(
            effect="the wanted truth of 0.9 is reached, ever cheaper",
            ours=(
                "truth 0.94 to 0.95 at one or two steps of Lanczos' method in epochs 1 to 3, 0.91 to 0.94 at "
                "no product from epoch 5 on"
            ),
            command="scripts/run train",
            date="2026-11-28",
            n=64,
        ),
    )

    def __init__(
        self,
        truth: float = 0.9,
        costs: Mapping[str, float] | None = None,
        dtype: str = "float32",
        limit: float = 4e9,
    ) -> None:
        """Set what is wanted.

        Args:
            truth: above 0 and up to 1.
            costs: of a pass of each kind, in plain training steps, where they are not those of ``COSTS``.
            dtype: of kept vectors, as of ``Tracked``.
            limit: bytes of them on the device, as of ``Tracked``.

        Raises:
            ValueError: an argument outside its range.
        """
        if isinstance(truth, bool) or not isinstance(truth, int | float) or not 0 < truth <= 1:
            raise ValueError(f"truth={truth}: must be above 0 and at most 1")
        self.truth, self.memory = float(truth), Tracked(dtype=dtype, limit=limit)
        self.costs = {**COSTS, **checked_costs(costs or {})}

    def __call__(
        self, operator: Operator, start: Tensor | None = None, generator: torch.Generator | None = None
    ) -> Direction:
        """Find a direction without measuring anything.

        Args:
            operator: any.
            start: (B, m), where an iteration begins.
            generator: of random starts.

        Returns:
            As of the solver that was taken.
        """
        small = min(operator.shape[1:]) <= SMALL
        solver: Solver = Exact() if small else Lanczos(8)
        return solver(operator, start=start, generator=generator)

    def cost(self, passes: Counter[str]) -> float:
        """Of passes by kind, in plain training steps; kinds that the table lacks are free: all ways make them."""
        return sum(self.costs.get(kind, 0.0) * count for kind, count in passes.items())


def solver_named(name: str, n: int, memory: Tracked | None = None) -> Solver | Tracked:
    """The solver of a decision.

    Args:
        name: ``exact``, ``lanczos``; or without a search ``tracked``, the kept vector, or ``start``, the offered
            one.
        n: iterations.
        memory: from whose vectors it goes on, and which is told of those that it finds; None for none.

    Returns:
        The memory, set to go on that way, or a solver.
    """
    found: Solver | None = None
    if name == "exact":
        found = Exact(FORMED)
    elif name == "lanczos":
        found = Lanczos(n, image=True)
    if memory is None:
        return found or Tracked()
    memory.then = found
    return memory


def read_costs(path: Path) -> dict[str, float]:
    """A table of costs from a file.

    Args:
        path: of JSON: an object of numbers above 0 by kind of pass.

    Returns:
        The table.

    Raises:
        ValueError: it is none.
    """
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(table, dict):
            # of jhrun bench; a table may be written by hand too
            table.pop(CHECKSUM, None)
        return checked_costs(table)
    except (OSError, ValueError) as error:
        raise ValueError(f"{path}: {error}; jhrun bench writes such files") from error


def checked_costs(table: object) -> dict[str, float]:
    """A table of costs.

    Args:
        table: numbers above 0 by kind of pass.

    Returns:
        The same.

    Raises:
        ValueError: it is none.
    """
    if not isinstance(table, Mapping) or not table.keys() <= COSTS.keys():
        raise ValueError(f"costs={table}: must hold numbers above 0 for {', '.join(COSTS)}")
    for kind, cost in table.items():
        if isinstance(cost, bool) or not isinstance(cost, int | float) or not 0 < cost < float("inf"):
            raise ValueError(f"costs: {kind}={cost}: must be a number above 0")
    return dict(table)

"""Batched matrix-free operators and the solvers that find their leading directions.

Vectors are (B, n), always flat; row b belongs to matrix b of the batch.
"""

from jhrun.linalg.auto import Auto
from jhrun.linalg.exact import Exact
from jhrun.linalg.golub_kahan import GolubKahan
from jhrun.linalg.gradient_ascent import GradientAscent
from jhrun.linalg.hutchinson import Hutchinson
from jhrun.linalg.lanczos import Lanczos
from jhrun.linalg.memory import Memory
from jhrun.linalg.operator import DenseOperator, Operator
from jhrun.linalg.power import Power
from jhrun.linalg.solver import Direction, Solver
from jhrun.linalg.tracked import Tracked

__all__ = [
    "Auto",
    "DenseOperator",
    "Direction",
    "Exact",
    "GolubKahan",
    "GradientAscent",
    "Hutchinson",
    "Lanczos",
    "Memory",
    "Operator",
    "Power",
    "Solver",
    "Tracked",
]

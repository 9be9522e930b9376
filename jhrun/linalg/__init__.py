"""Batched matrix-free operators and the solvers that find their leading directions.

Vectors are (B, n), always flat; row b belongs to matrix b of the batch.
"""

from jhrun.linalg.lanczos import Lanczos
from jhrun.linalg.operator import DenseOperator, Operator
from jhrun.linalg.solver import Direction, Solver

__all__ = ["DenseOperator", "Direction", "Lanczos", "Operator", "Solver"]

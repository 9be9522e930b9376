"""What A is: the matrices whose spectral norm is penalised."""

from jhrun.penalties.diagonality import HessianDiagonality, JacobianDiagonality
from jhrun.penalties.hessian import Hessian
from jhrun.penalties.jacobian import Jacobian
from jhrun.penalties.penalty import Forward, Penalty, PenaltyOutput
from jhrun.penalties.preflight import examine, kinked_layers, preflight
from jhrun.penalties.symmetry import JacobianSymmetry
from jhrun.penalties.target import Constant, HessianTarget, JacobianTarget, Target, Teacher

__all__ = [
    "Constant",
    "Forward",
    "Hessian",
    "HessianDiagonality",
    "HessianTarget",
    "Jacobian",
    "JacobianDiagonality",
    "JacobianSymmetry",
    "JacobianTarget",
    "Penalty",
    "PenaltyOutput",
    "Target",
    "Teacher",
    "examine",
    "kinked_layers",
    "preflight",
]

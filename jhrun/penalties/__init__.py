"""What A is: the matrices whose spectral norm is penalised."""

from jhrun.penalties.hessian import Hessian
from jhrun.penalties.jacobian import Jacobian
from jhrun.penalties.penalty import Penalty, PenaltyOutput

__all__ = ["Hessian", "Jacobian", "Penalty", "PenaltyOutput"]

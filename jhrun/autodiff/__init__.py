"""From a network's outputs on a batch to matrix-free operators."""

from jhrun.autodiff.convolution import LeanConvolutions
from jhrun.autodiff.operators import HessianOperator, JacobianOperator
from jhrun.autodiff.twice import twice_differentiable

__all__ = ["HessianOperator", "JacobianOperator", "LeanConvolutions", "twice_differentiable"]

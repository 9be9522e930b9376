"""The gradient of ‖vᵀA‖² without nested reverse mode: ∇‖vᵀA‖² = 2∇(vᵀA w), with w = Aᵀv held constant.

The bilinear form vᵀA w falls into uᵀJv and uᵀHv of the network, which Taylor mode has in one forward pass.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from jhrun.autodiff import HessianOperator, JacobianOperator
from jhrun.autodiff.taylor import Form, Forms, HessianForm, JacobianForm, forms
from jhrun.linalg import Direction, Operator
from jhrun.linalg.operator import Term
from jhrun.objectives import Objective


class Bilinear(NamedTuple):
    """vᵀA w, in parts.

    Attributes:
        row: w = Aᵀv, (B, n), a constant.
        wanted: the forms of the network under training.
        others: what is neither one of these nor constant, to be differentiated by autograd.
    """

    row: Tensor
    wanted: list[Form]
    others: list[Term]


def split(operator: Operator, direction: Direction, inputs: Tensor) -> Bilinear:
    """What is to be differentiated, in terms of vectors alone, so that the search's graph may be freed.

    Args:
        operator: A.
        direction: v, and vᵀA where the solver has it; else one product is spent.
        inputs: of the forward pass that A is made of.

    Returns:
        The parts of vᵀA w; the constant ones are left out.
    """
    v, row = direction.vector, direction.row
    if row is None:
        with torch.no_grad():
            row = operator.rmv(v)
    row = row.detach()
    wanted: list[Form] = []
    others = []
    for term in operator.terms(v, row):
        leaf = term.operator
        if leaf.frozen:
            continue
        if isinstance(leaf, JacobianOperator) and leaf.inputs is inputs:
            wanted.append(JacobianForm(term.left, term.right))
        elif isinstance(leaf, HessianOperator) and leaf.inputs is inputs and leaf.of is not None:
            wanted.append(HessianForm(term.left, term.right, of_outputs=leaf.of == "output"))
        else:
            others.append(term)
    return Bilinear(row, wanted, others)


def values(
    bilinear: Bilinear, model: nn.Module, objective: Objective, inputs: Tensor, targets: Tensor
) -> tuple[Forms, Tensor]:
    """‖vᵀA‖² with the gradient 2∇(vᵀA w), by one pass that gives outputs and losses too.

    Args:
        bilinear: from ``split``.
        model: the network.
        objective: the task's loss.
        inputs: x.
        targets: of the loss.

    Returns:
        The pass, and (B,) values.
    """
    made = forms(model, inputs, bilinear.wanted, objective, targets)
    parts = [*made.values, *((t.operator.rmv(t.left) * t.right).sum(1) for t in bilinear.others)]
    form = torch.stack(parts).sum(0)
    return made, bilinear.row.square().sum(1) + 2 * (form - form.detach())

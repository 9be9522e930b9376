"""The distance of a Jacobian or Hessian from a given matrix A₀."""

from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Tensor, nn

from jhrun.autodiff import twice_differentiable
from jhrun.linalg import DenseOperator, Operator
from jhrun.penalties.hessian import Hessian, Of
from jhrun.penalties.jacobian import Jacobian
from jhrun.penalties.penalty import Forward, Penalty
from jhrun.records.evidence import Evidence


class Target(ABC):
    """What a matrix is to become: any operator, given the example."""

    @abstractmethod
    def operator(self, penalty: Penalty, forward: Forward) -> Operator:
        """A₀ for a batch.

        Args:
            penalty: whose matrix it is subtracted from.
            forward: of the network under training.

        Returns:
            A batch of matrices.
        """


class Constant(Target):
    """The same matrix for every example."""

    def __init__(self, matrix: Tensor) -> None:
        """Keep the matrix.

        Args:
            matrix: (m, n), or a number c for c on the diagonal.

        Raises:
            ValueError: it is neither.
        """
        if matrix.ndim not in {0, 2}:
            raise ValueError(f"target has shape {tuple(matrix.shape)}: give a matrix (m, n) or a number")
        self.matrix = matrix

    def operator(self, penalty: Penalty, forward: Forward) -> Operator:
        """The matrix, for each example."""
        x, outputs = forward.inputs, forward.outputs
        matrix = self.matrix.to(x)
        if matrix.ndim == 0:
            rows = x[0].numel() if isinstance(penalty, Hessian) else outputs[0].numel()
            matrix = matrix * torch.eye(rows, x[0].numel(), dtype=x.dtype, device=x.device)
        # a Hessian's difference stays symmetric only if the target is
        symmetric = matrix.shape[0] == matrix.shape[1] and torch.equal(matrix, matrix.T)
        return DenseOperator(matrix.expand(len(x), -1, -1), symmetric=symmetric)


class Teacher(Target):
    """The same matrix of another network, on the same example: distilling a teacher's derivatives."""

    def __init__(self, model: nn.Module) -> None:
        """Keep the network, in eval mode, its parameters frozen."""
        self.model = model.eval().requires_grad_(False)

    def operator(self, penalty: Penalty, forward: Forward) -> Operator:
        """The teacher's matrix."""
        self.model.to(forward.inputs)
        with torch.enable_grad(), twice_differentiable():
            inputs = forward.inputs.detach().requires_grad_()
            outputs = self.model(inputs)
            losses = forward.objective(outputs, forward.targets)
        operator = penalty.operator(Forward(inputs, outputs, losses, forward.targets, forward.objective))
        for leaf in operator.leaves():
            leaf.frozen = True
        return operator


class JacobianTarget(Penalty):
    """A = J − A₀."""

    title: ClassVar[str] = "the difference between the input-output Jacobian and a given matrix"
    bibtex: ClassVar[str] = Jacobian.bibtex

    evidence: ClassVar[Evidence] = Evidence(
        source="Cui, Yan, Liu and Lu 2022, arXiv 2212.00311",
        mark="read in the paper",
        closed_form="tests/penalties/test_matrices.py::test_operator_is_its_dense_twin",
        state="closed form only",
    )

    frame = "outputs"

    def __init__(self, target: Target) -> None:
        """Set A₀."""
        self.target = target

    def operator(self, forward: Forward) -> Operator:
        """J − A₀."""
        jacobian = Jacobian()
        return jacobian.operator(forward) - self.target.operator(jacobian, forward)


class HessianTarget(Penalty):
    """A = H − A₀; symmetric where A₀ is."""

    title: ClassVar[str] = "the difference between the input Hessian and a given matrix"
    bibtex: ClassVar[str] = Hessian.bibtex

    evidence: ClassVar[Evidence] = Evidence(
        source="Cui, Yan, Liu and Lu 2022, arXiv 2212.00311",
        mark="read in the paper",
        closed_form="tests/penalties/test_matrices.py::test_operator_is_its_dense_twin",
        state="closed form only",
    )

    def __init__(self, target: Target, of: Of = "loss") -> None:
        """Set A₀ and the scalar that H belongs to."""
        self.target, self.hessian = target, Hessian(of)

    def operator(self, forward: Forward) -> Operator:
        """H − A₀."""
        return self.hessian.operator(forward) - self.target.operator(self.hessian, forward)

    def start(self, operator: Operator) -> Tensor | None:
        """The network's own gradient, as for H."""
        return self.hessian.start(operator)

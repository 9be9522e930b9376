"""The Jacobian and the Hessian with respect to a network's inputs, by reverse mode.

Both need outputs that depend on their own example alone: then one pass over the summed batch gives every
example's product at once. No graph is rebuilt for a product (Pearlmutter 1994 for the Hessian; for the Jacobian,
uᵀJ is linear in u, so that one graph of it serves every J v).
"""

from functools import cached_property

import torch
from torch import Tensor

from jhrun.linalg import Operator


class JacobianOperator(Operator):
    """J_b = ∂f(x_b)/∂x_b, C×D.

    ``rmv`` is one reverse pass over the network, a ``vjp``; ``mv`` one over the graph of uᵀJ, a ``jvp``, which its
    first call builds by a ``vjp``.

    Example:
        >>> x = torch.tensor([[1.0, 2.0]], requires_grad=True)
        >>> J = JacobianOperator(torch.stack([x[:, 0] * x[:, 1], x[:, 1] ** 2], dim=1), x)
        >>> J.dense().detach()
        tensor([[[2., 1.],
                 [0., 4.]]])
    """

    def __init__(self, outputs: Tensor, inputs: Tensor) -> None:
        """Keep the graph from inputs to outputs.

        Args:
            outputs: f(x), (B, C), with their graph.
            inputs: x, (B, …), a leaf that requires a gradient.
        """
        self.outputs, self.inputs = outputs, inputs
        super().__init__(
            (len(outputs), outputs[0].numel(), inputs[0].numel()),
            symmetric=False,
            dtype=outputs.dtype,
            device=outputs.device,
        )

    @cached_property
    def _cotangent_graph(self) -> tuple[Tensor, Tensor]:
        """(u, uᵀJ) with the graph between them; u's value does not matter."""
        self.passes["vjp"] += 1
        with torch.enable_grad():
            u = torch.zeros_like(self.outputs, requires_grad=True)
            # a view: autograd's engine cannot be asked about a leaf
            g = _vjp(self.outputs, self.inputs, u.view_as(u))
        return u, g

    def mv(self, v: Tensor) -> Tensor:
        """J v, (B, D) → (B, C)."""
        u, g = self._cotangent_graph
        self.passes["jvp"] += 1
        return _vjp(g, u, v.view_as(g)).flatten(1)

    def rmv(self, u: Tensor) -> Tensor:
        """uᵀJ, (B, C) → (B, D)."""
        self.passes["vjp"] += 1
        return _vjp(self.outputs, self.inputs, u.view_as(self.outputs)).flatten(1)


class HessianOperator(Operator):
    """H_b = ∂²ℓ_b/∂x_b², D×D, of a scalar for each example: its loss, say.

    Attributes:
        gradient: ∂ℓ/∂x, as the inputs.
        of: what ℓ is of a forward pass, for those who would make it anew: ``loss``, ``output``, or None.

    A product is one pass, an ``hvp``. Symmetric for a smooth network; for piecewise linear ones, autograd gives
    the Gauss-Newton part, symmetric too.

    Example:
        >>> x = torch.tensor([[1.0, 2.0]], requires_grad=True)
        >>> HessianOperator((x[:, 0] * x[:, 1] ** 2), x).dense().detach()
        tensor([[[0., 4.],
                 [4., 2.]]])
    """

    def __init__(self, scalars: Tensor, inputs: Tensor, of: str | None = None) -> None:
        """Build the gradient's graph, once.

        Args:
            scalars: ℓ, (B,), with their graph.
            inputs: x, (B, …), a leaf that requires a gradient.
            of: what ℓ is: ``loss``, ``output``, or None.
        """
        self.inputs, self.of = inputs, of
        with torch.enable_grad():
            self.gradient = _vjp(scalars, inputs, torch.ones_like(scalars))
        d = inputs[0].numel()
        super().__init__((len(inputs), d, d), symmetric=True, dtype=inputs.dtype, device=inputs.device)
        self.passes["gradient"] = 1

    def mv(self, v: Tensor) -> Tensor:
        """H v, (B, D) → (B, D)."""
        self.passes["hvp"] += 1
        return _vjp(self.gradient, self.inputs, v.view_as(self.gradient)).flatten(1)

    def rmv(self, u: Tensor) -> Tensor:
        """H u: H is symmetric."""
        return self.mv(u)


def _vjp(outputs: Tensor, inputs: Tensor, cotangent: Tensor) -> Tensor:
    """cotangentᵀ ∂outputs/∂inputs; differentiable where torch's grad mode is on, zero where nothing depends."""
    create_graph = torch.is_grad_enabled()
    if not outputs.requires_grad:
        return torch.zeros_like(inputs)
    (product,) = torch.autograd.grad(
        outputs,
        inputs,
        cotangent,
        retain_graph=True,
        create_graph=create_graph,
        materialize_grads=True,
    )
    return product

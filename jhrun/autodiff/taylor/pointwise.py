"""Functions that act on every number by itself.

y = f(x): yᵢ = f′xᵢ; yᵢⱼ = f′xᵢⱼ + f″xᵢxⱼ (Faà di Bruno), with the derivatives of f in closed form. Its reverse
pass needs f‴, and keeps nothing but x.
"""

import math
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from jhrun.autodiff.taylor.series import Layout, Series, require, rule

Function = Callable[[Tensor], Tensor]
Derivatives = Callable[[Tensor, int], list[Tensor]]
"""(x, n) → [f′, …, f⁽ⁿ⁾] at x, or more of them; n is 1, 2 or 3."""


class _Pointwise(torch.autograd.Function):
    """All parts at once; differentiable once."""

    @staticmethod
    def forward(ctx: Any, stack: Tensor, f: Function, derivatives: Derivatives, layout: Layout) -> Tensor:
        """(K·B, …) → (K·B, …)."""
        ctx.save_for_backward(stack)
        ctx.derivatives, ctx.layout = derivatives, layout
        x = stack.chunk(layout.size)
        y = torch.empty_like(stack)
        parts = y.chunk(layout.size)
        parts[0].copy_(f(x[0]))
        d = derivatives(x[0], 2 if layout.pairs else 1)
        for part, of in zip(parts[1:], x[1:], strict=True):
            torch.mul(d[0], of, out=part)
        for n, i, j in layout.second():
            parts[n].addcmul_(d[1] * x[i], x[j])
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        """The transposed rules: what every part passes to the parts that it is made of."""
        (stack,) = ctx.saved_tensors
        layout = ctx.layout
        x, g = stack.chunk(layout.size), gradient.chunk(layout.size)
        d = ctx.derivatives(x[0], 3 if layout.pairs else 2)
        result = torch.empty_like(stack)
        r = result.chunk(layout.size)
        for to, of in zip(r, g, strict=True):
            torch.mul(d[0], of, out=to)
        curved = torch.zeros_like(x[0])
        for n in range(1, layout.size):
            curved.addcmul_(x[n], g[n])
        r[0].addcmul_(d[1], curved)
        for n, i, j in layout.second():
            bent = d[1] * g[n]
            r[i].addcmul_(bent, x[j])
            r[j].addcmul_(bent, x[i])
            r[0].addcmul_(d[2] * g[n], x[i] * x[j])
        return result, None, None, None


def pointwise(x: Series, f: Function, derivatives: Derivatives) -> Series:
    """f(x), from f and its derivatives."""
    return x.like(_Pointwise.apply(x.stack, f, derivatives, x.layout))


def power(x: Series, p: float) -> Series:
    """xᵖ."""

    def derivatives(v: Tensor, order: int) -> list[Tensor]:
        result, factor = [], 1.0
        for n in range(order):
            factor *= p - n
            # a polynomial's further derivatives are 0, also at 0
            result.append(factor * v.pow(p - n - 1) if factor else torch.zeros_like(v))
        return result

    return pointwise(x, lambda v: v.pow(p), derivatives)


def _sigmoid(x: Tensor, order: int) -> list[Tensor]:
    s = torch.sigmoid(x)
    q = s * (1 - s)
    return [q, q * (1 - 2 * s), q * (1 - 6 * q)][:order]


def _tanh(x: Tensor, order: int) -> list[Tensor]:
    t = torch.tanh(x)
    q = 1 - t * t
    return [q, -2 * t * q, q * (6 * t * t - 2)][:order]


def _silu(x: Tensor, order: int) -> list[Tensor]:
    s = [torch.sigmoid(x), *_sigmoid(x, order)]
    return [n * s[n - 1] + x * s[n] for n in range(1, order + 1)]


def _exp(x: Tensor, order: int) -> list[Tensor]:
    return [x.exp()] * order


def _log(x: Tensor, order: int) -> list[Tensor]:
    return [1 / x, -1 / x**2, 2 / x**3][:order]


def _gelu(x: Tensor, order: int) -> list[Tensor]:
    """Of x·Φ(x), with φ′ = −xφ."""
    cdf = (1 + torch.erf(x * math.sqrt(0.5))) / 2
    density = torch.exp(-x * x / 2) / math.sqrt(2 * math.pi)
    return [cdf + x * density, density * (2 - x * x), density * x * (x * x - 4)][:order]


def _gelu_tanh(x: Tensor, order: int) -> list[Tensor]:
    """Of x·(1 + tanh u)/2 with u = √(2/π)(x + 0.044715x³)."""
    k, a = math.sqrt(2 / math.pi), 0.044715
    u, u1, u2, u3 = k * (x + a * x**3), k * (1 + 3 * a * x * x), 6 * k * a * x, 6 * k * a
    t, (d1, d2, d3) = torch.tanh(u), _tanh(u, 3)
    t1, t2 = d1 * u1, d1 * u2 + d2 * u1**2
    t3 = d1 * u3 + 3 * d2 * u1 * u2 + d3 * u1**3
    return [(1 + t + x * t1) / 2, t1 + x * t2 / 2, (3 * t2 + x * t3) / 2][:order]


@rule("softplus")
def softplus(func: Any, input: Series, beta: float = 1.0, threshold: float = 20.0) -> Series:  # noqa: ARG001
    """log(1 + exp βx)/β; the identity where βx exceeds the threshold, as torch has it."""

    def derivatives(x: Tensor, order: int) -> list[Tensor]:
        z = beta * x
        # 1 beyond the threshold, as torch has it: then q is 0 there
        s = torch.sigmoid(z).masked_fill_(z > threshold, 1)
        q = s * (1 - s)
        return [s, beta * q, beta**2 * q * (1 - 2 * s)] if order > 2 else [s, beta * q]

    return pointwise(input, lambda x: F.softplus(x, beta, threshold), derivatives)


@rule("gelu")
def gelu(func: Any, input: Series, approximate: str = "none") -> Series:  # noqa: ARG001
    """Function x·Φ(x), or its approximation by tanh."""
    derivatives = _gelu if approximate == "none" else _gelu_tanh
    return pointwise(input, lambda x: F.gelu(x, approximate=approximate), derivatives)


def _smooth(name: str, f: Function, derivatives: Derivatives) -> None:
    @rule(name)
    def apply(func: Any, input: Series, inplace: bool = False) -> Series:  # noqa: ARG001
        require(not inplace, f"{name} in place")
        return pointwise(input, f, derivatives)


_smooth("sigmoid", torch.sigmoid, _sigmoid)
_smooth("tanh", torch.tanh, _tanh)
_smooth("silu", F.silu, _silu)
_smooth("exp", torch.exp, _exp)
_smooth("log", torch.log, _log)


@rule("sqrt")
def sqrt(func: Any, input: Series) -> Series:  # noqa: ARG001
    """√x."""
    return power(input, 0.5)


@rule("rsqrt")
def rsqrt(func: Any, input: Series) -> Series:  # noqa: ARG001
    """1/√x."""
    return power(input, -0.5)


@rule("reciprocal")
def reciprocal(func: Any, input: Series) -> Series:  # noqa: ARG001
    """1/x."""
    return power(input, -1)


@rule("square")
def square(func: Any, input: Series) -> Series:  # noqa: ARG001
    """x²."""
    return power(input, 2)


@rule("pow", "__pow__")
def pow_(func: Any, input: Any, exponent: Any) -> Series:  # noqa: ARG001
    """xᵖ for a number p."""
    require(isinstance(input, Series) and isinstance(exponent, int | float), "pow with such arguments")
    return power(input, exponent)


def piecewise_linear(x: Series, slope: float) -> Series:
    """Function x where x > 0, else slope·x; at 0 the left derivative, as torch has it; the second one is 0."""
    positive = (x.value > 0).repeat(x.layout.size, *[1] * (x.ndim - 1))
    return x.like(torch.where(positive, x.stack, slope * x.stack))


@rule("relu")
def relu(func: Any, input: Series, inplace: bool = False) -> Series:  # noqa: ARG001
    """max(x, 0)."""
    require(not inplace, "relu in place")
    return piecewise_linear(input, 0.0)


@rule("leaky_relu")
def leaky_relu(func: Any, input: Series, negative_slope: float = 0.01, inplace: bool = False) -> Series:  # noqa: ARG001
    """Function x where x > 0, else slope·x."""
    require(not inplace, "leaky_relu in place")
    return piecewise_linear(input, negative_slope)

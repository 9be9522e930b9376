"""Sums, products and quotients of series, tensors and numbers."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from jhrun.autodiff.taylor.pointwise import power
from jhrun.autodiff.taylor.series import Series, axis, follow, require, rule


def constant(x: Series, c: Any) -> Tensor:
    """What a series is added to or multiplied by, as a tensor that broadcasts against (B, …).

    Args:
        x: the series.
        c: a number or tensor, the same for all examples or one entry for each.

    Returns:
        A tensor.
    """
    tensor: Tensor = c if isinstance(c, Tensor) else torch.full((), c, dtype=x.dtype, device=x.device)
    fits = tensor.ndim < x.ndim or (tensor.ndim == x.ndim and len(tensor) in {1, x.batch})
    require(fits and not tensor.is_complex(), "broadcasting over the batch axis")
    return tensor


def shift(x: Series, c: Tensor) -> Series:
    """Sum x + c: the derivatives stay as they are."""
    c = c.reshape(*[1] * (x.ndim - c.ndim), *c.shape)
    padded = torch.cat([c[None], c.new_zeros(x.layout.size - 1, *c.shape)])
    return x.like((x.blocks + padded).flatten(0, 1))


def scale(x: Series, c: Tensor) -> Series:
    """c·x, part by part."""
    return x.like((x.blocks * c).flatten(0, 1))


def product(x: Series, y: Series) -> Series:
    """Leibniz: (xy)ᵢ = xᵢy + xyᵢ; (xy)ᵢⱼ = xᵢⱼy + xᵢyⱼ + xⱼyᵢ + xyᵢⱼ."""
    require(x.ndim == y.ndim and x.batch == y.batch, "broadcasting over the batch axis")
    a, b = x.parts, y.parts
    parts = [a[0] * b[0], *(a[i] * b[0] + a[0] * b[i] for i in range(1, 1 + x.layout.directions))]
    parts += [
        a[n] * b[0] + a[i] * b[j] + a[j] * b[i] + a[0] * b[n]
        if i != j
        else a[n] * b[0] + 2 * a[i] * b[i] + a[0] * b[n]
        for n, i, j in x.layout.second()
    ]
    return x.join(parts)


@rule("add", "__add__", "__radd__")
def add(func: Callable[..., Any], x: Any, y: Any) -> Series:
    """Sum x + y."""
    if not isinstance(x, Series):
        return add(func, y, x)
    if isinstance(y, Series):
        require(x.ndim == y.ndim and x.batch == y.batch, "broadcasting over the batch axis")
        return x.like(x.stack + y.stack)
    return shift(x, constant(x, y))


@rule("sub", "__sub__", "subtract")
def subtract(func: Callable[..., Any], x: Any, y: Any) -> Series:
    """Difference x − y."""
    return add(func, x, -y)


@rule("__rsub__", "rsub")
def subtract_from(func: Callable[..., Any], x: Any, y: Any) -> Series:
    """Difference y − x."""
    return add(func, y, -x)


@rule("mul", "__mul__", "__rmul__", "multiply")
def multiply(func: Callable[..., Any], x: Any, y: Any) -> Series:
    """Product xy."""
    if not isinstance(x, Series):
        return multiply(func, y, x)
    return product(x, y) if isinstance(y, Series) else scale(x, constant(x, y))


@rule("div", "__truediv__", "true_divide", "divide")
def divide(func: Callable[..., Any], x: Any, y: Any) -> Series:
    """Quotient x/y."""
    if isinstance(y, Series):
        return multiply(func, power(y, -1), x)
    quotient: Series = x.like((x.blocks / constant(x, y)).flatten(0, 1))
    return quotient


@rule("__rtruediv__")
def divide_by(func: Callable[..., Any], x: Any, y: Any) -> Series:
    """Quotient y/x."""
    return divide(func, y, x)


@rule("neg", "__neg__", "negative")
def negative(func: Callable[..., Any], x: Series) -> Series:  # noqa: ARG001
    """−x."""
    return x.like(-x.stack)


@rule("cat", "concat", "concatenate")
def concatenate(func: Callable[..., Any], tensors: Sequence[Any], dim: int = 0) -> Series:  # noqa: ARG001
    """Series and constants side by side, along any axis but the batch axis."""
    first = next(t for t in tensors if isinstance(t, Series))
    dim = axis(first, dim)
    stacks = []
    for t in tensors:
        if isinstance(t, Series):
            stacks.append(t.stack)
        else:
            require(t.ndim == first.ndim and len(t) == first.batch, "cat")
            stacks.append(torch.cat([t, t.new_zeros((first.layout.size - 1) * len(t), *t.shape[1:])]))
    return first.like(torch.cat(stacks, dim))


def _operator(name: str, function: Callable[..., Any]) -> None:
    """Python's operators are looked up on the class."""

    def apply(self: Series, *others: Any) -> Any:
        return follow(name, function, (self, *others), {})

    setattr(Series, name, apply)


# Those without a rule too: they are refused by name, where Python would know no such operator or, for += and ==,
# go on with another meaning.
_OPERATORS = [f"{side}{name}" for name in ("add", "sub", "mul", "truediv", "pow") for side in ("", "r", "i")]
_OPERATORS += [
    "matmul",
    "rmatmul",
    "neg",
    "abs",
    "getitem",
    "setitem",
    "bool",
    "float",
    "int",
    "index",
    "lt",
    "le",
]
_OPERATORS += ["gt", "ge", "eq", "ne", "mod", "floordiv"]
for _name in _OPERATORS:
    _operator(f"__{_name}__", getattr(Tensor, f"__{_name}__"))

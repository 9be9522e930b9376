"""Linear operations: one call on all parts, which lie on the batch axis; a bias goes to the value alone."""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from jhrun.autodiff.taylor.arithmetic import shift
from jhrun.autodiff.taylor.series import Series, axis, require, rule

Function = Callable[..., Any]


def through(func: Function, x: Series, *args: Any, **kwargs: Any) -> Series:
    """A linear function that treats the rows of a batch alike, on all parts in one call."""
    stack = func(x.stack, *args, **kwargs)
    require(len(stack) == len(x.stack), func.__name__)
    return x.like(stack)


@rule("linear")
def linear(func: Function, input: Series, weight: Tensor, bias: Tensor | None = None) -> Series:  # noqa: ARG001
    """W x + b."""
    require(input.ndim > 1 and isinstance(weight, Tensor), "linear with such arguments")
    y = through(F.linear, input, weight)
    return y if bias is None else shift(y, bias)


def _convolution(name: str, axes: int) -> None:
    @rule(name)
    def convolve(
        func: Function, input: Any, weight: Tensor, bias: Tensor | None = None, *args: Any, **kwargs: Any
    ) -> Series:
        usable = isinstance(input, Series) and input.ndim == axes + 2 and isinstance(weight, Tensor)
        require(usable, f"{name} with such arguments")
        y = through(func, input, weight, None, *args, **kwargs)
        return y if bias is None else shift(y, bias.view(-1, *[1] * axes))


for _axes in (1, 2, 3):
    _convolution(f"conv{_axes}d", _axes)
    _convolution(f"conv_transpose{_axes}d", _axes)


@rule("matmul", "__matmul__")
def matmul(func: Function, input: Any, other: Any) -> Series:  # noqa: ARG001
    """Product x W with a constant W on the right."""
    require(isinstance(input, Series) and input.ndim > 1, "matmul with such arguments")
    require(isinstance(other, Tensor) and other.ndim <= 2, "matmul with such arguments")
    return through(torch.matmul, input, other)


def _pool(name: str, axes: int) -> None:
    @rule(name)
    def pool(func: Function, input: Series, *args: Any, **kwargs: Any) -> Series:
        require(input.ndim == axes + 2, f"{name} of a single example")
        return through(func, input, *args, **kwargs)


for _axes in (1, 2, 3):
    _pool(f"avg_pool{_axes}d", _axes)
    _pool(f"adaptive_avg_pool{_axes}d", _axes)


@rule("pad")
def pad(
    func: Function,  # noqa: ARG001
    input: Series,
    pad: Any,
    mode: str = "constant",
    value: float | None = None,
) -> Series:
    """Padding with zeros, or with the image's own pixels."""
    require(len(pad) // 2 < input.ndim and not value, "pad with such arguments")
    return through(F.pad, input, tuple(pad), mode)


@rule("flatten")
def flatten(func: Function, input: Series, start_dim: int = 0, end_dim: int = -1) -> Series:  # noqa: ARG001
    """Axes joined, the batch axis apart."""
    axis(input, start_dim)
    return through(torch.flatten, input, start_dim, end_dim)


@rule("unflatten")
def unflatten(func: Function, input: Series, dim: int, sizes: Any) -> Series:  # noqa: ARG001
    """An axis split, the batch axis apart."""
    axis(input, dim)
    return through(torch.unflatten, input, dim, sizes)


@rule("view", "reshape")
def reshape(func: Function, input: Series, *shape: Any) -> Series:  # noqa: ARG001
    """Another shape with as many examples."""
    wanted = shape[0] if len(shape) == 1 and not isinstance(shape[0], int) else shape
    require(isinstance(wanted, tuple | list | torch.Size), "view with such arguments")
    made = torch.empty(input.shape, device="meta").reshape(wanted).shape
    require(len(made) > 0 and made[0] == input.batch, "an operation along the batch axis")
    return input.like(input.stack.reshape(-1, *made[1:]))


@rule("permute")
def permute(func: Function, input: Series, *dims: Any) -> Series:  # noqa: ARG001
    """Axes in another order, the batch axis first."""
    order = dims[0] if len(dims) == 1 and not isinstance(dims[0], int) else dims
    require(order[0] % input.ndim == 0, "an operation along the batch axis")
    return through(torch.permute, input, tuple(order))


@rule("transpose", "swapaxes")
def transpose(func: Function, input: Series, dim0: int, dim1: int) -> Series:  # noqa: ARG001
    """Two axes exchanged."""
    return through(torch.transpose, input, axis(input, dim0), axis(input, dim1))


@rule("unsqueeze")
def unsqueeze(func: Function, input: Series, dim: int) -> Series:  # noqa: ARG001
    """An axis of length 1 more, after the batch axis."""
    require(dim % (input.ndim + 1) != 0, "an operation along the batch axis")
    return through(torch.unsqueeze, input, dim)


@rule("squeeze")
def squeeze(func: Function, input: Series, dim: int) -> Series:  # noqa: ARG001
    """An axis of length 1 less."""
    return through(torch.squeeze, input, axis(input, dim))


@rule("mean", "sum")
def reduce(func: Function, input: Series, dim: Any, keepdim: bool = False) -> Series:
    """Over axes of the example."""
    dims = [axis(input, d) for d in ([dim] if isinstance(dim, int) else dim or [0])]
    return through(func, input, dims, keepdim=keepdim)


@rule("__getitem__")
def getitem(func: Function, input: Series, key: Any) -> Series:  # noqa: ARG001
    """``x[:, …]``: a part of every example."""
    keys = key if isinstance(key, tuple) else (key,)
    simple = all(k is Ellipsis or isinstance(k, int | slice) for k in keys)
    all_examples = keys[0] == slice(None) or (keys[0] is Ellipsis and len(keys) <= input.ndim)
    require(simple and all_examples, "an index along the batch axis")
    return input.like(input.stack[key])


@rule("dropout", "dropout2d")
def dropout(func: Function, input: Series, p: float = 0.5, training: bool = True, inplace: bool = False) -> Series:  # noqa: ARG001
    """Nothing, in eval mode."""
    require(not training or p == 0, "dropout in training mode")
    return input


@rule("contiguous", "clone")
def same(func: Function, input: Series, **options: Any) -> Series:
    """The same numbers, elsewhere or in another layout."""
    return through(func, input, **options)

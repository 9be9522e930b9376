"""Convolutions whose higher derivatives cost no more than they must.

Everything is one trilinear form T(x, w, o) = ⟨o, x ∗ w⟩. Its three contractions are the convolution x ∗ w itself,
and the gradients of T in x and in w; the derivative of each contraction consists of the two others. PyTorch's own
second derivative of a convolution makes the product for the filters' gradient also where nobody asks for it: a
third of a Hessian-vector product's convolutions, and half of a J v by double reverse mode.
"""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd import Function
from torch.overrides import TorchFunctionMode

Geometry = tuple[list[int], list[int], list[int], int]
"""Stride, padding, dilation, groups."""


class LeanConvolutions(TorchFunctionMode):
    """While it is entered, two-dimensional convolutions are made of the three contractions.

    Values and derivatives of every order are those of ``torch.nn.functional.conv2d``, which modules call.

    Example:
        >>> x, w = torch.ones(1, 1, 4, 4, requires_grad=True), torch.ones(1, 1, 3, 3)
        >>> with LeanConvolutions():
        ...     y = F.conv2d(x, w)
        >>> y.grad_fn.name(), y.shape
        ('_ConvolveBackward', torch.Size([1, 1, 2, 2]))
    """

    def __torch_function__(
        self, func: Any, types: Sequence[type], args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Make a convolution of tensors ours, and everything else torch's."""
        if func is F.conv2d:
            call = _arguments(*args, **(kwargs or {}))
            if call is not None:
                return _Convolve.apply(*call)
        return func(*args, **(kwargs or {}))


def _arguments(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | Sequence[int] = 1,
    padding: str | int | Sequence[int] = 0,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
) -> tuple[Tensor, Tensor, Tensor | None, Geometry] | None:
    """What ``conv2d`` was given; None where it is not for us: no batch of images, nothing to be differentiated."""
    transformed = torch._C._functorch.maybe_current_level() is not None
    if (
        transformed
        or not (isinstance(input, Tensor) and input.ndim == 4 and input.requires_grad)
        or isinstance(padding, str)
    ):
        return None
    # the engine can be asked about a view's node, but not about a leaf
    images, filters, offset = (
        t.view_as(t) if t is not None and t.is_leaf else t for t in map(_autocast, (input, weight, bias))
    )
    assert images is not None
    assert filters is not None
    return images, filters, offset, (_pair(stride), _pair(padding), _pair(dilation), groups)


def _autocast(tensor: Tensor | None) -> Tensor | None:
    """A tensor as autocast would hand it to ``conv2d``, differentiably: our Functions are unknown to it."""
    if tensor is None or tensor.dtype == torch.float64 or not torch.is_autocast_enabled(tensor.device.type):
        return tensor
    return tensor.to(torch.get_autocast_dtype(tensor.device.type))


def _pair(value: int | Sequence[int]) -> list[int]:
    return [value] * 2 if isinstance(value, int) else [int(v) for v in value] * (3 - len(value))


class _Convolve(Function):
    """x ∗ w, plus a bias for each channel."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, w: Tensor, bias: Tensor | None, geometry: Geometry) -> Tensor:
        ctx.save_for_backward(x, w)
        ctx.geometry = geometry
        stride, padding, dilation, groups = geometry
        return torch.convolution(x, w, bias, stride, padding, dilation, False, [0, 0], groups)

    @staticmethod
    def backward(ctx: Any, o: Tensor) -> Any:
        x, w = ctx.saved_tensors
        of_x, of_w, of_bias = _asked(ctx)
        return (
            _OfImages.apply(o, w, x.shape, ctx.geometry) if of_x else None,
            _OfFilters.apply(x, o, w.shape, ctx.geometry) if of_w else None,
            o.sum((0, 2, 3)) if of_bias else None,
            None,
        )


class _OfImages(Function):
    """∂T/∂x, of o and w."""

    @staticmethod
    def forward(ctx: Any, o: Tensor, w: Tensor, shape: torch.Size, geometry: Geometry) -> Tensor:
        ctx.save_for_backward(o, w)
        ctx.geometry = geometry
        # of x the shape is looked at, and the layout
        like = (
            torch.channels_last if o.is_contiguous(memory_format=torch.channels_last) else torch.contiguous_format
        )
        x = (
            o.new_empty(()).expand(shape)
            if o.is_contiguous()
            else torch.empty(shape, dtype=o.dtype, device=o.device, memory_format=like)
        )
        return _gradient(o, x, w, geometry, 0)

    @staticmethod
    def backward(ctx: Any, x: Tensor) -> Any:
        o, w = ctx.saved_tensors
        of_o, of_w, _ = _asked(ctx)
        return (
            _Convolve.apply(x, w, None, ctx.geometry) if of_o else None,
            _OfFilters.apply(x, o, w.shape, ctx.geometry) if of_w else None,
            None,
            None,
        )


class _OfFilters(Function):
    """∂T/∂w, of x and o."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, o: Tensor, shape: torch.Size, geometry: Geometry) -> Tensor:
        ctx.save_for_backward(x, o)
        ctx.geometry = geometry
        return _gradient(o, x, o.new_empty(()).expand(shape), geometry, 1)

    @staticmethod
    def backward(ctx: Any, w: Tensor) -> Any:
        x, o = ctx.saved_tensors
        of_x, of_o, _ = _asked(ctx)
        return (
            _OfImages.apply(o, w, x.shape, ctx.geometry) if of_x else None,
            _Convolve.apply(x, w, None, ctx.geometry) if of_o else None,
            None,
            None,
        )


def _gradient(o: Tensor, x: Tensor, w: Tensor, geometry: Geometry, which: int) -> Tensor:
    """∂T/∂x or ∂T/∂w: of the tensor itself the shape alone is looked at."""
    stride, padding, dilation, groups = geometry
    wanted = [which == 0, which == 1, False]
    made = torch.ops.aten.convolution_backward(
        o, x, w, None, stride, padding, dilation, False, [0, 0], groups, wanted
    )
    gradient: Tensor = made[which]
    return gradient


def _asked(ctx: Any) -> list[bool]:
    """Whether this very backward pass goes on to x, to w and to the bias."""
    # needs_input_grad says what could be asked for; the engine knows what is
    nodes = [node for node, _ in ctx.next_functions] + [None]
    return [n is not None and torch._C._will_engine_execute_node(n) for n in nodes[:3]]

"""Normalisation, pooling by maximum, softmax and losses."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from jhrun.autodiff.taylor.arithmetic import product, scale, shift
from jhrun.autodiff.taylor.linear import through
from jhrun.autodiff.taylor.pointwise import power
from jhrun.autodiff.taylor.series import Series, axis, require, rule

Function = Callable[..., Any]


def standardise(x: Series, dims: tuple[int, ...], eps: float) -> Series:
    """(x − mean)/√(variance + eps) over some axes of every example, the variance being the biased one."""
    centred = x.like(x.stack - x.stack.mean(dims, keepdim=True))
    c = centred.parts
    # the variance's parts, by Leibniz, without the squares' own
    moments = [(c[0] * part).mean(dims, keepdim=True) for part in c]
    variance = [moments[0], *(2 * m for m in moments[1:])]
    for n, i, j in x.layout.second():
        variance[n] = variance[n] + 2 * (c[i] * c[j]).mean(dims, keepdim=True)
    variance[0] = variance[0] + eps
    return product(centred, power(x.join(variance), -0.5))


def affine(x: Series, weight: Tensor | None, bias: Tensor | None) -> Series:
    """Weight·x + bias, where they are."""
    y = x if weight is None else scale(x, weight)
    return y if bias is None else shift(y, bias)


@rule("layer_norm")
def layer_norm(
    func: Function,  # noqa: ARG001
    input: Series,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Series:
    """Standardised over the last axes, then scaled and shifted by entry."""
    require(len(normalized_shape) < input.ndim, "layer_norm over the batch axis")
    dims = tuple(range(-len(normalized_shape), 0))
    return affine(standardise(input, dims, eps), weight, bias)


@rule("batch_norm")
def batch_norm(
    func: Function,  # noqa: ARG001
    input: Series,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,  # noqa: ARG001
    eps: float = 1e-5,
) -> Series:
    """With the running figures: an affine map by channel. In training mode it would mix the examples."""
    require(not training, "batch_norm in training mode")
    require(running_mean is not None and running_var is not None, "batch_norm without running figures")
    assert running_mean is not None
    assert running_var is not None
    factor = (running_var + eps).rsqrt()
    factor = factor if weight is None else weight * factor
    offset = -running_mean * factor
    offset = offset if bias is None else bias + offset
    ones = [1] * (input.ndim - 2)
    return affine(input, factor.view(-1, *ones), offset.view(-1, *ones))


def _select(input: Series, value: Tensor, index: Tensor, axes: int) -> Series:
    """All parts from where the value's maximum is: the second derivative of a maximum is 0."""
    index = index.flatten(-axes).repeat(input.layout.size, *[1] * (index.ndim - axes))
    stack = input.stack.flatten(-axes).gather(-1, index)
    return input.like(stack.view(-1, *value.shape[1:]))


def _max_pool(name: str, axes: int, function: Function) -> None:
    @rule(name)
    def pool(func: Function, input: Series, *args: Any, **kwargs: Any) -> Series:  # noqa: ARG001
        require(input.ndim == axes + 2, f"{name} of a single example")
        require(not kwargs.pop("return_indices", False), f"{name} with indices")
        with torch.no_grad():
            value, index = function(input.value, *args, return_indices=True, **kwargs)
        return _select(input, value, index, axes)


for _axes in (1, 2, 3):
    _max_pool(f"max_pool{_axes}d", _axes, getattr(F, f"max_pool{_axes}d"))
    _max_pool(f"adaptive_max_pool{_axes}d", _axes, getattr(F, f"adaptive_max_pool{_axes}d"))


def _log_normaliser(x: Series, dim: int) -> Series:
    """Log Σ exp x, the axis kept: with p = softmax x, mᵢ = Σ p xᵢ and Σ p xᵢⱼ + Σ p (xᵢ − mᵢ)(xⱼ − mⱼ)."""
    parts = x.parts
    p = torch.softmax(parts[0], dim)
    made = [torch.logsumexp(parts[0], dim, keepdim=True)]
    made += [(p * part).sum(dim, keepdim=True) for part in parts[1:]]
    for n, i, j in x.layout.second():
        covariance = p * (parts[i] - made[i]) * (parts[j] - made[j])
        made[n] = made[n] + covariance.sum(dim, keepdim=True)
    return x.join(made)


@rule("logsumexp")
def logsumexp(func: Function, input: Series, dim: int, keepdim: bool = False) -> Series:  # noqa: ARG001
    """Log Σ exp x along an axis."""
    dim = axis(input, dim)
    y = _log_normaliser(input, dim)
    return y if keepdim else through(torch.squeeze, y, dim)


@rule("log_softmax")
def log_softmax(
    func: Function,  # noqa: ARG001
    input: Series,
    dim: int,
    _stacklevel: int = 3,
    dtype: None = None,
) -> Series:
    """Difference x − log Σ exp x along an axis."""
    require(dtype is None, "log_softmax to another dtype")
    dim = axis(input, dim)
    # the value is torch's own, to the last bit
    parts = (input.stack - _log_normaliser(input, dim).stack).chunk(input.layout.size)
    return input.join([torch.log_softmax(input.value, dim), *parts[1:]])


@rule("softmax")
def softmax(func: Function, input: Series, dim: int, _stacklevel: int = 3, dtype: None = None) -> Series:
    """Quotient exp x / Σ exp x along an axis."""
    y = log_softmax(func, input, dim, dtype=dtype)
    return torch.exp(y)  # type: ignore[return-value, arg-type]


@rule("cross_entropy", "cross_entropy_loss")
def cross_entropy(
    func: Function,
    input: Any,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: None = None,
    ignore_index: int = -100,
    reduce: None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Series:
    """−log softmax(x)_y for class numbers y, −Σ_c p_c log softmax(x)_c for distributions p."""
    plain = size_average is None and reduce is None and reduction == "none" and not label_smoothing
    require(plain, "cross_entropy with a reduction or label smoothing")
    require(isinstance(input, Series) and input.ndim == 2, "cross_entropy with such arguments")
    require(isinstance(target, Tensor), "cross_entropy with such targets")
    logarithms = log_softmax(func, input, 1)
    if target.is_floating_point():
        require(target.shape == input.shape and weight is None, "cross_entropy with such targets")
        return logarithms.like(-(logarithms.stack * target.repeat(input.layout.size, 1)).sum(1))
    target = target.repeat(input.layout.size)
    losses = F.nll_loss(logarithms.stack, target, weight, ignore_index=ignore_index, reduction="none")
    return logarithms.like(losses)


@rule("mse_loss")
def mse_loss(
    func: Function,  # noqa: ARG001
    input: Any,
    target: Any,
    size_average: None = None,
    reduce: None = None,
    reduction: str = "mean",
    weight: None = None,
) -> Series:
    """(x − y)², entry by entry."""
    plain = size_average is None and reduce is None and reduction == "none" and weight is None
    require(plain, "mse_loss with a reduction")
    difference: Series = input - target
    return power(difference, 2)

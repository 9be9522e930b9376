"""Derivatives along directions, to second order, carried through a network beside its values.

For f(x) and directions d₁ … d_k, a series holds f, the first derivatives ∂f/∂tᵢ and chosen second derivatives
∂²f/∂tᵢ∂tⱼ of f(x + Σ tᵢ dᵢ) at t = 0. They are derivatives, not Taylor coefficients: the coefficient of t² is half
of ∂²f/∂t². With derivatives, one rule serves t² and st alike.

Source: A. Griewank and A. Walther, *Evaluating Derivatives*, 2008, chapter 13.
"""

from collections.abc import Callable
from inspect import Signature, signature
from typing import Any, NamedTuple

import torch
from torch import Tensor


class Unsupported(Exception):  # noqa: N818 - it is caught, and becomes a warning
    """A series met an operation, named by the message, that has no rule."""


class Layout(NamedTuple):
    """Which derivatives a series holds, in this order: value, first derivatives, second derivatives.

    Attributes:
        directions: k, how many directions there are.
        pairs: (i, j), from 0, for each ∂²f/∂tᵢ∂tⱼ.
    """

    directions: int
    pairs: tuple[tuple[int, int], ...] = ()

    @property
    def size(self) -> int:
        """K, how many tensors the size of f a series holds."""
        return 1 + self.directions + len(self.pairs)

    def second(self) -> list[tuple[int, int, int]]:
        """Positions (of the second derivative, of its two first derivatives)."""
        return [(1 + self.directions + n, 1 + i, 1 + j) for n, (i, j) in enumerate(self.pairs)]


class Series:
    """A tensor-like f(x) with its derivatives, which torch's functions and an unchanged module take for a tensor.

    Linear operations act on all derivatives in one call: these lie one after the other on the batch axis. An
    operation without a rule raises ``Unsupported``; so does one that would mix examples.

    Example:
        >>> x = Series(torch.tensor([[3.0], [1.0], [0.0]]), Layout(1, ((0, 0),)))
        >>> x.shape, (x * x).parts
        (torch.Size([1, 1]), (tensor([[9.]]), tensor([[6.]]), tensor([[2.]])))
    """

    def __init__(self, stack: Tensor, layout: Layout) -> None:
        """Wrap the derivatives.

        Args:
            stack: (K·B, …), the first B rows being the values.
            layout: what the K are.
        """
        self.stack, self.layout = stack, layout
        self.grad_mode = torch.is_grad_enabled()

    @property
    def batch(self) -> int:
        """B."""
        return len(self.stack) // self.layout.size

    @property
    def parts(self) -> tuple[Tensor, ...]:
        """The K derivatives, each (B, …), as views."""
        return self.stack.chunk(self.layout.size)

    @property
    def blocks(self) -> Tensor:
        """The K derivatives on an axis of their own, (K, B, …), as a view."""
        return self.stack.view(self.layout.size, -1, *self.stack.shape[1:])

    @property
    def value(self) -> Tensor:
        """f(x), (B, …)."""
        return self.stack[: self.batch]

    def like(self, stack: Tensor) -> "Series":
        """Another series of the same layout, from its stack."""
        return Series(stack, self.layout)

    def join(self, parts: list[Tensor]) -> "Series":
        """Another series of the same layout, from its parts."""
        return Series(torch.cat(parts), self.layout)

    @property
    def shape(self) -> torch.Size:
        """Of f(x)."""
        return torch.Size((self.batch, *self.stack.shape[1:]))

    @property
    def ndim(self) -> int:
        """Of f(x)."""
        return self.stack.ndim

    @property
    def dtype(self) -> torch.dtype:
        """Of every part."""
        return self.stack.dtype

    @property
    def device(self) -> torch.device:
        """Of every part."""
        return self.stack.device

    __hash__ = object.__hash__

    def dim(self) -> int:
        """The number of axes."""
        return self.ndim

    def size(self, dim: int | None = None) -> Any:
        """The shape, or one of its entries."""
        return self.shape if dim is None else self.shape[dim]

    def numel(self) -> int:
        """How many numbers f(x) has."""
        return self.shape.numel()

    def is_floating_point(self) -> bool:
        """Always: nothing else has derivatives."""
        return True

    def __len__(self) -> int:
        """B."""
        return self.batch

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """A tensor's method of this name, which goes through the rules."""
        function = getattr(torch.Tensor, name, None)
        if name.startswith("__") or not callable(function):
            raise AttributeError(name) if name.startswith("__") else Unsupported(f"Tensor.{name}")
        return lambda *args, **kwargs: follow(name, function, (self, *args), kwargs)

    @classmethod
    def __torch_function__(
        cls,
        func: Callable[..., Any],
        types: tuple[type, ...],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """What torch calls in place of ``func`` where an argument is a series.

        Args:
            func: a function of torch, or a method of its tensors.
            types: unused.
            args: of ``func``.
            kwargs: of ``func``.

        Returns:
            What the rule makes.
        """
        return follow(getattr(func, "__name__", str(func)), func, args, kwargs or {})


def follow(name: str, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> "Series":
    """Apply the rule for a function.

    Args:
        name: of the rule.
        func: the function itself.
        args: of ``func``.
        kwargs: of ``func``.

    Returns:
        What the rule makes.

    Raises:
        Unsupported: there is no rule for ``func`` with these arguments.
    """
    rule, accepted = RULES.get(name, (None, None))
    if rule is None or accepted is None:
        raise Unsupported(name)
    try:
        accepted.bind(func, *args, **kwargs)
    except TypeError:
        raise Unsupported(f"{name} with such arguments") from None
    for series in (a for a in args if isinstance(a, Series)):
        # inside no_grad, or a custom autograd function, the parameters' gradient would silently lack a part
        if series.grad_mode != torch.is_grad_enabled():
            raise Unsupported(f"{name} under another grad mode")
    return rule(func, *args, **kwargs)


Rule = Callable[..., Series]
RULES: dict[str, tuple[Rule, Signature]] = {}


def rule(*names: str) -> Callable[[Rule], Rule]:
    """Register what is done in place of torch's functions and methods of these names.

    Args:
        *names: ``__name__`` of each.

    Returns:
        A decorator of (func, *args, **kwargs) → Series; arguments that do not fit its signature are unsupported.
    """

    def register(function: Rule) -> Rule:
        for name in names:
            RULES[name] = (function, signature(function))
        return function

    return register


def axis(x: Series, dim: int) -> int:
    """An axis other than the batch axis, from 1.

    Args:
        x: a series.
        dim: as torch takes it, perhaps negative.

    Returns:
        The same, from 1 on.

    Raises:
        Unsupported: it is the batch axis.
    """
    if not isinstance(dim, int) or dim % x.ndim == 0:
        raise Unsupported("an operation along the batch axis")
    return dim % x.ndim


def require(condition: bool, what: str) -> None:
    """Refuse what a rule does not cover.

    Args:
        condition: that it is covered.
        what: the operation, if not.

    Raises:
        Unsupported: it is not.
    """
    if not condition:
        raise Unsupported(what)

"""A forward pass whose outputs can be differentiated again and again."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch.nn.attention import SDPBackend, sdpa_kernel

from jhrun.autodiff.convolution import LeanConvolutions


@contextmanager
def twice_differentiable() -> Iterator[None]:
    """While it is entered, forward passes make graphs that have second and third derivatives.

    Scaled dot-product attention takes its plain form: the fused kernels have a first derivative only. Convolutions
    are ``LeanConvolutions``. Values stay the same up to rounding.

    Example:
        >>> import torch
        >>> x = torch.rand(1, 1, 4, 8, requires_grad=True)
        >>> with twice_differentiable():
        ...     y = torch.nn.functional.scaled_dot_product_attention(x, x, x)
        >>> (first,) = torch.autograd.grad(y.sum(), x, create_graph=True)
        >>> torch.autograd.grad(first.square().sum(), x)[0].shape
        torch.Size([1, 1, 4, 8])
    """
    with sdpa_kernel(SDPBackend.MATH), LeanConvolutions():
        yield

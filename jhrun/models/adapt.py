"""A network of others, in a form that a curvature penalty can be taken of."""

import math
from copy import deepcopy
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.modules.batchnorm import _BatchNorm

GROUPS = 32
"""Of a GroupNorm in place of a BatchNorm, where the channels can be divided by it (Wu and He 2018)."""


class Replacement(NamedTuple):
    """A layer that was replaced.

    Attributes:
        name: of the layer in the network.
        before: its kind.
        after: the kind that stands there now.
        why: in a few words.
    """

    name: str
    before: str
    after: str
    why: str


class Adapted(NamedTuple):
    """A network and how it came about; it prints as a table.

    Attributes:
        network: a copy with replacements.
        replaced: a line for each.
    """

    network: nn.Module
    replaced: tuple[Replacement, ...]

    def __str__(self) -> str:
        """A table of the replacements."""
        if not self.replaced:
            return "nothing was replaced"
        rows = [("layer", "before", "after", "why"), *self.replaced]
        widths = [max(len(row[i]) for row in rows) for i in range(3)]
        return "\n".join(
            "  ".join([*(c.ljust(w) for c, w in zip(row, widths, strict=False)), row[3]]) for row in rows
        )


class FrozenBatchNorm(nn.Module):
    """Batch normalisation with its running statistics, in training mode too: examples stay apart.

    y = γ (x − μ) / √(σ² + ε) + β, with μ and σ² as they were found. γ and β are trained on. The state has the
    names of PyTorch's layer, so that its weights can be loaded.
    """

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, layer: _BatchNorm) -> None:
        """Take over a layer that keeps running statistics."""
        super().__init__()
        self.eps = layer.eps
        self.weight, self.bias = layer.weight, layer.bias
        for name in ("running_mean", "running_var", "num_batches_tracked"):
            self.register_buffer(name, getattr(layer, name))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise (B, C, …) by channel."""
        return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps)


class PlainLayerNorm(nn.Module):
    """Layer normalisation from elementary operations: PyTorch's own has a wrong third derivative."""

    normalized_shape: tuple[int, ...]
    eps: float
    weight: Tensor | None
    bias: Tensor | None

    def forward(self, input: Tensor) -> Tensor:
        """Normalise over the last axes."""
        axes = tuple(range(-len(self.normalized_shape), 0))
        centred = input - input.mean(axes, keepdim=True)
        made = centred * (centred.square().mean(axes, keepdim=True) + self.eps).rsqrt()
        if self.weight is not None:
            made = made * self.weight
        return made if self.bias is None else made + self.bias


class PlainAttention(nn.MultiheadAttention):
    """Attention without fused kernels, which have a first derivative only."""

    def forward(self, *arguments: Any, **options: Any) -> tuple[Tensor, Tensor | None]:
        """Attend, as PyTorch's layer does."""
        with sdpa_kernel(SDPBackend.MATH):
            return super().forward(*arguments, **options)


def adapt(network: nn.Module, batch_norm: Literal["freeze", "group"] = "freeze") -> Adapted:
    """Copy a network, and replace the layers that no curvature penalty can use. The network stays as it is.

    ========================  ===========================================  ==================================
    layer                     becomes                                      why
    ========================  ===========================================  ==================================
    BatchNorm                 ``FrozenBatchNorm``, or ``GroupNorm``        it mixes the examples of a batch
    LayerNorm                 ``PlainLayerNorm``                           its third derivative is wrong
    MultiheadAttention        ``PlainAttention``                           its kernels are differentiable once
    timm's fused attention    ``fused_attn=False``                         likewise
    in-place activations      ``inplace=False``                            forward mode refuses them
    ========================  ===========================================  ==================================

    Values in evaluation mode stay the same up to rounding, but for ``GroupNorm``, which has to be trained. Weights
    keep their names.

    Args:
        network: of any kind.
        batch_norm: ``freeze`` keeps the running statistics, ``group`` normalises each example by itself.

    Returns:
        A copy and its replacements.

    Raises:
        ValueError: a BatchNorm that is to be frozen keeps no running statistics.

    Example:
        >>> made = adapt(nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(inplace=True)))
        >>> print(made)
        layer  before       after            why
        1      BatchNorm2d  FrozenBatchNorm  it mixes the examples of a batch
        2      ReLU         ReLU             it changes its input in place
    """
    copy = deepcopy(network)
    replaced: list[Replacement] = []
    seen: dict[int, nn.Module] = {}
    for name, module in list(copy.named_modules(remove_duplicate=False)):
        if id(module) not in seen:
            before = type(module).__name__
            made, why = _replacement(module, batch_norm, name)
            seen[id(module)] = made.train(module.training)
            if why:
                replaced.append(Replacement(name or "the network", before, type(made).__name__, why))
        made = seen[id(module)]
        if made is not module and name:
            parent, _, last = name.rpartition(".")
            setattr(copy.get_submodule(parent), last, made)
    # a network may be one layer
    return Adapted(seen[id(copy)], tuple(replaced))


def _replacement(module: nn.Module, batch_norm: str, name: str) -> tuple[nn.Module, str]:
    """What stands in a layer's place, and why; the layer itself and nothing where it stays."""
    if isinstance(module, _BatchNorm):
        return _without_batches(module, batch_norm, name), "it mixes the examples of a batch"
    if type(module) is nn.LayerNorm:
        # with another class, it keeps its parameters and hooks
        module.__class__ = PlainLayerNorm  # type: ignore[assignment]
        return module, "its third derivative is wrong"
    if type(module) is nn.MultiheadAttention:
        module.__class__ = PlainAttention
        return module, "its kernels are differentiable once"
    if getattr(module, "fused_attn", False) is True:
        module.fused_attn = False  # type: ignore[assignment]
        return module, "its kernels are differentiable once"
    if getattr(module, "inplace", False) is True:
        module.inplace = False  # type: ignore[assignment]
        return module, "it changes its input in place"
    return module, ""


def _without_batches(layer: _BatchNorm, batch_norm: str, name: str) -> nn.Module:
    channels = layer.num_features
    if batch_norm == "freeze":
        if layer.running_mean is None:
            what = f"layer '{name}' ({type(layer).__name__}) keeps no running statistics that could be frozen"
            raise ValueError(f"{what}: take batch_norm='group'")
        return FrozenBatchNorm(layer)
    group = nn.GroupNorm(math.gcd(GROUPS, channels), channels, layer.eps, affine=layer.affine)
    if layer.affine:
        with torch.no_grad():
            group.weight.copy_(layer.weight)
            group.bias.copy_(layer.bias)
    return group.to(next((t.device for t in layer.state_dict().values()), torch.device("cpu")))

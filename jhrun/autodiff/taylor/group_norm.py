"""Group normalisation: the rule that would cost most, so its passes over memory are counted.

With μ_α the mean of part α over a group, M_αβ the mean of (x_α − μ_α)(x_β − μ_β) and r = (M₀₀ + ε)^(−1/2), the
parts of r are rᵢ = −r³M₀ᵢ and rᵢⱼ = −r³(M₀ᵢⱼ + Mᵢⱼ) + 3r⁵M₀ᵢM₀ⱼ, and by Leibniz every part of the result is a
combination of the centred parts with these for coefficients. So it is two functions of the whole stack, with small
algebra between them: the moments, and the combination Σ_β W_αβ x_β + o_α, scaled by channel. Each keeps nothing
but x. ``normalise.standardise`` is the same in plain steps.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from jhrun.autodiff.taylor.series import Layout, Series, rule

Places = list[tuple[int, int]]


def moment_places(layout: Layout) -> Places:
    """(α, β) of the moments that are needed: M₀α for all α, then Mᵢⱼ for each pair."""
    return [(0, part) for part in range(layout.size)] + [(i, j) for _, i, j in layout.second()]


def combination(layout: Layout, r: Tensor, m: Tensor) -> tuple[Places, list[Tensor]]:
    """Where the matrix W is not 0, and what it is there.

    Args:
        layout: of the series.
        r: (M₀₀ + ε)^(−1/2), (B, G).
        m: the moments, (P, B, G), in the order of ``moment_places``.

    Returns:
        (α, β) and W_αβ, (B, G), of each entry.
    """
    places: Places = [(part, part) for part in range(layout.size)]
    entries = [r] * layout.size
    cube = r**3
    for i in range(1, 1 + layout.directions):
        places.append((i, 0))
        entries.append(-cube * m[i])
    for number, (n, i, j) in enumerate(layout.second()):
        places += [(n, j), (n, i), (n, 0)]
        bent = 3 * cube * r * r * m[i] * m[j] - cube * (m[n] + m[layout.size + number])
        entries += [-cube * m[i], -cube * m[j], bent]
    return places, entries


class _Moments(torch.autograd.Function):
    """Means (K, B, G) and moments (P, B, G) of x (K, B, G, n); differentiable once."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, places: Places) -> tuple[Tensor, Tensor]:
        """The moments, from centred parts."""
        means = x.mean(-1)
        centred = x - means[..., None]
        room = torch.empty_like(x[0])
        moments = [torch.mul(centred[a], centred[b], out=room).mean(-1) for a, b in places]
        ctx.save_for_backward(x, means)
        ctx.places = places
        return means, torch.stack(moments)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, of_means: Tensor, of_moments: Tensor) -> tuple[Tensor, None]:
        """∂M_αβ/∂x_α = (x_β − μ_β)/n: the means' own part sums to 0."""
        x, means = ctx.saved_tensors
        offset, of_moments = of_means / x.shape[-1], of_moments / x.shape[-1]
        terms: list[list[tuple[Tensor, int]]] = [[] for _ in x]
        for (a, b), g in zip(ctx.places, of_moments, strict=True):
            terms[a].append((g, b))
            terms[b].append((g, a))
        result = torch.empty_like(x)
        for a, part in enumerate(result):
            shift = offset[a]
            for g, b in terms[a]:
                shift = shift - g * means[b]
            part.copy_(shift[..., None].expand_as(part))
            for g, b in terms[a]:
                part.addcmul_(g[..., None], x[b])
        return result, None


class _Combine(torch.autograd.Function):
    """y_α = Σ_β W_αβ x_β + o_α for x (K, B, C, n), W (P, B, C) and o (K, B, C); differentiable once."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weights: Tensor, offsets: Tensor, places: Places) -> Tensor:
        """The combination, part by part."""
        ctx.save_for_backward(x, weights)
        ctx.places = places
        y = torch.empty_like(x)
        for a, part in enumerate(y):
            # the first place of every row is its diagonal
            torch.addcmul(offsets[a][..., None], weights[a][..., None], x[a], out=part)
        for (a, b), w in list(zip(places, weights, strict=True))[len(x) :]:
            y[a].addcmul_(w[..., None], x[b])
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        """The transposed combination, and inner products."""
        x, weights = ctx.saved_tensors
        places = list(zip(ctx.places, weights, strict=True))
        result = torch.empty_like(x)
        for a, part in enumerate(result):
            torch.mul(weights[a][..., None], gradient[a], out=part)
        for (a, b), w in places[len(x) :]:
            result[b].addcmul_(w[..., None], gradient[a])
        room = torch.empty_like(x[0])
        of_weights = [torch.mul(gradient[a], x[b], out=room).sum(-1) for (a, b), _ in places]
        return result, torch.stack(of_weights), gradient.sum(-1), None


@rule("group_norm")
def group_norm(
    func: Callable[..., Any],  # noqa: ARG001
    input: Series,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Series:
    """Standardised over each group of channels, then scaled and shifted by channel."""
    layout, batch, channels = input.layout, input.batch, input.shape[1]
    x = input.stack.reshape(layout.size, batch, num_groups, -1)
    means, moments = _Moments.apply(x, moment_places(layout))
    places, entries = combination(layout, (moments[0] + eps).rsqrt(), moments)
    offsets = [torch.zeros_like(entries[0])] * layout.size
    for (a, b), entry in zip(places, entries, strict=True):
        offsets[a] = offsets[a] - entry * means[b]
    # from groups to their channels
    by_channel, shifts = (torch.stack(t).repeat_interleave(channels // num_groups, -1) for t in (entries, offsets))
    if weight is not None:
        by_channel, shifts = by_channel * weight, shifts * weight
    if bias is not None:
        shifts = shifts + torch.cat([bias[None], bias.new_zeros(layout.size - 1, channels)])[:, None]
    x = x.view(layout.size, batch, channels, -1)
    y: Tensor = _Combine.apply(x, by_channel, shifts, places)
    return input.like(y.view(input.stack.shape))

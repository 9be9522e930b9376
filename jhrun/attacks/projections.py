"""The nearest point of ball and box together: points, origins in the box, ε > 0 → points, (B, D) each.

The sums run in float64, so that the results are exact up to the rounding of the points' own precision.
"""

import torch
from torch import Tensor


def clipped(points: Tensor, origin: Tensor, epsilon: float) -> Tensor:
    """ℓ∞: each coordinate for itself, so that ball and box commute."""
    x = origin.double()
    return points.double().maximum(x - epsilon).minimum(x + epsilon).clamp(0, 1).to(points.dtype)


def shrunk(points: Tensor, origin: Tensor, epsilon: float) -> Tensor:
    """ℓ2: x + sign(δ)·min(s·|δ|, b), δ the change, b its room in the box, s = 1 if that is in the ball."""
    # else s is the root of Σ min(s·|δ|, b)² = ε², quadratic between the s = b/|δ| where coordinates meet the box
    change, size, room = _parts(points, origin)
    inside = size.minimum(room).square().sum(1, keepdim=True) <= epsilon**2
    met, order = torch.where(size > 0, room / size, torch.inf).sort(1)
    # of the coordinates in the order in which they meet the box: those before the k-th, and those from there on
    stopped = _before(room.gather(1, order).square())
    free = size.gather(1, order).square()
    free = torch.cat([free.flip(1).cumsum(1).flip(1), torch.zeros_like(free[:, :1])], 1)
    number = (stopped[:, :-1] + met.square() * free[:, :-1] <= epsilon**2).sum(1, keepdim=True)
    left = (epsilon**2 - stopped.gather(1, number)).clamp(min=0)
    s = torch.where(inside, 1, (left / free.gather(1, number)).sqrt())
    return _placed(points, origin, inside, change.sign() * (s * size).minimum(room))


def soft(points: Tensor, origin: Tensor, epsilon: float) -> Tensor:
    """ℓ1: x + sign(δ)·clamp(|δ| − t, 0, b), δ the change, b its room in the box, t = 0 if that is in the ball."""
    # else t is the root of Σ clamp(|δ| − t, 0, b) = ε, linear between the t at which a coordinate begins to fall,
    # (|δ| − b)₊, and at which it reaches 0, |δ|
    change, size, room = _parts(points, origin)
    length = size.minimum(room).sum(1, keepdim=True)
    inside = length <= epsilon
    bend, order = torch.cat([(size - room).clamp(min=0), size], 1).sort(1)
    turns = torch.cat([torch.ones_like(size), -torch.ones_like(size)], 1)
    falling = turns.gather(1, order).cumsum(1)
    lengths = length - _before(falling[:, :-1] * bend.diff(dim=1))
    # the last bend at which the change is still too long
    last = ((lengths > epsilon).sum(1, keepdim=True) - 1).clamp(min=0)
    t = bend.gather(1, last) + (lengths.gather(1, last) - epsilon) / falling.gather(1, last)
    shorter = (size - t).clamp(min=0).minimum(room)
    # of points that are very far away, t is rounded by more than ε
    shorter = shorter * (epsilon / shorter.sum(1, keepdim=True)).clamp(max=1)
    return _placed(points, origin, inside, change.sign() * shorter)


def _parts(points: Tensor, origin: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The change δ, |δ|, and how far the box lets it go, in float64."""
    change = points.double() - origin.double()
    return change, change.abs(), torch.where(change > 0, 1 - origin.double(), origin.double())


def _before(values: Tensor) -> Tensor:
    """Sums of the first 0, 1, … n values, (B, n + 1)."""
    return torch.cat([torch.zeros_like(values[:, :1]), values.cumsum(1)], 1)


def _placed(points: Tensor, origin: Tensor, inside: Tensor, change: Tensor) -> Tensor:
    return torch.where(inside, points, (origin.double() + change).to(points.dtype)).clamp(0, 1)

"""The inner maximisation of training: a search for the worst point of a ball, inside a training step."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from jhrun.attacks.arguments import require_positive, require_whole
from jhrun.attacks.attack import private_randomness
from jhrun.attacks.balls import Ball

NEAR = 0.001
"""Standard deviation of the start ``gauss``, in pixel units, as of TRADES (H. Zhang et al., arXiv 1901.08573)."""

STARTS: dict[str, Callable[[Ball, Tensor, torch.Generator], Tensor]] = {
    "zero": lambda _ball, x, _generator: x.clone(),
    "uniform": Ball.start,
    "gauss": lambda ball, x, generator: ball.project(x + NEAR * _normal(x, generator), x),
}
"""Where a search begins: at x, at a uniformly random point of the ball, or near x."""


def ascend(
    loss: Callable[[Tensor], Tensor],
    x: Tensor,
    ball: Ball,
    steps: int,
    step: float,
    *,
    model: nn.Module,
    generator: torch.Generator,
    start: str = "uniform",
) -> Tensor:
    """Climb: x' ← Π(x' + step·d), d the ball's steepest direction of length 1, Π the projection on ball and box.

    It may be called between forward and backward pass of a training step. Parameters get no gradient. The
    network's modes are left as they were, its buffers (``BatchNorm``'s statistics) are the same tensors with the
    same values, and the global random state is the same: what the loss draws inside, as ``Dropout`` does, follows
    from the generator alone.

    Where a gradient is zero, no direction climbs, and the example stays at its point; an objective that is flat at
    x, as KL(f(x)‖f(x')) is, needs a start elsewhere. Where a gradient is not finite, the example stays too.

    Args:
        loss: points → one value for each example, (B,), which is to be large. In which mode the network is asked
            is the loss's business.
        x: origin of the balls, in [0, 1], (B, …).
        ball: norm and radius.
        steps: gradients taken, at least 1.
        step: length of a step in the ball's norm, in pixel units.
        model: the network that the loss asks; an ``nn.ModuleList`` of several.
        generator: of everything random, on any device.
        start: ``zero`` (at x), ``uniform`` (anywhere in the ball) or ``gauss`` (x + 0.001·N(0, I)).

    Returns:
        The last point, detached, in ball and box; a copy of x, without a look at the loss, if ε is 0.

    Raises:
        ValueError: an argument outside its range.

    Example:
        >>> model, x = nn.Linear(2, 1), torch.full((1, 2), 0.5)
        >>> _ = model.weight.data.copy_(torch.tensor([[3.0, -1.0]]))
        >>> worst = ascend(
        ...     lambda x: model(x)[:, 0], x, Ball("inf", 0.25), 2, 0.25, model=model, generator=torch.Generator()
        ... )
        >>> worst.tolist()
        [[0.75, 0.25]]
    """
    require_whole(steps=steps)
    if start not in STARTS:
        raise ValueError(f"start={start!r}: must be one of {', '.join(STARTS)}")
    x = x.detach()
    if ball.epsilon == 0:
        return x.clone()
    require_positive(step=step)
    seed = int(torch.randint(2**62, (), generator=generator, device=generator.device))
    with untouched(model), private_randomness(seed):
        points = STARTS[start](ball, x, generator)
        for _ in range(steps):
            gradient = _gradient(loss, points)
            entries = gradient.flatten(1)
            moves = (entries.isfinite().all(1) & entries.any(1)).view(-1, *[1] * (x.ndim - 1))
            climbed = points + step * ball.direction(gradient, points)
            points = torch.where(moves, ball.project(climbed, x), points)
    return points


@contextmanager
def untouched(model: nn.Module) -> Iterator[None]:
    """A network with copies of its buffers inside, and with its own buffers and modes afterwards.

    The buffers themselves are not written to, so that a backward pass may still need them.
    """
    modes = [(module, module.training) for module in model.modules()]
    own = [
        (module, name, tensor)
        for module in model.modules()
        for name, tensor in module.named_buffers(recurse=False, remove_duplicate=False)
    ]
    copies = {id(tensor): tensor.clone() for _, _, tensor in own}
    try:
        for module, name, tensor in own:
            setattr(module, name, copies[id(tensor)])
        yield
    finally:
        for module, name, tensor in own:
            setattr(module, name, tensor)
        for module, training in modes:
            module.training = training


def _gradient(loss: Callable[[Tensor], Tensor], points: Tensor) -> Tensor:
    """∂Σ loss/∂x', with respect to the points alone: zero where the loss does not look at them."""
    with torch.enable_grad():
        leaf = points.detach().requires_grad_()
        values = loss(leaf)
        if values.shape != (len(leaf),):
            given = f"the loss has shape {tuple(values.shape)}"
            raise ValueError(f"{given}: must be ({len(leaf)},), one value for each example")
        if not values.requires_grad:
            return torch.zeros_like(leaf)
        (gradient,) = torch.autograd.grad(values.sum(), leaf, allow_unused=True, materialize_grads=True)
    return gradient


def _normal(x: Tensor, generator: torch.Generator) -> Tensor:
    return torch.randn(x.shape, generator=generator, device=generator.device, dtype=x.dtype).to(x.device)

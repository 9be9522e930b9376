"""The network as an attack sees it: every pass is checked, and the worst input that was met is remembered."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from jhrun.errors import NumericalError

ROUNDING = 1e-6
"""How far beyond ball or range, in pixel units, an iterate may lie by rounding alone."""


class Watched(nn.Module):
    """A network that raises where its outputs or their gradients are not finite, and that keeps score.

    The score is the margin m = z_y − max_{j≠y} z_j. Of two inputs of an example the worse is the one that is
    misclassified, or, if both or neither are, the one of the smaller margin.

    Attributes:
        worst: the worst input offered so far for each example, (B, ch, h, w), in ball and range.
        classes: C, the number of logits; known after the first pass.
        watching: whether every pass offers its inputs; they must then be one for each of the current rows.
    """

    def __init__(
        self, model: nn.Module, inputs: Tensor, targets: Tensor, confine: Callable[[Tensor, Tensor], Tensor]
    ) -> None:
        """Begin with nothing known.

        Args:
            model: images → logits.
            inputs: clean, (B, ch, h, w).
            targets: right classes, (B,).
            confine: (points, clean inputs) → the nearest points in ball and range.
        """
        super().__init__()
        # torchattacks reads the device off the first parameter; a network may have none
        self.device_mark = nn.Parameter(inputs.new_empty(0), requires_grad=False)
        self.model = model
        self.inputs, self.targets, self.confine = inputs, targets, confine
        self.worst = inputs.clone()
        self.margin = torch.full_like(targets, torch.inf, dtype=torch.float64)
        self.wrong = torch.zeros_like(targets, dtype=torch.bool)
        self.rows = torch.arange(len(inputs), device=inputs.device)
        self.classes = 0
        self.watching = True

    def forward(self, inputs: Tensor) -> Tensor:
        """The network's logits, checked."""
        require_finite("the inputs that the attack tries", inputs)
        logits: Tensor = self.model(inputs)
        require_finite("the network's logits", logits)
        self.classes = logits.shape[1]
        if self.watching:
            self._keep_worse(inputs.detach(), logits.detach())
        if torch.is_grad_enabled() and inputs.requires_grad:
            inputs.register_hook(_require_finite_gradient)  # type: ignore[no-untyped-call]
            if not logits.requires_grad:
                # a layer that stops gradients: they are zero then, which is no reason to end the evaluation
                logits = logits + 0 * inputs.flatten(1).sum(1, keepdim=True)
        # Square writes into the logits, which may share their memory with the inputs
        return logits.clone()

    @torch.no_grad()
    def survivors(self, points: Tensor) -> Tensor:
        """Offer points, one for each of the current rows; which of those rows are still right there, (≤B,)."""
        return self.rows[self(points).argmax(1) == self.targets[self.rows]]

    @contextmanager
    def only(self, rows: Tensor) -> Iterator[None]:
        """Passes belong to these examples meanwhile."""
        before, self.rows = self.rows, rows
        try:
            yield
        finally:
            self.rows = before

    @torch.no_grad()
    def _keep_worse(self, points: Tensor, logits: Tensor) -> None:
        targets = self.targets[self.rows]
        wrong, margin = logits.argmax(1) != targets, margins(logits, targets)
        before = self.wrong[self.rows]
        worse = (wrong & ~before) | ((wrong == before) & (margin < self.margin[self.rows]))
        # where a point lies is asked of those alone that are worse: late in a search there are few
        points, chosen = points[worse].to(self.worst.dtype), self.rows[worse]
        near = self.confine(points, self.inputs[chosen])
        inside = (near - points).abs().flatten(1).amax(1) <= ROUNDING
        chosen = chosen[inside]
        self.worst[chosen], self.margin[chosen] = near[inside], margin[worse][inside]
        self.wrong[chosen] = wrong[worse][inside]


def margins(logits: Tensor, targets: Tensor) -> Tensor:
    """z_y − max_{j≠y} z_j, (B,), float64; +∞ of a single class."""
    right = nn.functional.one_hot(targets, logits.shape[1]).bool()
    return (logits[right] - logits.masked_fill(right, -torch.inf).amax(1)).double()


def require_finite(what: str, values: Tensor) -> None:
    """Refuse what is not finite.

    Args:
        what: its name, in the plural.
        values: (B, …).

    Raises:
        NumericalError: a value is infinite or not a number.
    """
    # a sum is finite only if every term is; it may overflow, so that only this looks at them one by one
    if values.sum().isfinite():
        return
    bad = int((~values.isfinite()).flatten(1).any(1).sum())
    if bad:
        raise NumericalError(
            f"{what} are not finite",
            f"{bad} of {len(values)} examples of a batch",
            "look at the training curves, or evaluate another checkpoint",
        )


def _require_finite_gradient(gradient: Tensor) -> None:
    require_finite("the network's gradients", gradient)

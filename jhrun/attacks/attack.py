"""What every attack guarantees, whatever the library below it does."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from jhrun.errors import NumericalError


class Attack(ABC):
    """A search for inputs near x that are classified wrongly.

    A subclass says how to search (``perturb``); calling the attack adds the guarantees: every submodule is in eval
    mode while it runs and in its own mode afterwards, also after an exception; the global random state is
    untouched; the result is finite, in the ball and in [0, 1].

    Attributes:
        norm: of the ball.
        epsilon: its radius, in pixel units.
    """

    norm = "inf"

    def __init__(self, epsilon: float) -> None:
        """Set the radius.

        Args:
            epsilon: at least 0.

        Raises:
            ValueError: epsilon is negative or not finite.
        """
        if not 0 <= epsilon < float("inf"):
            raise ValueError(f"epsilon={epsilon}: must be a number of at least 0")
        self.epsilon = float(epsilon)

    @property
    @abstractmethod
    def parameters(self) -> dict[str, Any]:
        """The settings besides epsilon, for the record."""

    @abstractmethod
    def perturb(self, model: nn.Module, inputs: Tensor, targets: Tensor) -> Tensor:
        """The search itself; may draw from the global random state, which is the attack's own here."""

    def __call__(self, model: nn.Module, inputs: Tensor, targets: Tensor, *, seed: int) -> Tensor:
        """Attack a batch.

        Args:
            model: images → logits.
            inputs: (B, ch, h, w) in [0, 1].
            targets: right classes, (B,).
            seed: of random starts; the same seed gives the same result.

        Returns:
            Adversarial inputs, detached, in [0, 1], ‖result − inputs‖ ≤ epsilon; a copy of the inputs if it is 0.

        Raises:
            NumericalError: the network's outputs or their gradients are not finite, or the search's result is not;
                the sign of not-a-number is 0, so that such a network would look robust.
        """
        inputs = inputs.detach()
        if self.epsilon == 0:
            return inputs.clone()
        with evaluation_mode(model), private_randomness(seed, inputs.device):
            self._require_finite("the network's gradients", input_gradient(model, inputs, targets))
            found = self.perturb(model, inputs, targets).detach()
        self._require_finite("the inputs that it found", found)
        return self.confine(found, inputs)

    def _require_finite(self, what: str, values: Tensor) -> None:
        bad = int((~values.isfinite()).flatten(1).any(1).sum())
        if bad:
            raise NumericalError(
                f"{what} are not finite under {type(self).__name__}",
                f"{bad} of {len(values)} examples of a batch",
                "look at the training curves, or evaluate another checkpoint",
            )

    def confine(self, found: Tensor, inputs: Tensor) -> Tensor:
        """The nearest point in ball and range; what is there already stays bit for bit."""
        return found.maximum(inputs - self.epsilon).minimum(inputs + self.epsilon).clamp(0, 1)


def input_gradient(model: nn.Module, inputs: Tensor, targets: Tensor) -> Tensor:
    """∂CE/∂x of each example, (B, …)."""
    with torch.enable_grad():
        x = inputs.detach().requires_grad_()
        loss = F.cross_entropy(model(x), targets, reduction="sum")
        (gradient,) = torch.autograd.grad(loss, x)
    return gradient


@contextmanager
def evaluation_mode(model: nn.Module) -> Iterator[None]:
    """Every submodule in eval mode, and afterwards in the mode it had, whatever happens inside."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


@contextmanager
def private_randomness(seed: int, device: torch.device) -> Iterator[None]:
    """Torch's global generators seeded inside and as they were afterwards."""
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices):
        torch.manual_seed(seed % 2**63)
        yield

"""Random noise: the baseline that every attack must beat, and that should find next to nothing."""

from abc import abstractmethod

import torch
from torch import Tensor

from jhrun.attacks.arguments import require_whole
from jhrun.attacks.attack import Attack
from jhrun.attacks.watched import Watched


class _Noise(Attack):
    """Noise drawn several times; the worst draw counts, the last is the last."""

    kind = "noise"
    iterates = True

    def __init__(self, epsilon: float, draws: int = 10) -> None:
        """Set radius and budget.

        Args:
            epsilon: radius of the ball.
            draws: how often noise is drawn, at least 1.

        Raises:
            ValueError: an argument outside its range.
        """
        require_whole(draws=draws)
        self.draws = draws
        super().__init__(epsilon, draws=draws)

    @abstractmethod
    def draw(self, inputs: Tensor) -> Tensor:
        """Noise in the ball, of the inputs' shape."""

    def search_passes(self, classes: int) -> int:  # noqa: ARG002 - the same for all
        """One for each draw."""
        return self.draws

    def perturb(self, model: Watched, inputs: Tensor, targets: Tensor) -> Tensor:  # noqa: ARG002 - blind
        """Draw after draw."""
        for _ in range(self.draws):
            last = self.confine(inputs + self.draw(inputs), inputs)
            with torch.no_grad():
                model(last)
        return last


class UniformNoise(_Noise):
    """x + u with every pixel's u uniform in [−ε, ε]."""

    def draw(self, inputs: Tensor) -> Tensor:
        """A point of the ℓ∞ ball."""
        return torch.empty_like(inputs).uniform_(-self.epsilon, self.epsilon)


class GaussianNoise(_Noise):
    """x + ε·g/‖g‖₂ with g normal: uniform on the ℓ2 ball's surface, where noise does most."""

    norm = "2"

    def draw(self, inputs: Tensor) -> Tensor:
        """A point of the ℓ2 sphere."""
        noise = torch.randn_like(inputs)
        length: Tensor = torch.linalg.vector_norm(noise.flatten(1), dim=1).view(-1, *[1] * (inputs.ndim - 1))
        return self.epsilon / length * noise

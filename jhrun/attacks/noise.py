"""Random noise: the baseline that every attack must beat, and that should find next to nothing."""

from abc import abstractmethod
from typing import ClassVar

import torch
from torch import Tensor

from jhrun.attacks.arguments import require_whole
from jhrun.attacks.attack import Attack
from jhrun.attacks.measured import in_l2, in_linf
from jhrun.attacks.watched import Watched
from jhrun.records.evidence import Evidence


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

    title: ClassVar[str] = "uniform noise"

    evidence: ClassVar[Evidence] = Evidence(
        source="a baseline of our own",
        mark="derived",
        closed_form="tests/attacks/test_linear.py::test_noise_moves_a_margin_by_its_deviation_alone",
        state="effect shown",
        reproduction=in_linf(
            effect="next to nothing is found",
            ours="digits under a Jacobian penalty: 97.5 % are left of 98.3 %",
        ),
    )

    def draw(self, inputs: Tensor) -> Tensor:
        """A point of the ℓ∞ ball."""
        return torch.empty_like(inputs).uniform_(-self.epsilon, self.epsilon)


class GaussianNoise(_Noise):
    """x + ε·g/‖g‖₂ with g normal: uniform on the ℓ2 ball's surface, where noise does most."""

    title: ClassVar[str] = "Gaussian noise"

    evidence: ClassVar[Evidence] = Evidence(
        source="a baseline of our own",
        mark="derived",
        closed_form="tests/attacks/test_linear.py::test_noise_moves_a_margin_by_its_deviation_alone",
        state="effect shown",
        reproduction=in_l2(
            effect="next to nothing is found",
            ours="digits under a Jacobian penalty, radius 0.5: 97.5 % are left of 98.3 %",
        ),
    )

    norm = "2"

    def draw(self, inputs: Tensor) -> Tensor:
        """A point of the ℓ2 sphere."""
        noise = torch.randn_like(inputs)
        length: Tensor = torch.linalg.vector_norm(noise.flatten(1), dim=1).view(-1, *[1] * (inputs.ndim - 1))
        return self.epsilon / length * noise

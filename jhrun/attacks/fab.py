"""Fast adaptive boundary attack: the nearest point of another class."""

import torch
import torchattacks
from torch import Tensor, nn

from jhrun.attacks.arguments import require_whole
from jhrun.attacks.attack import Attack, drawn_seed
from jhrun.attacks.watched import Watched


class FAB(Attack):
    """Projections onto the linearised boundary, pulled towards the input (F. Croce and M. Hein, arXiv 1907.02044).

    It looks for the nearest misclassified point in ℓ∞ and succeeds where that lies in the ball. The search itself
    runs in float32, which is all that torchattacks' can; a network of another precision is asked in its own.
    """

    def __init__(self, epsilon: float, steps: int = 100, restarts: int = 1, targets: int | None = None) -> None:
        """Set radius and budget.

        Args:
            epsilon: radius of the ball, in pixel units.
            steps: of each restart, at least 1; the paper's 100, not the library's 10.
            restarts: at most, at least 1; the first begins at the input, and an example that is broken takes no
                further part.
            targets: how many of the most likely wrong classes to aim at one by one; all boundaries at once if not
                given, which finds nearer points and takes C backward passes a step.

        Raises:
            ValueError: an argument outside its range.
        """
        require_whole(steps=steps, restarts=restarts)
        if targets is not None:
            require_whole(targets=targets)
        self.steps, self.restarts, self.targets = steps, restarts, targets
        super().__init__(epsilon, steps=steps, restarts=restarts, targets=targets)

    def search_passes(self, classes: int) -> int:
        """Each step takes a pass, a gradient for the target or for each class, and a look at where it led."""
        # each restart looks at the input, for its target once more, and at what it found
        if self.targets is None:
            return 1 + self.restarts * (2 + self.steps * (2 + 2 * classes))
        return 1 + min(self.targets, classes - 1) * self.restarts * (3 + self.steps * 4)

    def perturb(self, model: Watched, inputs: Tensor, targets: Tensor) -> Tensor:
        """The search, by torchattacks."""
        attack = torchattacks.FAB(
            _Single(model, inputs.dtype),
            eps=self.epsilon,
            steps=self.steps,
            n_restarts=self.restarts,
            seed=drawn_seed(),
            multi_targeted=self.targets is not None,
            n_classes=min(self.targets or 1, model.classes - 1) + 1,
        )
        return self.inside(attack(inputs.float(), targets).to(inputs.dtype), inputs)


class _Single(nn.Module):
    """A network of any precision, to a caller of single precision."""

    def __init__(self, model: nn.Module, dtype: torch.dtype) -> None:
        super().__init__()
        self.model, self.dtype = model, dtype

    def forward(self, inputs: Tensor) -> Tensor:
        """The network's logits, float32."""
        logits: Tensor = self.model(inputs.to(self.dtype))
        # the library writes into the gradient it hands in, which a network of views alone would hand out again
        return logits.float() * 1

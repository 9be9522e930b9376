"""AutoAttack: four attacks, each on what the ones before it left."""

from typing import ClassVar

import torch
from torch import Tensor

from jhrun.attacks.apgd import APGD, APGDTargeted
from jhrun.attacks.arguments import require_whole
from jhrun.attacks.attack import Attack
from jhrun.attacks.fab import FAB
from jhrun.attacks.measured import in_linf
from jhrun.attacks.square import Square
from jhrun.attacks.watched import Watched
from jhrun.records.evidence import Evidence


class AutoAttack(Attack):
    """APGD-CE, targeted APGD-DLR, targeted FAB and Square (F. Croce and M. Hein, arXiv 2003.01690).

    This is their standard version, with its budgets: 100 steps each, 9 targets, 5000 queries. It is put together
    here, for torchattacks' own takes 10 steps and seeds itself from the clock. It returns a misclassified point
    where it met one, and the input itself where it did not. APGDTargeted says what is done with few classes.
    """

    bibtex: ClassVar[str] = APGD.bibtex

    evidence: ClassVar[Evidence] = Evidence(
        source="Croce and Hein 2020, arXiv 2003.01690",
        mark="read in code",
        closed_form=(
            "tests/attacks/test_linear.py::test_more_classes_within_one_percent_of_the_true_robust_accuracy"
        ),
        state="effect shown",
        reproduction=in_linf(
            effect="no attack leaves less",
            ours="digits under a Jacobian penalty: 86.4 % are left, the worst case of ten attacks",
        ),
    )

    kind = "mixed"
    search = "adaptive"

    def __init__(self, epsilon: float, steps: int = 100, targets: int = 9, queries: int = 5000) -> None:
        """Set radius and budget.

        Args:
            epsilon: radius of the ball, in pixel units.
            steps: of APGD and of FAB, at least 1; those that aim at a class take as many for each.
            targets: the most wrong classes to aim at; there are never more than C − 1.
            queries: of Square, at least 1.

        Raises:
            ValueError: an argument outside its range.
        """
        require_whole(steps=steps, targets=targets, queries=queries)
        self.attacks: tuple[Attack, ...] = (
            APGD(epsilon, steps),
            APGDTargeted(epsilon, steps, targets=targets),
            FAB(epsilon, steps, targets=targets),
            Square(epsilon, queries),
        )
        super().__init__(epsilon, steps=steps, targets=targets, queries=queries)

    def search_passes(self, classes: int) -> int:
        """Those of the four, and a look at what each found."""
        return sum(attack.search_passes(classes) + 1 for attack in self.attacks)

    def perturb(self, model: Watched, inputs: Tensor, targets: Tensor) -> Tensor:
        """The four, one after the other."""
        found = inputs.clone()
        left = torch.arange(len(inputs), device=inputs.device)
        for attack in self.attacks:
            points = attack.perturb(model, inputs[left], targets[left]).detach()
            points = self.confine(points, inputs[left])
            with torch.no_grad():
                broken = model(points).argmax(1) != targets[left]
            found[left[broken]] = points[broken]
            left = left[~broken]
            if not len(left):
                break
        return found

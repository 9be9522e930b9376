"""The subject, and what several checks ask of it."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from jhrun import seeds
from jhrun.attacks import Attack
from jhrun.data import Part
from jhrun.errors import out_of_memory
from jhrun.evaluation.curvature import double
from jhrun.evaluation.evaluate import BATCH, SPARED, predict
from jhrun.evaluation.subject import Subject

WHITE = "gradient"
"""The kind of searches by the network's gradients."""
FREE = ("score", "decision")
"""The kinds of searches by its outputs alone, better than blind noise."""
MIXED = "mixed"
"""The kind of suites, which make searches of both."""


@dataclass(frozen=True)
class Case:
    """A subject under judgement; its networks are in eval mode.

    Attributes:
        subject: what is judged.
        probes: whether there may be searches.
    """

    subject: Subject
    probes: bool = True

    @property
    def model(self) -> nn.Module:
        """Images → logits."""
        return self.subject.model

    @property
    def part(self) -> Part:
        """The examples that were attacked."""
        return self.subject.part

    @property
    def epsilon(self) -> float:
        """The claim's radius."""
        return self.subject.epsilon

    @property
    def right(self) -> Tensor:
        """Whether each example is right clean, (N,)."""
        return self.subject.evaluation.clean == self.subject.evaluation.targets

    @property
    def left(self) -> Tensor:
        """Whether it is, under every attack of the claim too, (N,)."""
        return self.subject.evaluation.robust(*self.names()) if self.names() else self.right

    def names(self, *kinds: str) -> list[str]:
        """The ℓ∞ attacks at the claimed radius, of these kinds or of all."""
        return [
            name
            for name, attack in self.subject.attacks.items()
            if name in self.subject.evaluation.records
            and attack.norm == "inf"
            and math.isclose(attack.epsilon, self.epsilon, rel_tol=1e-6)
            and (not kinds or attack.kind in kinds)
        ]

    def without_claim(self) -> str | None:
        """Why there is no claim of ℓ∞ robustness to be checked; None if there is one."""
        if not self.subject.attacks:
            return "No attack was made, so that nothing is claimed about robustness."
        if self.epsilon == 0:
            return "ε = 0: no attack can change anything."
        if not self.names():
            return f"No ℓ∞ attack was made at ε = {self.epsilon:.4g}."
        return None

    def seen(self, name: str) -> Tensor:
        """Whether an attack saw each example, (N,)."""
        return self.subject.evaluation.attacked[name] != SPARED

    def broken(self, *names: str) -> Tensor:
        """Whether each example is right clean and was broken by one of some attacks, (N,)."""
        found, some = self.subject.evaluation, torch.zeros_like(self.right)
        for name in names:
            wrong = (found.attacked[name] != found.targets) | (found.last[name] != found.targets)
            some |= self.right & self.seen(name) & wrong
        return some

    def draw(self, stream: str, among: Tensor, most: int) -> Tensor:
        """Some of the examples that a mask admits, (≤ most,): all of them, or a random draw; rising."""
        positions = among.nonzero()[:, 0]
        if len(positions) <= most:
            return positions
        order = torch.randperm(
            len(positions), generator=seeds.generator("cpu", self.subject.seed, "verdict", stream)
        )
        return positions[order[:most]].sort().values

    def take(self, positions: Tensor) -> tuple[Tensor, Tensor]:
        """Inputs in [0, 1] and labels, on the device; at least one position."""
        batch = next(self.part.hard()[positions.to(self.part.targets.device)].batches(len(positions)))
        return batch.inputs, batch.targets

    def precise(self) -> nn.Module | None:
        """The network in float64; None where it cannot be copied or computes in another precision."""
        inputs, _ = self.take(torch.arange(min(2, len(self.part))))
        try:
            copy = double(self.model)
            with torch.no_grad():
                computed: torch.dtype = copy(inputs.double()).dtype
        except (RuntimeError, TypeError, ValueError, NotImplementedError) as error:
            if out_of_memory(error):
                raise
            return None
        return copy if computed == torch.float64 else None

    def attack(
        self,
        attack: Attack,
        positions: Tensor,
        stream: str,
        *,
        through: nn.Module | None = None,
        dtype: torch.dtype | None = None,
    ) -> Tensor:
        """Attack some examples.

        Args:
            attack: the search.
            positions: of the examples, (k,).
            stream: a name for its random numbers.
            through: the network whose outputs are searched; the subject's own if not given.
            dtype: of the inputs, which is that of ``through``; the stored one if not given.

        Returns:
            Whether the subject's network is wrong at the search's last or worst point, (k,), on the CPU.
        """
        broken = []
        # of no positions, torch.split makes one empty batch
        for number, some in enumerate(torch.split(positions, BATCH) if len(positions) else ()):
            inputs, targets = self.take(some)
            seed = seeds.derive(self.subject.seed, "verdict", stream, number)
            found = attack(through or self.model, inputs.to(dtype or inputs.dtype), targets, seed=seed)
            wrong = [predict(self.model, point.to(inputs.dtype)) != targets for point in (found.last, found.worst)]
            broken.append((wrong[0] | wrong[1]).cpu())
        return torch.cat(broken) if broken else torch.zeros(0, dtype=torch.bool)

    def longest_ascent(self) -> Attack | None:
        """Of the claim's searches by steps of a set length, the one with the most steps over all restarts."""
        attacks = [self.subject.attacks[name] for name in self.names(WHITE)]
        return max(
            (a for a in attacks if a.search == "ascent" and setting(a, "steps") and setting(a, "relative_step")),
            key=lambda attack: setting(attack, "steps") * setting(attack, "restarts", 1),
            default=None,
        )


def setting(attack: Attack, name: str, otherwise: float = 0) -> float:
    """A number that an attack declares among its parameters.

    Args:
        attack: whose.
        name: ``steps``, ``restarts``, ``queries`` or ``relative_step``.
        otherwise: the answer where it declares no number of this name.

    Returns:
        The number.
    """
    value = attack.parameters.get(name)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else otherwise

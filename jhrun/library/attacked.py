"""One attack on some examples, with the adversarial inputs it found."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from jhrun import seeds
from jhrun.attacks import Attack
from jhrun.attacks.attack import evaluation_mode
from jhrun.data import Part
from jhrun.evaluation.evaluate import BATCH, predict
from jhrun.library.notebook import Shown
from jhrun.records import Proportion
from jhrun.records.words import ball
from jhrun.reporting.tables import percent


@dataclass(frozen=True, repr=False)
class Attacked(Shown):
    """What an attack did.

    Attributes:
        name: of the attack.
        epsilon: its radius, in pixel units.
        norm: of its ball, ``inf`` or ``2``.
        inputs: the worst inputs that it found, (N, …), on the CPU.
        right: whether the network is right on the clean, the worst and the last input, (N,), bool.
    """

    name: str
    epsilon: float
    norm: str
    inputs: Tensor
    right: Tensor

    @property
    def accuracy(self) -> Proportion:
        """The share that is right, with Wilson's 95 % interval."""
        return Proportion.of(int(self.right.sum()), len(self.right))

    def __str__(self) -> str:
        """The share in a line."""
        share, (low, high) = self.accuracy, self.accuracy.ci95
        where = ball(self.epsilon, self.norm)
        text = f"{self.name}, ε = {where}: {percent(share.accuracy)} of {share.n:,} examples are right"
        return f"{text} (95 %: {100 * low:.1f} – {100 * high:.1f})"


def attacked(name: str, attack: Attack, model: nn.Module, part: Part, seed: int) -> Attacked:
    """Attack a part of a data set, as ``jhrun eval`` does: the same seed gives the same inputs.

    Args:
        name: what to call the attack.
        attack: with its radius.
        model: images → logits; it is in evaluation mode meanwhile, and in its own afterwards.
        part: by its labels.
        seed: of random starts.

    Returns:
        The worst inputs, and whether the network is right there.
    """
    worst, right = [], []
    with evaluation_mode(model):
        for number, batch in enumerate(part.hard().batches(BATCH)):
            found = attack(model, batch.inputs, batch.targets, seed=seeds.derive(seed, name, number))
            tried = [predict(model, inputs) == batch.targets for inputs in (batch.inputs, found.worst, found.last)]
            right.append(torch.stack(tried).all(0).cpu())
            worst.append(found.worst.cpu())
    return Attacked(name, attack.epsilon, attack.norm, torch.cat(worst), torch.cat(right))

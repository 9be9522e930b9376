"""Clean and attacked predictions for every example of a part."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from jhrun import seeds
from jhrun.attacks import Attack
from jhrun.attacks.attack import evaluation_mode
from jhrun.data import Part
from jhrun.errors import NumericalError
from jhrun.records import AttackRecord, Proportion

BATCH = 250
SHOWN = 8
"""How many examples are kept with their adversarial twins, for the report's pictures."""


@dataclass(frozen=True)
class Evaluation:
    """What became of each example, on the CPU.

    Attributes:
        targets: right classes, (N,).
        clean: predicted classes, (N,).
        attacked: predicted classes under each attack, (N,).
        distance: ‖x_adv − x‖_∞ under each attack, (N,), in pixel units.
        shown: positions of the examples whose images are kept, (k,).
        images: those images, (k, ch, h, w).
        adversarial: their twins under each attack.
        records: the figures of each attack.
    """

    targets: Tensor
    clean: Tensor
    attacked: dict[str, Tensor]
    distance: dict[str, Tensor]
    shown: Tensor
    images: Tensor
    adversarial: dict[str, Tensor]
    records: dict[str, AttackRecord]

    @property
    def clean_accuracy(self) -> Proportion:
        """Share of examples that are right as they are."""
        return Proportion.of(int((self.clean == self.targets).sum()), len(self.targets))

    @property
    def worst_case(self) -> Proportion:
        """Share of examples that are right clean and under every attack."""
        return Proportion.of(int(self.robust().sum()), len(self.targets))

    def robust(self, *names: str) -> Tensor:
        """Whether each example is right clean and under the named attacks (all of them without a name), (N,)."""
        right = self.clean == self.targets
        for name in names or self.attacked:
            right = right & (self.attacked[name] == self.targets)
        return right


def evaluate(
    model: nn.Module,
    part: Part,
    attacks: Mapping[str, Attack],
    *,
    seed: int,
    progress: Callable[[str, int, int], None] = lambda *_: None,
) -> Evaluation:
    """Classify a part clean and under each attack.

    Args:
        model: images → logits; every submodule is in eval mode meanwhile, and in its own afterwards.
        part: the whole of it is used; at least one example.
        attacks: by name.
        seed: of the attacks' random starts; each (attack, batch) has its own stream of it.
        progress: told the stage's name, the examples done and their number.

    Returns:
        Everything per example.
    """
    with evaluation_mode(model):
        clean = [predict(model, batch.inputs) for batch in part.batches(BATCH)]
        shown = torch.linspace(0, len(part) - 1, min(SHOWN, len(part))).round().long()
        evaluation = Evaluation(
            part.targets.cpu(),
            torch.cat(clean).cpu(),
            attacked={},
            distance={},
            shown=shown,
            images=next(part[shown.to(part.targets.device)].batches(SHOWN)).inputs.cpu(),
            adversarial={},
            records={},
        )
        for name, attack in attacks.items():
            begun = time.perf_counter()
            _attack(model, part, name, attack, seed, progress, evaluation)
            robust = Proportion.of(int(evaluation.robust(name).sum()), len(part))
            seconds = time.perf_counter() - begun
            evaluation.records[name] = AttackRecord(
                robust, attack.epsilon, attack.norm, seconds, attack.parameters
            )
    return evaluation


@torch.no_grad()
def predict(model: nn.Module, inputs: Tensor) -> Tensor:
    """Predicted classes.

    Args:
        model: images → logits.
        inputs: (B, ch, h, w).

    Returns:
        (B,), int64.

    Raises:
        NumericalError: a logit is not finite; it would count as some class otherwise.
    """
    logits = model(inputs)
    bad = int((~logits.isfinite()).any(1).sum())
    if bad:
        raise NumericalError(
            "the network's logits are not finite",
            f"{bad} of {len(logits)} examples of a batch",
            "no accuracy is given; look at the training curves, or evaluate another checkpoint",
        )
    return logits.argmax(1)  # type: ignore[no-any-return]


def _attack(
    model: nn.Module,
    part: Part,
    name: str,
    attack: Attack,
    seed: int,
    progress: Callable[[str, int, int], None],
    evaluation: Evaluation,
) -> None:
    predictions, distances, twins = [], [], []
    for number, batch in enumerate(part.batches(BATCH)):
        found = attack(model, batch.inputs, batch.targets, seed=seeds.derive(seed, name, number))
        predictions.append(predict(model, found).cpu())
        distances.append((found - batch.inputs).abs().flatten(1).amax(1).cpu())
        first = number * BATCH
        here = [int(i) - first for i in evaluation.shown if first <= int(i) < first + len(batch)]
        twins.append(found[here].cpu())
        progress(name, first + len(batch), len(part))
    evaluation.attacked[name] = torch.cat(predictions)
    evaluation.distance[name] = torch.cat(distances)
    evaluation.adversarial[name] = torch.cat(twins)

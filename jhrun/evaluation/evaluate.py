"""Clean and attacked predictions for every example of a part."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from jhrun import seeds
from jhrun.attacks import Attack
from jhrun.attacks.attack import evaluation_mode
from jhrun.data import Part
from jhrun.errors import NumericalError
from jhrun.evaluation.passes import passes_counted
from jhrun.records import AttackRecord, ClassRecord, Proportion
from jhrun.records.evidence import cited

BATCH = 250
SHOWN = 8
"""How many examples are kept with their adversarial twins, for the report's pictures."""

SPARED = -1
"""In place of a predicted class: the example was not attacked, for an earlier attack had broken it."""


OUTCOMES = ("survived", "broken", "wrong")
"""Right clean and under every attack; right clean, but not under every attack; wrong clean."""


@dataclass(frozen=True)
class Evaluation:
    """What became of each example, on the CPU.

    Attributes:
        targets: right classes, (N,).
        clean: predicted classes, (N,).
        attacked: predicted classes at each attack's worst input, (N,); ``SPARED`` where there is none.
        last: predicted classes at its last iterate, likewise.
        distance: ‖x_adv − x‖ of the worst input in the attack's norm, (N,), in pixel units; NaN likewise.
        shown: positions of the examples whose images are kept, (k,).
        images: those images, (k, ch, h, w).
        adversarial: their twins under each attack, the worst ones; the images themselves where there is none.
        records: the figures of each attack.
    """

    targets: Tensor
    clean: Tensor
    attacked: dict[str, Tensor]
    last: dict[str, Tensor]
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
        """Share of examples that are right clean and under every attack of ``worst_case_norm``."""
        return Proportion.of(int(self.robust().sum()), len(self.targets))

    @property
    def worst_case_norm(self) -> str | None:
        """``inf`` where there is such an attack: balls of two norms make no worst case together."""
        norms = [record.norm for record in self.records.values()]
        return "inf" if "inf" in norms else next(iter(norms), None)

    def robust(self, *names: str) -> Tensor:
        """Whether each example is right clean and under some attacks, (N,).

        Args:
            *names: of the attacks; without one, all of ``worst_case_norm``.

        Returns:
            True where both the last and the worst input are classified right; False where an attack was spared.
        """
        right = self.clean == self.targets
        for name in names or self.of_norm(self.worst_case_norm):
            right = right & (self.attacked[name] == self.targets) & (self.last[name] == self.targets)
        return right

    def of_norm(self, norm: str | None) -> list[str]:
        """The names of the attacks in a norm."""
        return [name for name, record in self.records.items() if record.norm == norm]

    @property
    def outcomes(self) -> Tensor:
        """What became of each example in the worst case, places in ``OUTCOMES``, (N,)."""
        right = (self.clean == self.targets).long()
        return torch.where(self.robust(), 0, 2 - right)

    def per_class(self, classes: Sequence[str]) -> dict[str, ClassRecord]:
        """Of each class that occurs, the share that is right clean and in the worst case."""
        shares = {}
        for number, name in enumerate(classes):
            members = self.targets == number
            if n := int(members.sum()):
                rights = (self.clean == self.targets, self.robust())
                shares[name] = ClassRecord(*(Proportion.of(int(right[members].sum()), n) for right in rights))
        return shares


class Kept(Protocol):
    """What attacks did in an earlier, interrupted evaluation, and what they do in this one."""

    def restore(self, evaluation: Evaluation, name: str) -> bool:
        """Put what an attack did into the evaluation, if it is known, and say whether it is."""

    def keep(self, evaluation: Evaluation, name: str) -> None:
        """Note what it did."""


def evaluate(
    model: nn.Module,
    part: Part,
    attacks: Mapping[str, Attack],
    *,
    seed: int,
    cascade: bool = False,
    kept: Kept | None = None,
    progress: Callable[[str, float, int], None] = lambda *_: None,
) -> Evaluation:
    """Classify a part clean and under each attack.

    Args:
        model: images → logits; every submodule is in eval mode meanwhile, and in its own afterwards.
        part: the whole of it is used, by its labels; at least one example.
        attacks: by name.
        seed: of the attacks' random starts; each (attack, batch) has its own stream of it.
        cascade: spare an attack the examples that are wrong already, clean or under an earlier attack of its norm:
            the worst case is the same in less time, but the later attacks' own accuracies stay unknown.
        kept: of attacks that were done before; those are not run again, and it is told of each one that is done.
        progress: told the attack's name, the examples done and their number, after each pass of the network; of a
            batch, the share of its passes is done.

    Returns:
        Everything per example.
    """
    part = part.hard()
    with evaluation_mode(model):
        clean = [predict(model, batch.inputs) for batch in part.batches(BATCH)]
        shown = torch.linspace(0, len(part) - 1, min(SHOWN, len(part))).round().long()
        evaluation = Evaluation(
            part.targets.cpu(),
            torch.cat(clean).cpu(),
            attacked={},
            last={},
            distance={},
            shown=shown,
            images=next(part[shown.to(part.targets.device)].batches(SHOWN)).inputs.cpu(),
            adversarial={},
            records={},
        )
        for name, attack in attacks.items():
            if kept is not None and kept.restore(evaluation, name):
                progress(name, len(part), len(part))
                continue
            left = torch.ones_like(evaluation.clean, dtype=torch.bool)
            earlier = evaluation.of_norm(attack.norm)
            if cascade and earlier:
                left = evaluation.robust(*earlier)
            begun = time.perf_counter()
            _attack(model, part, name, attack, left, seed, progress, evaluation)
            _record(name, attack, left, time.perf_counter() - begun, evaluation)
            if kept is not None:
                kept.keep(evaluation, name)
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
    left: Tensor,
    seed: int,
    progress: Callable[[str, float, int], None],
    evaluation: Evaluation,
) -> None:
    """Attack those that are left of a part, and note what became of them."""
    rows = left.nonzero()[:, 0]
    worst, last = (torch.full_like(evaluation.targets, SPARED) for _ in range(2))
    distance = torch.full(left.shape, torch.nan)
    twins = evaluation.images.clone()
    done = 0
    for number, batch in enumerate(part[rows.to(part.targets.device)].batches(BATCH)):
        here = rows[done : done + len(batch)]
        with passes_counted(model, attack, name, (done, len(batch), len(rows)), progress):
            found = attack(model, batch.inputs, batch.targets, seed=seeds.derive(seed, name, number))
        worst[here], last[here] = predict(model, found.worst).cpu(), predict(model, found.last).cpu()
        distance[here] = attack.distance(found.worst, batch.inputs).float().cpu()
        for place, position in enumerate(evaluation.shown.tolist()):
            if position in here:
                twins[place] = found.worst[int((here == position).nonzero())].cpu()
        done += len(batch)
        progress(name, done, len(rows))
    evaluation.attacked[name], evaluation.last[name] = worst, last
    evaluation.distance[name], evaluation.adversarial[name] = distance, twins


def _record(name: str, attack: Attack, left: Tensor, seconds: float, evaluation: Evaluation) -> None:
    """The figures of an attack whose predictions are noted."""
    share = at_last = attacked = None
    if left.all():
        right = (evaluation.clean == evaluation.targets) & (evaluation.last[name] == evaluation.targets)
        at_last = Proportion.of(int(right.sum()), len(left))
        share = Proportion.of(int(evaluation.robust(name).sum()), len(left))
    else:
        attacked = int(left.sum())
    evaluation.records[name] = AttackRecord(
        share,
        attack.epsilon,
        attack.norm,
        seconds,
        attack.parameters,
        at_last,
        attacked,
        kind=f"{type(attack).__module__}.{type(attack).__qualname__}",
        cited=cited(attack),
    )

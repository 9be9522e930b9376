"""How long attacks will take, before they begin."""

import time
from collections.abc import Iterable

import torch
from torch import nn

from jhrun.attacks import Attack
from jhrun.attacks.attack import evaluation_mode
from jhrun.data import Part
from jhrun.evaluation.evaluate import BATCH


def expected_seconds(model: nn.Module, part: Part, attacks: Iterable[Attack]) -> float:
    """A bound on the time of some attacks, for none of which any example falls early.

    Args:
        model: images → logits.
        part: what is attacked.
        attacks: those to come.

    Returns:
        Examples × Σ passes of the attacks × time of a forward pass, the faster one of two on a batch.
    """
    return seconds_of(model, part, [(attack, len(part)) for attack in attacks])


@torch.no_grad()
def seconds_of(model: nn.Module, part: Part, work: Iterable[tuple[Attack, int]]) -> float:
    """The same for attacks that see different numbers of examples.

    Args:
        model: images → logits.
        part: of which a batch is timed.
        work: attacks, each with the number of its examples.

    Returns:
        Σ examples × passes of the attack × time of a forward pass, the faster one of two on a batch.
    """
    batch = next(part.batches(BATCH))
    times = []
    with evaluation_mode(model):
        for _ in range(2):
            begun = time.perf_counter()
            # reading the result waits for the device
            classes = model(batch.inputs).cpu().shape[1]
            times.append(time.perf_counter() - begun)
    passes = sum(n * attack.passes(classes) for attack, n in work if attack.epsilon > 0)
    return min(times) / len(batch) * passes

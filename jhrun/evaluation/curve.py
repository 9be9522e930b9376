"""Robust accuracy against ε."""

from collections.abc import Callable, Iterable

import torch
from torch import nn

from jhrun import seeds
from jhrun.attacks import PGD
from jhrun.data import Part
from jhrun.evaluation.evaluate import evaluate
from jhrun.records import CurveRecord, Proportion

EPSILONS = (*(level / 255 for level in (0, 1, 2, 4, 8, 16, 32, 64, 128)), 1.0)
"""In pixel units: where accuracy falls, and 1, where every image can become every other one."""

CURVE_EXAMPLES = 500
"""At most, of the part: each ε is a search of its own."""

STEPS, RELATIVE_STEP = 20, 0.1


def robust_curve(
    model: nn.Module,
    part: Part,
    epsilons: Iterable[float],
    *,
    total: int,
    seed: int,
    progress: Callable[[int, float, int], None] = lambda *_: None,
) -> CurveRecord:
    """Attack the same examples by PGD in one ℓ∞ ball after the other.

    Args:
        model: images → logits; every submodule is in eval mode meanwhile, and in its own afterwards.
        part: at least one example; of more than ``CURVE_EXAMPLES`` a fixed random draw is attacked.
        epsilons: radii in pixel units, in any order; 0 is added if it is not among them.
        total: how many examples there are, of which the part is perhaps a subset.
        seed: of the draw and of the attacks' random starts.
        progress: told the place of the radius, the examples done and their number.

    Returns:
        For each radius, rising, the share of examples that are right clean, at the last and at the worst iterate
        of 20 steps of ε/10.

    Raises:
        ValueError: a radius is negative or not finite.
    """
    if len(part) > CURVE_EXAMPLES:
        drawn = torch.randperm(len(part), generator=seeds.generator("cpu", seed, "curve"))[:CURVE_EXAMPLES]
        part = part[drawn.sort().values.to(part.targets.device)]
    radii = sorted({0.0, *(float(epsilon) for epsilon in epsilons)})
    attacks = {f"ε = {radius}": PGD(radius, STEPS, RELATIVE_STEP) for radius in radii}
    places = {name: place for place, name in enumerate(attacks)}

    def place(name: str, done: float, among: int) -> None:
        progress(places[name], done, among)

    found = evaluate(model, part, attacks, seed=seed, progress=place)
    shares = [Proportion.of(int(found.robust(name).sum()), len(part)) for name in attacks]
    parameters = {"steps": STEPS, "relative_step": RELATIVE_STEP, "restarts": 1}
    points = tuple(zip(radii, shares, strict=True))
    return CurveRecord(f"PGD-{STEPS}", "inf", parameters, total, points)

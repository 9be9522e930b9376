"""Checks that make searches of their own, to see whether they find more than the attacks did."""

import torch
from torch import Tensor, nn

from jhrun.attacks import PGD, Attack, UniformNoise
from jhrun.evaluation.verdict import thresholds as t
from jhrun.evaluation.verdict.case import MIXED, WHITE, Case, setting
from jhrun.evaluation.verdict.measure import (
    Finding,
    at_least,
    check,
    excess,
    grade,
    left_out,
    not_checked,
    percent,
)
from jhrun.evaluation.verdict.network import probabilities
from jhrun.records import FAIL, PASS, SUSPECT

NONE_RIGHT = "No example is right clean, so that there is nothing to attack."


def pgd20(epsilon: float) -> PGD:
    """20 steps of ε/10, the search that the checks compare with."""
    return PGD(epsilon, 20, 0.1)


def searches(epsilon: float, n: int) -> list[tuple[Attack, int]]:
    """What the checks search at most, for an estimate of their time.

    Args:
        epsilon: the claim's radius.
        n: how many examples there are.

    Returns:
        Searches, each with its number of examples. A search in float64 counts as two.
    """
    paired = 2 * len(t.SCALES) + 3
    work: list[tuple[Attack, int]] = [
        (PGD(epsilon, 2 * t.PGD_STEPS, 0.025, t.RESTARTS), t.SURVIVORS),
        (UniformNoise(epsilon, t.NOISE_DRAWS), t.DRAWN),
        (pgd20(epsilon), t.DRAWN),
        *[(pgd20(epsilon), t.PAIRED)] * paired,
    ]
    return [(attack, min(most, n)) for attack, most in work]


@check("converged", f"{t.CARLINI}; {t.PINTOR}; the number is ours", searches=True, claim=True)
def converged(case: Case) -> Finding:
    """By how much twice the steps and ten restarts lower the accuracy under all attacks."""
    known = case.longest_ascent() or PGD(case.epsilon, t.PGD_STEPS, 0.025)
    steps, length = 2 * round(setting(known, "steps")), setting(known, "relative_step")
    longer = PGD(case.epsilon, steps, length, t.RESTARTS)
    positions = case.draw("converged", case.left, t.SURVIVORS)
    fallen = int(case.attack(longer, positions, "converged").sum())
    among = int(case.left.sum())
    share = at_least(fallen, len(positions), among) * among / len(case.left)
    text = (
        f"PGD of {longer.steps} steps and {longer.restarts} restarts breaks {fallen} of {len(positions)} examples "
        f"that survived everything, which is {percent(share)} or more of all examples."
    )
    return Finding(grade(share, t.BEYOND_SUSPECT, t.BEYOND_FAIL), share, t.BEYOND_SUSPECT, text)


@check("random noise finds nothing", f"{t.ATHALYE}; {t.CARLINI}", searches=True, claim=True)
def noise(case: Case) -> Finding:
    """Share of all examples that uniform noise at ε breaks and no attack does."""
    positions = case.draw("noise", case.right, t.DRAWN)
    if not len(positions):
        return not_checked(NONE_RIGHT)
    blind = case.attack(UniformNoise(case.epsilon, t.NOISE_DRAWS), positions, "noise")
    gradient = case.attack(pgd20(case.epsilon), positions, "noise pgd")
    known = ~case.left[positions] | gradient
    beyond, among = int((blind & ~known).sum()), int(case.right.sum())
    share = at_least(beyond, len(positions), among) * among / len(case.right)
    more = excess(int((blind & ~gradient).sum()), int((gradient & ~blind).sum()), len(positions))
    outcome = FAIL if more > 0 else grade(share, t.NOISE_SUSPECT, t.NOISE_FAIL)
    text = (
        f"{t.NOISE_DRAWS} draws of noise at ε break {int(blind.sum())} of {len(positions)} examples, PGD-20 "
        f"{int(gradient.sum())}; {beyond} withstood every attack but the noise."
    )
    return Finding(outcome, share, t.NOISE_SUSPECT, text)


@check(
    "rescaled logits change nothing", f"{t.CARLINI}; {t.AUTOATTACK}; the number is ours", searches=True, claim=True
)
def rescaled(case: Case) -> Finding:
    """By how much PGD finds more on logits of an ordinary size than on the network's own, with as many starts."""
    positions = case.draw("rescaled", case.right, t.PAIRED)
    if not len(positions):
        return not_checked(NONE_RIGHT)
    with torch.no_grad():
        z = case.model(case.take(positions)[0])
    logarithm = probabilities(z.double())
    top = (_logarithm(z) if logarithm else z).double().topk(2).values
    size = float((top[:, 0] - top[:, 1]).median())
    if size == 0:
        return not_checked("Half of the examples have two equal largest logits, so that these have no scale.")
    plain, scaled = (torch.zeros(len(positions), dtype=torch.bool) for _ in range(2))
    for scale in t.SCALES:
        through = Rescaled(case.model, scale / size, logarithm=logarithm)
        plain |= case.attack(pgd20(case.epsilon), positions, f"plain {scale}")
        scaled |= case.attack(pgd20(case.epsilon), positions, f"plain {scale}", through=through)
    text = (
        f"PGD-20 breaks {int(plain.sum())} of {len(positions)} examples by the network's outputs, whose median "
        f"margin is {size:.3g}, and {int(scaled.sum())} where that is 0.1, 1 and 10"
    )
    return _compared(case, positions, plain, scaled, text)


@check("double precision changes nothing", f"{t.CARLINI}; the number is ours", searches=True, claim=True)
def precision(case: Case) -> Finding:
    """By how much PGD finds more in float64 than in float32."""
    model = case.precise()
    if model is None:
        return not_checked("The network cannot be copied to float64.")
    positions = case.draw("precision", case.right, t.PAIRED)
    if not len(positions):
        return not_checked(NONE_RIGHT)
    single = case.attack(pgd20(case.epsilon), positions, "single")
    double = case.attack(pgd20(case.epsilon), positions, "double", through=model, dtype=torch.float64)
    found = f"{int(single.sum())} of {len(positions)} examples in float32, {int(double.sum())} in float64"
    return _compared(case, positions, single, double, f"PGD-20 breaks {found}")


@check("transfer from an undefended twin", f"{t.CARLINI}; {t.ATHALYE}", claim=True, required=False)
def transfer(case: Case) -> Finding:
    """Share of all examples that PGD on the twin breaks and no search by the network's own gradients does."""
    twin = case.subject.twin
    if twin is None:
        return not_checked("No undefended network was named: twin=RUN names a run without a penalty.")
    if not case.probes:
        return left_out("This evaluation made no searches of its own.")
    positions = case.draw("transfer", case.right, t.DRAWN)
    if not len(positions):
        return not_checked(NONE_RIGHT)
    moved = case.attack(pgd20(case.epsilon), positions, "transfer", through=twin)
    names = case.names(WHITE, MIXED)
    if names:
        # what a cascade spared all of them, another attack had broken
        unseen = ~torch.stack([case.seen(name) for name in names]).any(0)
        own = (case.broken(*names) | unseen)[positions]
    else:
        own = case.attack(pgd20(case.epsilon), positions, "transfer own")
    beyond, among = int((moved & ~own).sum()), int(case.right.sum())
    share = at_least(beyond, len(positions), among) * among / len(case.right)
    text = (
        f"Of {len(positions)} examples, what PGD-20 finds on the twin breaks {int(moved.sum())}, searches by "
        f"the network's own gradients {int(own.sum())}; {beyond} fall to the twin's alone."
    )
    return Finding(grade(share, t.BEYOND_SUSPECT, t.BEYOND_FAIL), share, t.BEYOND_SUSPECT, text)


class Rescaled(nn.Module):
    """A network's logits times a factor: the same classes, another cross-entropy."""

    def __init__(self, model: nn.Module, factor: float, *, logarithm: bool) -> None:
        """Wrap.

        Args:
            model: images → logits.
            factor: above 0.
            logarithm: whether its outputs are probabilities, whose logarithms are to be taken.
        """
        super().__init__()
        self.model, self.factor, self.logarithm = model, factor, logarithm

    def forward(self, inputs: Tensor) -> Tensor:
        """(B, C)."""
        z: Tensor = self.model(inputs)
        return self.factor * (_logarithm(z) if self.logarithm else z)


def _compared(case: Case, positions: Tensor, plain: Tensor, other: Tensor, text: str) -> Finding:
    """By how much PGD in another guise finds more than as it is: worse where it is more than all attacks found."""
    share, among = int(case.right.sum()) / len(case.right), int(case.right.sum())
    more = share * excess(int((other & ~plain).sum()), int((plain & ~other).sum()), len(positions))
    beyond = int((other & ~plain & case.left[positions]).sum())
    false = share * at_least(beyond, len(positions), among)
    outcome = grade(false, t.BEYOND_SUSPECT, t.BEYOND_FAIL)
    if outcome == PASS and more > t.BEYOND_SUSPECT:
        outcome = SUSPECT
        text += ": PGD's own figure is too high, though the worst case over all attacks is not"
    elif outcome != PASS:
        text += f": {beyond} had withstood every attack"
    return Finding(outcome, max(more, false), t.BEYOND_SUSPECT, text + ".")


def _logarithm(p: Tensor) -> Tensor:
    return p.clamp_min(torch.finfo(p.dtype).tiny).log()

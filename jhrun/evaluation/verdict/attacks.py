"""Checks of what the attacks were and what they found."""

import torch

from jhrun.attacks import APGD, FGSM, PGD, APGDTargeted, Attack
from jhrun.evaluation.verdict import thresholds as t
from jhrun.evaluation.verdict.case import FREE, MIXED, WHITE, Case, setting
from jhrun.evaluation.verdict.measure import Finding, at_least, check, excess, grade, left_out, not_checked
from jhrun.records import FAIL, PASS


@check("strength of the attacks", f"{t.CARLINI}; {t.AUTOATTACK}", claim=True)
def suite(case: Case) -> Finding:
    """A strong search by gradients and one without them, both at the claimed ε."""
    made = [case.subject.attacks[name] for name in case.names()]
    missing = []
    if not any(_strong(attack) for attack in made):
        missing.append(
            f"a strong search by gradients (APGD or AutoAttack of {t.APGD_STEPS} steps or more, or PGD of "
            f"{t.PGD_STEPS} steps with restarts)"
        )
    if not any(_free(attack) for attack in made):
        missing.append(f"a search without gradients (Square or AutoAttack with {t.QUERIES} queries or more)")
    if missing:
        names = " and ".join(case.names())
        return left_out(f"{names} at ε = {case.epsilon:.4g} (ℓ∞) leave out {' and '.join(missing)}.")
    return Finding(PASS, None, None, f"Strong searches, with gradients and without: {', '.join(case.names())}.")


@check("adversarial inputs in ball and range", f"{t.CARLINI}; the rounding is ours")
def inside(case: Case) -> Finding:
    """Compare max ‖x_adv − x‖ − ε over all attacks and examples, and how far the kept images leave [0, 1]."""
    evaluation = case.subject.evaluation
    if not evaluation.records:
        return left_out("No attack was made.")
    worst, strange = 0.0, 0
    for name, record in evaluation.records.items():
        distance = evaluation.distance[name][case.seen(name)]
        images = evaluation.adversarial[name]
        strange += int((~distance.isfinite()).sum()) + int((~images.isfinite()).flatten(1).any(1).sum())
        over = [distance.nan_to_num() - record.epsilon, -images.flatten(), images.flatten() - 1]
        worst = max(worst, *(float(some.max()) for some in over if len(some)))
    if strange:
        return Finding(FAIL, float(strange), 0.0, f"{strange} adversarial inputs are not finite.")
    text = f"No adversarial input leaves its ball, and no kept image [0, 1], by more than {max(worst, 0):.1e}."
    return Finding(grade(worst, t.OUTSIDE, t.OUTSIDE), worst, t.OUTSIDE, text)


@check("PGD no weaker than FGSM", f"{t.ATHALYE}; the number is ours", claim=True)
def pgd_beats_fgsm(case: Case) -> Finding:
    """By how much FGSM breaks more than any PGD of the run, example by example."""
    whole = [name for name in case.names(WHITE) if case.seen(name).all()]
    fgsm = [name for name in whole if case.subject.attacks[name].search == "step"]
    steps = [name for name in whole if case.subject.attacks[name].search == "ascent"]
    if not case.probes and not (fgsm and steps):
        return left_out("This evaluation did not make both attacks on all examples.")
    # of what is wrong already nothing can be broken
    positions = case.draw("fgsm", case.right, int(case.right.sum()) if fgsm and steps else t.DRAWN)
    if not len(positions):
        return not_checked("No example is right clean.")
    one = case.broken(*fgsm)[positions] if fgsm else case.attack(FGSM(case.epsilon), positions, "fgsm")
    many = {name: case.broken(name)[positions] for name in steps}
    if not many:
        many = {"PGD-20": case.attack(PGD(case.epsilon, 20, 0.1), positions, "pgd")}
    among = int(case.right.sum()) / len(case.right)
    over = {
        name: excess(int((one & ~found).sum()), int((found & ~one).sum()), len(positions)) * among
        for name, found in many.items()
    }
    worst = max(over, key=lambda name: over[name])
    text = (
        f"Of {len(positions)} examples that are right clean, FGSM breaks {int(one.sum())} and {worst} "
        f"{int(many[worst].sum())}."
    )
    return Finding(grade(over[worst], t.BEYOND_SUSPECT, t.BEYOND_FAIL), over[worst], t.BEYOND_SUSPECT, text)


@check("gradient-free attacks find no more", f"{t.ATHALYE}; {t.AUTOATTACK_CODE}", claim=True)
def gradient_free(case: Case) -> Finding:
    """Share of all examples that a gradient-free attack breaks and no search by gradients does."""
    free, mixed, white = case.names(*FREE), case.names(MIXED), case.names(WHITE)
    if not free and not mixed:
        return left_out("No gradient-free attack was made.")
    by_gradients, by_either = case.broken(*white), case.broken(*mixed)
    seen = torch.stack([case.seen(name) for name in white]).any(0) if white else torch.zeros_like(by_gradients)
    alone = case.broken(*free) & ~by_gradients
    beyond = alone & seen & ~by_either
    unknown = (alone | (by_either & ~by_gradients)) & ~beyond
    n, k = len(beyond), int(beyond.sum())
    share = k / n
    text = f"Of {n} examples, {k} were broken by gradient-free attacks alone"
    if unknown.any():
        # a suite makes both kinds of search, and a cascade spares gradients what Square broke before them
        if not case.probes:
            return left_out("It is not recorded whether gradients break the same examples.")
        positions = case.draw("gradient-free", unknown, t.SURVIVORS)
        missed = len(_withstand(case, positions, case.subject.attacks[mixed[0]] if mixed else None))
        among = int(unknown.sum())
        share += at_least(missed, len(positions), among) * among / n
        text += (
            f"; of {among} more of which that is not recorded, {len(positions)} were searched by gradients, "
            f"and {missed} withstood"
        )
    return Finding(grade(share, t.BEYOND_SUSPECT, t.BEYOND_FAIL), share, t.BEYOND_SUSPECT, text + ".")


def _withstand(case: Case, positions: torch.Tensor, attack: Attack | None) -> torch.Tensor:
    """Those of some examples that APGD on both losses, of the steps that a suite took, does not break."""
    steps = round(setting(attack, "steps", 100)) if attack else 100
    for number, search in enumerate((APGD(case.epsilon, steps), APGDTargeted(case.epsilon, steps))):
        positions = positions[~case.attack(search, positions, f"gradient-free {number}")]
    return positions


def _strong(attack: Attack) -> bool:
    """Whether an attack is a strong search by gradients."""
    if attack.kind not in {WHITE, MIXED} or attack.search in {"step", "nearest"}:
        return False
    steps, restarts = setting(attack, "steps"), setting(attack, "restarts", 1)
    if attack.search == "adaptive":
        return steps >= t.APGD_STEPS
    return steps >= t.PGD_STEPS and restarts >= t.PGD_RESTARTS


def _free(attack: Attack) -> bool:
    """Whether it is a search without them, or makes one."""
    return attack.kind in {*FREE, MIXED} and setting(attack, "queries") >= t.QUERIES

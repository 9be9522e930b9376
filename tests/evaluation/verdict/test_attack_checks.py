"""What the attacks were and what they found."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from jhrun.attacks import APGD, FAB, FGSM, PGD, APGDTargeted, AutoAttack, Square
from jhrun.evaluation.analyses.curve import robust_curve
from jhrun.evaluation.evaluate import evaluate
from jhrun.evaluation.verdict import attacks as module
from jhrun.evaluation.verdict import judge, network, recorded
from jhrun.evaluation.verdict.case import Case
from jhrun.records import FAIL, INCOMPLETE, NOT_CHECKED, PASS, SUSPECT, CurvePoint, CurveRecord, Proportion

E = 0.08


@pytest.mark.parametrize(
    ("attacks", "outcome"),
    [
        ([PGD(E, 20)], NOT_CHECKED),
        ([FGSM(E)], NOT_CHECKED),
        ([PGD(E, 100, restarts=10)], NOT_CHECKED),  # nothing without gradients
        ([APGD(E, 100)], NOT_CHECKED),
        ([Square(E, 5000)], NOT_CHECKED),
        ([PGD(E, 100, restarts=1), Square(E)], NOT_CHECKED),
        ([PGD(E, 50, restarts=10), Square(E)], NOT_CHECKED),
        ([FAB(E), Square(E)], NOT_CHECKED),
        ([APGD(E, 10), Square(E)], NOT_CHECKED),
        ([APGD(E, 100), Square(E, 100)], NOT_CHECKED),
        ([APGD(E / 2, 100), Square(E)], NOT_CHECKED),  # at another radius
        ([APGD(E, 100), Square(E)], PASS),
        ([APGDTargeted(E, 100), Square(E)], PASS),
        ([PGD(E, 100, restarts=2), Square(E)], PASS),
        ([AutoAttack(E)], PASS),
        ([AutoAttack(E, steps=10)], NOT_CHECKED),
        ([AutoAttack(E, queries=10)], NOT_CHECKED),
    ],
)
def test_a_claim_takes_a_strong_attack_of_each_kind(honest_subject, attacks, outcome):
    """By what they are, not by what they are called."""
    made = {f"autoattack {i}": attack for i, attack in enumerate(attacks)}
    found = replace(honest_subject.evaluation, records=dict.fromkeys(made))
    check = module.suite(Case(replace(honest_subject, attacks=made, evaluation=found)))
    assert check.outcome == outcome


def altered(subject, field, name, value):
    """What is recorded of an attack, with the first entry changed."""
    tensor = getattr(subject.evaluation, field)[name].clone()
    tensor.view(-1)[0] = value
    return Case(
        replace(
            subject,
            evaluation=replace(
                subject.evaluation,
                **{
                    field: {name: tensor}
                    | {n: t for n, t in getattr(subject.evaluation, field).items() if n != name}
                },
            ),
        )
    )


@pytest.mark.parametrize(
    ("field", "value", "outcome"),
    [
        ("distance", E + 1e-6, PASS),
        ("distance", E + 1e-4, FAIL),
        ("distance", torch.nan, FAIL),
        ("distance", torch.inf, FAIL),
        ("adversarial", -1e-6, PASS),
        ("adversarial", -1e-4, FAIL),
        ("adversarial", 1 + 1e-4, FAIL),
        ("adversarial", torch.nan, FAIL),
    ],
)
def test_an_input_outside_ball_or_range_fails(honest_subject, field, value, outcome):
    assert module.inside(altered(honest_subject, field, "square", value)).outcome == outcome


class OnGrid(nn.Module):
    """Has gradients at the pixels that are stored and nowhere else."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, x):
        stored = (x * 255 - (x * 255).round()).abs() < 1e-4
        return self.model(torch.where(stored, x, x.detach()))


@pytest.mark.parametrize("made", [("fgsm", "pgd"), ("pgd",), ("square",)])
def test_one_step_that_beats_twenty_is_caught(kit, undefended, made):
    all_attacks = {"fgsm": FGSM(E), "pgd": PGD(E, 20, 0.1), "square": Square(E, 10)}
    subject = kit.subject(OnGrid(undefended), {name: all_attacks[name] for name in made}, curve=False)
    check = module.pgd_beats_fgsm(Case(subject))
    assert check.outcome == FAIL
    assert check.value > check.threshold
    cheap = module.pgd_beats_fgsm(Case(subject, probes=False)).outcome
    assert cheap == (FAIL if made == ("fgsm", "pgd") else NOT_CHECKED)


def test_after_a_cascade_pgd_and_fgsm_are_compared_anew(kit, honest):
    attacks, part = {"fgsm": FGSM(E), "pgd": PGD(E, 20, 0.1)}, kit.part()
    made = evaluate(honest, part, attacks, seed=0, cascade=True)
    assert made.records["pgd"].robust is None
    subject = replace(kit.subject(honest, attacks, curve=False), evaluation=made)
    assert module.pgd_beats_fgsm(Case(subject)).outcome == PASS
    assert module.pgd_beats_fgsm(Case(subject, probes=False)).outcome == NOT_CHECKED


def quantised(kit, model):
    return kit.Before(model, lambda x: (x * 4).round() / 4)


@pytest.mark.parametrize("cascade", [False, True])
@pytest.mark.parametrize(
    "names", [("apgd", "square"), ("square", "apgd"), ("square",), ("auto",), ("apgd", "auto"), ("pgd", "square")]
)
def test_what_square_alone_finds_is_found_in_any_suite(kit, undefended, honest, names, cascade):
    some = {
        "apgd": APGD(E, 50),
        "pgd": PGD(E, 20, 0.1),
        # of the quantised network's examples it breaks a fifth alone, four times the share that fails
        "square": Square(E, 300),
        "auto": AutoAttack(E, steps=10, targets=2, queries=300),
    }
    attacks, part = {name: some[name] for name in names}, kit.part()
    for model, outcome in ((quantised(kit, undefended), FAIL), (honest, PASS)):
        made = evaluate(model, part, attacks, seed=0, cascade=cascade)
        subject = replace(kit.subject(honest, {}, curve=False), model=model, attacks=attacks, evaluation=made)
        assert module.gradient_free(Case(subject)).outcome == outcome


def test_without_searches_autoattack_alone_is_not_told_apart(kit, undefended):
    attacks = {"auto": AutoAttack(E, steps=2, targets=2, queries=100)}
    subject = kit.subject(undefended, attacks, curve=False)
    check = module.gradient_free(Case(subject, probes=False))
    # attack=standard tells them apart
    assert (check.outcome, check.remedied) == (NOT_CHECKED, True)


def test_without_a_gradient_free_attack_nothing_is_compared(kit, honest):
    subject = kit.subject(honest, {"pgd": PGD(E)}, curve=False)
    assert module.gradient_free(Case(subject)).outcome == NOT_CHECKED


def curve(*shares, n=400):
    radii = (0.0, 0.1, 0.2, 1.0)
    points = tuple(CurvePoint(r, Proportion.of(round(s * n), n)) for r, s in zip(radii, shares, strict=True))
    return CurveRecord("PGD-20", "inf", {}, n, points)


@pytest.mark.parametrize(
    ("shares", "rise", "end"),
    [
        ((0.9, 0.5, 0.2, 0.0), PASS, PASS),
        ((0.9, 0.5, 0.505, 0.1), PASS, PASS),
        ((0.9, 0.5, 0.52, 0.1), SUSPECT, PASS),
        ((0.9, 0.5, 0.6, 0.16), FAIL, SUSPECT),
        ((0.9, 0.9, 0.9, 0.9), PASS, FAIL),
        ((0.9, 0.5, 0.2, 0.3), FAIL, FAIL),
    ],
)
def test_accuracy_falls_with_epsilon_and_ends_at_chance(honest_subject, shares, rise, end):
    case = Case(replace(honest_subject, records={"curve": curve(*shares)}))
    assert (recorded.falling(case).outcome, recorded.chance(case).outcome) == (rise, end)


def test_a_curve_that_ends_early_says_nothing_of_chance(kit, honest, honest_subject):
    short = robust_curve(honest, kit.part(), [0.1], total=359, seed=0)
    assert recorded.chance(Case(replace(honest_subject, records={"curve": short}))).outcome == NOT_CHECKED


def test_another_clean_count_must_give_the_same_classes(honest_subject):
    n = len(honest_subject.part)
    clean = honest_subject.evaluation.clean
    outcomes = []
    for changed in (1, 2):
        other = clean.clone()
        other[:changed] = (other[:changed] + 1) % 10
        evaluation = replace(honest_subject.evaluation, clean=other)
        outcomes.append(network.clean_accuracy(Case(replace(honest_subject, evaluation=evaluation))).outcome)
    assert outcomes == [PASS, FAIL]
    known = honest_subject.evaluation.clean_accuracy.accuracy
    for claimed, outcome in ((known, PASS), (known + 3 / n, FAIL)):
        assert network.clean_accuracy(Case(replace(honest_subject, claimed=claimed))).outcome == outcome


def test_pgd_20_alone_with_the_searches_of_the_verdict_is_still_incomplete(kit, honest):
    assert judge(kit.subject(honest, {"pgd": PGD(E, 20)})).outcome == INCOMPLETE

"""The honest network passes, and what cannot be checked is said and crashes nothing."""

import json
from dataclasses import replace

import pytest
import torch
from torch import nn

from jhrun.attacks import FGSM, PGD, PGDL2, Square
from jhrun.data import Part
from jhrun.evaluation.analyses.curve import robust_curve
from jhrun.evaluation.evaluate import evaluate
from jhrun.evaluation.verdict import CHECKS, Subject, judge
from jhrun.jsonio import as_plain
from jhrun.records import INCOMPLETE, NOT_CHECKED, PASS

SEARCHES = {
    "random noise finds nothing",
    "rescaled logits change nothing",
    "double precision changes nothing",
    "converged",
}
CLAIM = {
    *SEARCHES,
    "strength of the attacks",
    "PGD no weaker than FGSM",
    "gradient-free attacks find no more",
    "accuracy falls in ε",
    "chance or less at ε = 1",
    "transfer from an undefended twin",
}


def unchecked(verdict):
    return {check.name for check in verdict.checks if check.outcome == NOT_CHECKED}


def test_an_honest_network_passes_every_check(kit, honest_subject):
    told = []
    verdict = judge(replace(honest_subject, progress=told.append))
    assert [(check.name, check.outcome) for check in verdict.checks] == [(m.name, PASS) for m in CHECKS]
    assert verdict.outcome == PASS
    assert 0.5 < honest_subject.evaluation.worst_case.accuracy < 0.9
    assert told == [i / len(CHECKS) for i in range(1, len(CHECKS) + 1)]
    assert json.loads(json.dumps(as_plain(verdict), allow_nan=False))["outcome"] == PASS
    for check in verdict.checks:
        assert check.source
        assert check.text.endswith(".")
        if check.value is not None:
            assert check.value <= check.threshold


def test_the_same_seed_gives_the_same_verdict(honest_subject):
    assert judge(honest_subject) == judge(honest_subject)


def test_without_a_twin_the_verdict_says_how_to_name_one_and_may_pass(kit, honest_subject):
    verdict = judge(replace(honest_subject, twin=None))
    assert not verdict.remediable
    assert verdict.outcome == PASS
    assert unchecked(verdict) == {"transfer from an undefended twin"}
    assert "twin=RUN" in kit.by_name(verdict)["transfer from an undefended twin"].text


def test_a_cheap_verdict_leaves_searches_out_and_says_so(kit, honest_subject):
    verdict = judge(replace(honest_subject, records={}), probes=False)
    left_out = unchecked(verdict)
    assert left_out == CLAIM - {"strength of the attacks", "gradient-free attacks find no more"}
    for name in left_out:
        assert kit.by_name(verdict)[name].remedied
    assert verdict.outcome == INCOMPLETE


def test_pgd_20_alone_is_incomplete_by_itself(kit, honest):
    verdict = judge(kit.subject(honest, {"pgd20": PGD(kit.epsilon, 20, 0.1)}))
    assert kit.caught(verdict) == set()
    assert "strength of the attacks" in unchecked(verdict)
    assert verdict.outcome == INCOMPLETE
    assert verdict.remediable


def test_where_nothing_was_attacked_nothing_passes(kit, honest):
    verdict = judge(kit.subject(honest, {}))
    assert unchecked(verdict) == CLAIM | {"adversarial inputs in ball and range"}
    assert kit.caught(verdict) == set()
    assert verdict.outcome == INCOMPLETE
    assert verdict.remediable


def test_a_network_that_knows_no_float64_is_incomplete_and_no_call_mends_that(kit, honest_subject):
    class Single(nn.Module):
        """Answers in float32 whatever it is asked in."""

        def __init__(self, model):
            super().__init__()
            self.model = model

        def forward(self, x):
            return self.model.float()(x.float())

    verdict = judge(replace(honest_subject, model=Single(honest_subject.model)))
    assert unchecked(verdict) == {"double precision changes nothing"}
    assert verdict.outcome == INCOMPLETE
    assert not verdict.remediable


def test_modes_randomness_and_parameters_are_left_alone(honest_subject):
    model = honest_subject.model
    model[2].eval()
    modes = [module.training for module in model.modules()]
    assert len(set(modes)) == 2
    before = torch.get_rng_state()
    judge(honest_subject)
    assert torch.equal(torch.get_rng_state(), before)
    assert [module.training for module in model.modules()] == modes
    assert all(p.requires_grad and p.grad is None for p in model.parameters())
    model[2].train()


@pytest.mark.parametrize(
    ("attacks", "epsilon"),
    [
        ({}, 0.1),
        ({"pgd": PGD(0.0), "square": Square(0.0)}, 0.0),
        ({"l2": PGDL2(0.5)}, 0.1),
        ({"pgd": PGD(0.05)}, 0.1),
    ],
)
def test_what_no_attack_of_the_claim_was_made_for_is_not_checked(kit, honest, attacks, epsilon):
    verdict = judge(kit.subject(honest, attacks, epsilon=epsilon))
    assert unchecked(verdict) >= CLAIM
    assert kit.caught(verdict) == set()
    assert verdict.outcome == INCOMPLETE


def test_one_example_is_enough_and_so_is_one_that_is_wrong(kit, honest):
    for right in (True, False):
        one = kit.part()[:1]
        part = one if right else Part(one.inputs, 9 - one.targets)
        attacks = kit.suite() | {"fgsm": FGSM(kit.epsilon)}
        made = evaluate(honest, part, attacks, seed=0)
        curve = robust_curve(honest, part, [1.0], total=1, seed=0)
        known = {"epsilon": kit.epsilon, "records": {"curve": curve}, "twin": honest}
        verdict = judge(Subject(honest, part, made, attacks, 0, {"rule": "x"}, **known))
        assert kit.caught(verdict) == {"selection never on test data"}


def test_values_that_are_not_finite_are_suspect_and_end_nothing(kit, honest_subject):
    class Late(nn.Module):
        """Not a number from the tenth pass on."""

        def __init__(self, model):
            super().__init__()
            self.model, self.passes = model, 0

        def forward(self, x):
            self.passes += 1
            return self.model(x) * (float("nan") if self.passes > 20 else 1)

    verdict = judge(replace(honest_subject, model=Late(honest_subject.model)))
    assert "not finite" in kit.by_name(verdict)["random noise finds nothing"].text
    assert verdict.outcome != PASS

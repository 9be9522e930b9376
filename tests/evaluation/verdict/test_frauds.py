"""Planted frauds: each is caught by the check meant for it, whatever else the evaluation did right."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from jhrun.attacks import PGD
from jhrun.evaluation.verdict import judge
from jhrun.records import FAIL, INCOMPLETE, NOT_CHECKED, SUSPECT


def thousandfold(kit, model):
    return kit.After(model, lambda z: 1000 * z)


def stochastic(kit, model):
    return kit.Before(model, lambda x: x + 0.1 * torch.randn_like(x))


def quantised(kit, model):
    return kit.Before(model, lambda x: (x * 4).round() / 4)


def stopping(kit, model):
    return kit.Before(model, lambda x: x.detach())


def probabilities(kit, model):
    return kit.After(model, lambda z: z.softmax(1))


def batch_dependent(kit, model):
    return nn.Sequential(nn.BatchNorm2d(1, affine=False, track_running_stats=False), model)


FRAUDS = [
    (thousandfold, "rescaled logits change nothing", SUSPECT),
    (thousandfold, "input gradients", FAIL),
    (stochastic, "deterministic logits", FAIL),
    (quantised, "input gradients", FAIL),
    (quantised, "gradient-free attacks find no more", FAIL),
    (stopping, "input gradients", FAIL),
    (stopping, "transfer from an undefended twin", FAIL),
    (stopping, "chance or less at ε = 1", FAIL),
    (probabilities, "logits, not probabilities", SUSPECT),
    (batch_dependent, "examples independent of each other", FAIL),
]


@pytest.fixture(scope="module")
def verdicts(kit, undefended):
    """Of each fraud, under the full suite and under PGD-20 alone."""
    made = {}

    def verdict(fraud, alone):
        if (fraud, alone) not in made:
            attacks = {"pgd20": PGD(kit.epsilon, 20, 0.1)} if alone else kit.suite()
            made[fraud, alone] = judge(
                kit.subject(fraud(kit, undefended), attacks, twin=undefended, curve=not alone)
            )
        return made[fraud, alone]

    return verdict


@pytest.mark.parametrize(("fraud", "check", "outcome"), FRAUDS)
def test_a_fraud_is_caught_by_its_check_under_the_full_suite(kit, verdicts, fraud, check, outcome):
    verdict = verdicts(fraud, alone=False)
    assert kit.by_name(verdict)["strength of the attacks"].outcome == "pass"
    assert kit.by_name(verdict)[check].outcome == outcome
    assert verdict.outcome in {outcome, FAIL}


@pytest.mark.parametrize("fraud", dict.fromkeys(fraud for fraud, _, _ in FRAUDS))
def test_a_fraud_never_passes_under_pgd_20_alone(kit, verdicts, fraud):
    verdict = verdicts(fraud, alone=True)
    assert verdict.outcome in {FAIL, SUSPECT}
    # and would not without the rule against it either
    assert len(kit.caught(verdict)) > 1


def test_a_thousandfold_is_told_from_a_stopped_gradient(kit, verdicts):
    texts = [
        kit.by_name(verdicts(fraud, alone=False))["input gradients"].text for fraud in (thousandfold, stopping)
    ]
    assert "softmax is saturated" in texts[0]
    assert "the network itself stops them" in texts[1]


def test_logarithms_of_probabilities_are_no_fraud(kit, honest):
    verdict = judge(kit.subject(kit.After(honest, lambda z: z.log_softmax(1))))
    assert verdict.outcome == "pass"
    assert "no harm" in kit.by_name(verdict)["logits, not probabilities"].text


def test_outputs_behind_a_sigmoid_are_suspect(kit, honest):
    verdict = judge(kit.subject(kit.After(honest, torch.sigmoid)))
    assert kit.by_name(verdict)["logits, not probabilities"].outcome == SUSPECT


def test_a_network_of_batch_statistics_alone_cannot_classify_one_example(kit, undefended):
    fraud = nn.Sequential(undefended, nn.BatchNorm1d(10, affine=False, track_running_stats=False))
    check = kit.by_name(judge(kit.subject(fraud, curve=False), probes=False))["examples independent of each other"]
    assert check.outcome == FAIL
    assert "alone" in check.text


@pytest.mark.parametrize(
    ("selection", "outcome"),
    [
        ({"rule": "last epoch"}, "pass"),
        ({"rule": "highest validation accuracy", "part": "validation"}, "pass"),
        ({"rule": "highest accuracy", "part": "test"}, FAIL),
        ({"rule": "highest test accuracy"}, FAIL),
        ({"rule": "best_test_accuracy", "part": "validation"}, FAIL),
        ({"rule": "highest accuracy", "part": "train"}, SUSPECT),
        ({"rule": "by hand"}, SUSPECT),
        ({"part": "test"}, FAIL),
    ],
)
def test_test_data_that_chose_the_epoch_fail_the_run(kit, honest_subject, selection, outcome):
    verdict = judge(replace(honest_subject, selection=selection), probes=False)
    assert kit.by_name(verdict)["selection never on test data"].outcome == outcome
    # a cheap verdict leaves searches out
    assert verdict.outcome == ("incomplete" if outcome == "pass" else outcome)


def test_a_run_that_does_not_say_what_chose_its_checkpoint_is_not_accused(kit, honest_subject):
    verdict = judge(replace(honest_subject, selection={}))
    assert kit.by_name(verdict)["selection never on test data"].outcome == NOT_CHECKED
    assert verdict.outcome == INCOMPLETE
    assert not verdict.remediable

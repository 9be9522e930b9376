"""Searches of the verdict's own find what the evaluation's missed."""

from dataclasses import replace

import pytest
import torch

from jhrun.attacks import APGD, PGD, APGDTargeted, Square
from jhrun.evaluation.verdict import probes
from jhrun.evaluation.verdict.case import Case
from jhrun.records import FAIL, NOT_CHECKED, PASS, SUSPECT

E = 0.08


def case(kit, model, attacks=None, **more):
    return Case(kit.subject(model, attacks or {"pgd": PGD(E, 20, 0.1)}, curve=False, **more))


def test_two_short_steps_have_not_converged(kit, undefended):
    found = probes.converged(case(kit, undefended, {"pgd": PGD(E, 4, 0.15)}))
    assert found.outcome == FAIL
    assert "8 steps" in found.text
    assert probes.converged(case(kit, undefended)).outcome == PASS
    # where there is no PGD to be doubled
    assert "200 steps" in probes.converged(case(kit, undefended, {"apgd": APGD(E, 50)})).text


def test_noise_that_beats_a_gradient_of_the_wrong_sign_fails(kit, undefended):
    """Forward x, backward −1: PGD ends where the network is surest."""
    away = kit.Before(undefended, lambda x: 2 * x.detach() - x)
    found = probes.noise(case(kit, away, {"pgd": PGD(0.2, 20, 0.1)}, epsilon=0.2))
    assert found.outcome == FAIL
    assert probes.noise(case(kit, undefended)).outcome == PASS


@pytest.mark.parametrize(("factor", "outcome"), [(1e-3, FAIL), (1.0, PASS), (3.0, PASS), (1e3, FAIL), (1e6, FAIL)])
def test_logits_too_small_or_large_for_the_cross_entropy_are_caught(kit, undefended, factor, outcome):
    """Too small, and the loss is linear in all logits alike; too large, and it is flat."""
    assert probes.rescaled(case(kit, kit.After(undefended, lambda z: factor * z))).outcome == outcome


def test_where_another_attack_saw_through_the_scale_the_worst_case_holds(kit, undefended):
    attacks = {"pgd": PGD(E, 20, 0.1), "dlr": APGDTargeted(E, 50, targets=3)}
    found = probes.rescaled(case(kit, kit.After(undefended, lambda z: 1000 * z), attacks))
    assert found.outcome == SUSPECT
    assert "worst case over all attacks is not" in found.text


def test_probabilities_are_searched_by_their_logarithms(kit, undefended):
    # hardened, so that the cross-entropy of the probabilities is flat, but not so far that their logarithms are
    found = probes.rescaled(case(kit, kit.After(undefended, lambda z: (30 * z).softmax(1))))
    assert found.outcome in {SUSPECT, FAIL}


def test_logits_that_are_all_alike_have_no_scale(kit, undefended):
    found = probes.rescaled(case(kit, kit.After(undefended, lambda z: 0 * z)))
    assert found.outcome == NOT_CHECKED


def test_what_rounding_hides_float64_finds(kit, undefended):
    hidden = kit.After(undefended, lambda z: (100 * z).softmax(1))
    assert probes.precision(case(kit, hidden)).outcome == FAIL
    assert probes.precision(case(kit, undefended)).outcome == PASS


def test_a_network_that_stays_in_float32_is_not_checked_in_float64(kit, undefended):
    model = kit.After(undefended, lambda z: z.float())
    assert probes.precision(case(kit, model)).outcome == NOT_CHECKED


def test_a_twin_that_shows_the_way_fails_a_masked_network(kit, undefended):
    masked = kit.Before(undefended, lambda x: x.detach())
    assert probes.transfer(case(kit, masked, twin=undefended)).outcome == FAIL
    assert probes.transfer(case(kit, undefended, twin=undefended)).outcome == PASS
    assert probes.transfer(case(kit, masked)).outcome == NOT_CHECKED
    # gradients are compared with gradients: what Square finds is no excuse, and with Square alone PGD is made
    square = {"square": Square(E, 100)}
    assert probes.transfer(case(kit, masked, {"pgd": PGD(E)} | square, twin=undefended)).outcome == FAIL
    assert probes.transfer(case(kit, undefended, square, twin=undefended)).outcome == PASS
    subject = replace(case(kit, masked, twin=undefended).subject)
    assert probes.transfer(Case(subject, probes=False)).outcome == NOT_CHECKED


def test_what_was_already_wrong_is_not_attacked(kit, undefended):
    names = (probes.noise, probes.rescaled, probes.precision, probes.transfer)
    made = case(kit, undefended, twin=undefended)
    evaluation = made.subject.evaluation
    none_right = replace(evaluation, targets=(evaluation.clean + 1) % 10)
    blank = Case(replace(made.subject, evaluation=none_right))
    assert {probe(blank).outcome for probe in names} == {NOT_CHECKED}
    assert probes.converged(blank).outcome == PASS


def test_a_draw_is_a_part_of_those_that_qualify_and_the_same_again(kit, undefended):
    made = case(kit, undefended)
    among = made.right
    drawn = made.draw("x", among, 20)
    assert len(drawn) == len(set(drawn.tolist())) == 20
    assert among[drawn].all()
    assert torch.equal(drawn, made.draw("x", among, 20))
    assert not torch.equal(drawn, made.draw("y", among, 20))
    assert torch.equal(made.draw("x", among, 1000), among.nonzero()[:, 0])

"""Attacks that are no class of the package: a verdict takes them for what they state."""

from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F

from jhrun.attacks import PGD, Attack, Square
from jhrun.evaluation.evaluate import evaluate
from jhrun.evaluation.verdict import attacks as module
from jhrun.evaluation.verdict import judge, probes
from jhrun.evaluation.verdict.case import Case
from jhrun.records import FAIL, NOT_CHECKED, PASS

E = 0.08


class Climb(Attack):
    """Signed gradient steps from random points, written without a look at PGD."""

    kind = "gradient"
    iterates = True

    def perturb(self, model, inputs, targets):
        for _ in range(self.parameters.get("restarts", 1)):
            x = self.confine(inputs + self.epsilon * (2 * torch.rand_like(inputs) - 1), inputs)
            for _ in range(self.parameters["steps"]):
                x = x.detach().requires_grad_()
                (gradient,) = torch.autograd.grad(F.cross_entropy(model(x), targets, reduction="sum"), x)
                x = self.confine(x + self.epsilon / 5 * gradient.sign(), inputs)
        return x


class Guess(Attack):
    """Random corners of the ball."""

    kind = "score"
    iterates = True

    @torch.no_grad()
    def perturb(self, model, inputs, targets):
        for _ in range(self.parameters["queries"]):
            x = (inputs + self.epsilon * torch.randn_like(inputs).sign()).clamp(0, 1)
            model(x)
        return x


def stating(base=Climb, **facts):
    return type("Plugin", (base,), facts)


LONG, MANY = {"steps": 100, "restarts": 2}, {"queries": 1000}


@pytest.mark.parametrize(
    ("attacks", "outcome"),
    [
        ([Climb(E, **LONG), Guess(E, **MANY)], PASS),
        ([Climb(E, **LONG), stating(Guess, kind="decision")(E, **MANY)], PASS),
        ([Climb(E, **LONG), Square(E)], PASS),
        ([PGD(E, 100, restarts=2), Guess(E, **MANY)], PASS),
        ([stating(kind="mixed")(E, **LONG, **MANY)], PASS),
        ([stating(search="ascent")(E, **LONG), Guess(E, **MANY)], PASS),
        ([stating(search="adaptive")(E, steps=50), Guess(E, **MANY)], PASS),
        ([stating(search="adaptive")(E, steps=49), Guess(E, **MANY)], NOT_CHECKED),
        ([stating(search="nearest")(E, **LONG), Guess(E, **MANY)], NOT_CHECKED),
        ([Climb(E, steps=99, restarts=2), Guess(E, **MANY)], NOT_CHECKED),
        ([Climb(E, steps=100), Guess(E, **MANY)], NOT_CHECKED),
        ([Climb(E), Guess(E, **MANY)], NOT_CHECKED),
        ([Climb(E, steps="many", restarts=True), Guess(E, **MANY)], NOT_CHECKED),
        ([Climb(E, **LONG), Guess(E, queries=999)], NOT_CHECKED),
        ([Climb(E, **LONG), stating(Guess, kind="noise")(E, **MANY)], NOT_CHECKED),
        ([stating(kind="score")(E, **LONG), Guess(E, **MANY)], NOT_CHECKED),
    ],
)
def test_its_kind_and_its_parameters_say_what_it_counts_for(honest_subject, attacks, outcome):
    made = {f"mine {i}": attack for i, attack in enumerate(attacks)}
    found = replace(honest_subject.evaluation, records=dict.fromkeys(made))
    assert module.suite(Case(replace(honest_subject, attacks=made, evaluation=found))).outcome == outcome


@pytest.fixture(scope="module")
def masked(kit, undefended):
    """A network whose gradients are zero."""
    return kit.Before(undefended, lambda x: (x * 4).round() / 4)


def judged(kit, model, attacks):
    made = evaluate(model, kit.part(), attacks, seed=0)
    return Case(replace(kit.subject(model, {}, curve=False), attacks=attacks, evaluation=made), probes=False)


def test_searches_without_gradients_are_held_against_searches_by_them(kit, masked):
    alone = {"mine": Climb(0.25, steps=3), "theirs": Guess(0.25, queries=30)}
    case = judged(kit, masked, alone)
    case = replace(case, subject=replace(case.subject, epsilon=0.25))
    check = module.gradient_free(case)
    broken = int((case.broken("theirs") & ~case.broken("mine")).sum())
    assert broken > 5
    assert (check.outcome, check.value) == (FAIL, broken / len(case.part))
    # two of one kind say nothing about each other
    case.subject.attacks["theirs"].kind = "gradient"
    assert module.gradient_free(case).outcome == NOT_CHECKED
    case.subject.attacks["theirs"].kind = "noise"
    assert module.gradient_free(case).outcome == NOT_CHECKED


def test_its_steps_are_held_against_one_step_and_set_the_length_of_the_longer_search(kit, honest):
    attacks = {
        "one": stating(search="step")(E, steps=1),
        "many": stating(search="ascent")(E, steps=20, relative_step=0.2),
        "other": Climb(E, steps=30, relative_step=0.2),
    }
    case = judged(kit, honest, attacks)
    check = module.pgd_beats_fgsm(case)
    assert check.outcome == PASS
    assert f"FGSM breaks {int(case.broken('one').sum())} and many {int(case.broken('many').sum())}." in check.text
    assert case.longest_ascent() is attacks["many"]
    assert "PGD of 40 steps and 10 restarts" in probes.converged(replace(case, probes=True)).text


def test_with_its_own_searches_alone_the_transfer_is_compared(kit, honest, undefended):
    case = judged(kit, honest, {"mine": Climb(E, steps=10)})
    case = replace(case, subject=replace(case.subject, twin=undefended), probes=True)
    check = probes.transfer(case)
    assert f"searches by the network's own gradients {int(case.broken('mine').sum())};" in check.text


def test_a_whole_verdict_of_plugin_attacks_is_complete(kit, honest):
    attacks = {"mine": Climb(E, **LONG), "theirs": Guess(E, **MANY)}
    subject = kit.subject(honest, {}, curve=False)
    # the searches themselves are not at issue, their counting is
    few = {"mine": Climb(E, steps=10), "theirs": Guess(E, queries=10)}
    made = evaluate(honest, kit.part(), few, seed=0)
    checks = kit.by_name(judge(replace(subject, attacks=attacks, evaluation=made), probes=False))
    assert checks["strength of the attacks"].outcome == PASS
    assert checks["gradient-free attacks find no more"].outcome == PASS

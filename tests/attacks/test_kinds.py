"""What an attack states of itself."""

import inspect

import pytest

import jhrun.attacks
from jhrun.attacks import PGD, Attack
from jhrun.attacks.kinds import KINDS

PUBLIC = [getattr(jhrun.attacks, name) for name in jhrun.attacks.__all__]
ATTACKS = [c for c in PUBLIC if issubclass(c, Attack) and c is not Attack]


def own(**facts):
    return type("Own", (Attack,), {"perturb": lambda self, model, inputs, targets: inputs, **facts})


@pytest.mark.parametrize("attack", ATTACKS)
def test_the_attacks_of_the_package_state_their_kind(attack):
    assert attack(0.1).kind in KINDS


def test_of_each_kind_one_is_known():
    kinds = {attack.__name__: attack.kind for attack in ATTACKS}
    assert kinds["PGD"] == kinds["FAB"] == kinds["CW"] == "gradient"
    assert kinds["Square"] == kinds["SPSA"] == "score"
    assert kinds["UniformNoise"] == "noise"
    assert kinds["AutoAttack"] == "mixed"


def test_a_subclass_is_of_its_parents_kind_unless_it_says_otherwise():
    assert type("Own", (PGD,), {})(0.1).kind == "gradient"
    assert type("Own", (PGD,), {"kind": "score"})(0.1).kind == "score"
    assert own(kind="decision")(0.1).search == ""


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        ({}, "Own does not state its kind: write what it searches by in the class, kind = one of 'gradient' ("),
        ({"kind": "white"}, "Own states kind = 'white': write"),
        ({"kind": "gradient", "search": "far"}, "Own states search = 'far': must be one of 'step', 'ascent', "),
    ],
)
def test_without_a_known_kind_it_is_not_built_and_one_line_names_all(facts, told):
    assert not inspect.isabstract(own(**facts))
    with pytest.raises(ValueError, match="Own") as refusal:
        own(**facts)(0.1)
    line = str(refusal.value)
    assert line.startswith(told)
    assert "\n" not in line
    if "search" not in facts:
        assert all(repr(kind) in line for kind in KINDS)

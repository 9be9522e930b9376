"""Every method says what it rests on, and what it names is there."""

import dataclasses
import re
from pathlib import Path

import pytest

from jhrun.config.groups import METHODS, choices
from jhrun.config.methods import evidence
from jhrun.records.evidence import Evidence

ROOT = Path(__file__).parents[2]
SAID = Evidence("somebody 1900", "recalled", "tests/test_cli.py::test_version", "closed form only")


@pytest.mark.parametrize(("group", "choice"), [(group, choice) for group in METHODS for choice in choices(group)])
def test_every_method_has_evidence_and_its_closed_form_is_a_test(group, choice):
    found, lacking = evidence(group, choice)
    assert lacking == [], "give the class an attribute evidence: jhrun.records.evidence.Evidence"
    assert found or choice == "none"
    for record in found.values():
        file, _, test = record.closed_form.partition("::")
        assert re.search(rf"^def {re.escape(test)}\(", (ROOT / file).read_text(), re.MULTILINE), record.closed_form
        assert re.search(r"\b(1[89]|20)\d\d\b|\bour own\b|\btextbooks\b", record.source)


def test_inner_classes_come_first_and_suites_are_followed():
    assert [name.rpartition(".")[2] for name in evidence("regularizer", "combined")[0]][:2] == [
        "Jacobian",
        "Hessian",
    ]
    suite = [name.rpartition(".")[2] for name in evidence("attack", "quick")[0]]
    assert suite == ["FGSM", "PGD", "APGD", "APGDTargeted"]


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"mark": "guessed"}, "mark='guessed': must be one of read in code"),
        ({"state": "true"}, "state='true': must be one of reproduced"),
        ({"state": "reproduced"}, "needs a reproduction"),
        ({"state": "effect shown"}, "needs a reproduction"),
        ({"cost": 2.0}, "name what the cost was measured on"),
        ({"network": "a network"}, "cost and network need each other"),
    ],
)
def test_evidence_that_contradicts_itself_is_refused(changed, told):
    with pytest.raises(ValueError, match=re.escape(told)):
        dataclasses.replace(SAID, **changed)

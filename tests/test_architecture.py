"""The plan of the house that import-linter cannot see."""

import re
from pathlib import Path

import pytest

import jhrun
from jhrun import linalg, penalties
from jhrun.config.groups import CONF, choices

PACKAGE = Path(jhrun.__file__).parent
SHARED = {"none", "combined"}
"""Names of choices that are words of their own too."""
CONTRACTS = {"Operator", "Direction", "Solver", "Penalty", "Forward", "PenaltyOutput", "Memory"}


def methods():
    """Names of regularizers, solvers and matrices: of their classes, and of their choices."""
    classes = {
        name
        for module in (linalg, penalties)
        for name in module.__all__
        if name[0].isupper() and name not in CONTRACTS
    }
    chosen = {choice for group in ("regularizer", "solver") for choice in choices(group)}
    return (classes | chosen | {"Spectral"}) - SHARED


@pytest.mark.parametrize("path", sorted((PACKAGE / "training").rglob("*.py")), ids=lambda path: path.name)
def test_the_training_loop_knows_no_method(path):
    text = path.read_text(encoding="utf-8")
    assert [name for name in sorted(methods()) if re.search(rf"\b{re.escape(name)}\b", text, re.IGNORECASE)] == []


def test_the_names_are_found():
    assert {"jacobian", "Lanczos", "tracked", "Hutchinson", "hessian_target", "Auto"} <= methods()


def test_every_choice_stands_in_the_top_folder():
    assert PACKAGE.parent / "conf" == CONF

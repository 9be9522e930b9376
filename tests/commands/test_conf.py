"""Every YAML file works by being there: each choice, each experiment, and each pair of a matrix and a solver."""

import math
import re

import pytest
import torch

from jhrun.commands.prepare import prepared
from jhrun.config.compose import composed
from jhrun.config.groups import CONF, choices, groups
from jhrun.config.stored import plain

DOWNLOADED = {"cifar10", "cifar100"}
"""Their files' checksums are fixed, so that no small stand-in can be made; tests/data covers their loader."""

FOLDERS = {"mnist", "image_folder"}
"""Data sets that need files, of which there are small ones: the fixtures ``tiny_…``."""

SMALL = ["train.epochs=1", "train.batch_size=64"]
FEW = ["train.examples=128", "subset=40"]
TINY = ["model=mlp", "model.widths=[8]"]

ATTACKED = {"attack", "analysis", "dataset", "model", "objective", "experiment", "scale", "regularizer"}
"""Groups whose choices may decide how a network is attacked; for the others one attack is enough."""


def tried_with(group: str, choice: str) -> list[str]:
    """What a file says of the task it is small enough for: ``# tried with: KEY=VALUE …``."""
    text = (CONF / group / f"{choice}.yaml").read_text()
    found = re.search(r"^# tried with: (.+)$", text, re.MULTILINE)
    return found.group(1).split() if found else []


def sized(task: list[str]) -> list[str]:
    """One epoch of few examples; a data set with a size or a folder of its own has few anyway."""
    own = any(one.startswith(("dataset.examples=", "dataset.root=")) for one in task)
    return SMALL if own else [*SMALL, *FEW]


def choice_of(group: str, choice: str):
    """An experiment's figures are its own: they are rendered."""
    return pytest.param(group, choice, marks=[pytest.mark.rendered] if group == "experiment" else [])


@pytest.mark.parametrize(
    ("group", "choice"), [choice_of(g, c) for g in groups("train") for c in choices(g) if c not in DOWNLOADED]
)
def test_every_choice_trains_and_is_evaluated(group, choice, jhrun, request):
    small = [*([] if group in {"model", "experiment", "scale"} else TINY), *tried_with(group, choice)]
    small += [] if group in ATTACKED else ["attack=fgsm"]
    if choice in FOLDERS:
        small.append(f"dataset.root={request.getfixturevalue(f'tiny_{choice}')}")
    code, out, err = jhrun("train", f"{group}={choice}", *sized(small), *small)
    assert code == 0, err
    # paper/runtime trains alone
    assert "clean  " in out or "skill" in out or choice == "paper/runtime"


REGULARIZERS, SOLVERS = list(choices("regularizer")), list(choices("solver"))


def pair(regularizer: str, solver: str) -> list[str]:
    """What trains with a matrix and a solver, in small."""
    task = [*TINY, *tried_with("regularizer", regularizer), *tried_with("solver", solver)]
    return [f"regularizer={regularizer}", f"solver={solver}", *sized(task), *task, "evaluate=false"]


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("regularizer", REGULARIZERS)
def test_every_matrix_trains_with_every_solver(regularizer, solver):
    """All that the command does between its configuration and its folder."""
    trainer = prepared(plain(composed("train", pair(regularizer, solver))), torch.device("cpu"), [])
    records, saved = [], []
    trainer.run(save=lambda name, checkpoint: saved.append(name), record=records.append)
    (record,) = records
    assert saved[-1] == "last"
    assert math.isfinite(record.loss)
    assert (record.penalty is not None) == (regularizer != "none")
    assert record.penalty is None or math.isfinite(record.penalty)


@pytest.mark.parametrize(
    ("regularizer", "solver"),
    [
        (REGULARIZERS[i % len(REGULARIZERS)], SOLVERS[i % len(SOLVERS)])
        for i in range(max(len(REGULARIZERS), len(SOLVERS)))
    ],
)
@pytest.mark.quick
def test_each_matrix_and_each_solver_is_told_of(regularizer, solver, jhrun):
    code, out, err = jhrun("train", *pair(regularizer, solver))
    assert code == 0, err
    assert ("penalty" in out) == (regularizer != "none")

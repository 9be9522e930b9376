"""Every YAML file works by being there: each choice, each experiment, and each pair of a matrix and a solver."""

import re

import pytest

from jhrun.config.groups import CONF, choices, groups

DOWNLOADED = {"cifar10", "cifar100"}
"""Their files' checksums are fixed, so that no small stand-in can be made; tests/data covers their loader."""

FOLDERS = {"mnist", "image_folder"}
"""Data sets that need files, of which there are small ones: the fixtures ``tiny_…``."""

SMALL = ["train.epochs=1", "train.batch_size=256"]
TINY = ["model=mlp", "model.widths=[8]"]


def tried_with(group: str, choice: str) -> list[str]:
    """What a file says of the task it is small enough for: ``# tried with: KEY=VALUE …``."""
    text = (CONF / group / f"{choice}.yaml").read_text()
    found = re.search(r"^# tried with: (.+)$", text, re.MULTILINE)
    return found.group(1).split() if found else []


@pytest.mark.parametrize(
    ("group", "choice"), [(g, c) for g in groups("train") for c in choices(g) if c not in DOWNLOADED]
)
def test_every_choice_trains_and_is_evaluated(group, choice, jhrun, request):
    small = [*SMALL, *([] if group in {"model", "experiment", "scale"} else TINY), *tried_with(group, choice)]
    if choice in FOLDERS:
        small.append(f"dataset.root={request.getfixturevalue(f'tiny_{choice}')}")
    code, out, err = jhrun("train", f"{group}={choice}", *small)
    assert code == 0, err
    # paper/runtime trains alone
    assert "clean  " in out or "skill" in out or choice == "paper/runtime"


@pytest.mark.parametrize("solver", choices("solver"))
@pytest.mark.parametrize("regularizer", choices("regularizer"))
def test_every_matrix_trains_with_every_solver(regularizer, solver, jhrun):
    task = [*TINY, *tried_with("regularizer", regularizer), *tried_with("solver", solver)]
    code, out, err = jhrun(
        "train", f"regularizer={regularizer}", f"solver={solver}", *SMALL, *task, "evaluate=false"
    )
    assert code == 0, err
    assert ("penalty" in out) == (regularizer != "none")

"""Every YAML file works by being there: each choice and each experiment trains for an epoch."""

import re

import pytest

from jhrun.config.groups import CONF, choices, groups

DOWNLOADED = {"cifar10", "cifar100"}
"""Their files' checksums are fixed, so that no small stand-in can be made; tests/data covers their loader."""


def tried_with(group: str, choice: str) -> list[str]:
    """What a file says of the task it is small enough for: ``# tried with: KEY=VALUE …``."""
    text = (CONF / group / f"{choice}.yaml").read_text()
    found = re.search(r"^# tried with: (.+)$", text, re.MULTILINE)
    return found.group(1).split() if found else []


@pytest.mark.parametrize(
    ("group", "choice"), [(g, c) for g in groups("train") for c in choices(g) if c not in DOWNLOADED]
)
def test_every_choice_trains_and_is_attacked(group, choice, jhrun, request):
    small = ["train.epochs=1", "train.batch_size=256", *tried_with(group, choice)]
    if group == "dataset" and choice != "digits":
        small.append(f"dataset.root={request.getfixturevalue(f'tiny_{choice}')}")
    if group not in {"model", "experiment"}:
        small += ["model=mlp", "model.widths=[8]"]
    code, out, err = jhrun("train", f"{group}={choice}", *small)
    assert code == 0, err
    assert "worst case" in out or group == "attack"

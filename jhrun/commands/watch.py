"""Attacks on the way: after epochs, and on validation data at the end, for those who choose among runs."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import torch

from jhrun import seeds
from jhrun.attacks import PGD, Attack
from jhrun.config import objects
from jhrun.data import Part
from jhrun.errors import ConfigError
from jhrun.evaluation import evaluate
from jhrun.folder import RunFolder
from jhrun.jsonio import append_line, write_json
from jhrun.records import EpochRecord, WatchRecord
from jhrun.training import Trainer

STEPS = 20


class Watch:
    """Keeps the accuracy after each of a run's epochs, and after the last ones what PGD-20 leaves of it.

    Args:
        folder: of the run.
        values: its configuration.
        trainer: of the run.

    Raises:
        ConfigError: there is nothing to attack.
    """

    def __init__(self, folder: RunFolder, values: Mapping[str, Any], trainer: Trainer) -> None:
        """Nothing is attacked yet."""
        asked = values["watch"]
        self.part: str | None = asked["part"]
        if self.part is None:
            return
        self.trainer, self.path, self.seed = trainer, folder.watched(self.part), values["seed"]
        self.examples = _some(examples(trainer, self.part), asked["examples"])
        self.attack = PGD(objects.radii(values)["inf"], steps=STEPS)
        self.first = 1 if asked["epochs"] is None else trainer.options.epochs - asked["epochs"] + 1

    def epoch(self, record: EpochRecord) -> None:
        """An epoch is over.

        Args:
            record: of it.
        """
        if self.part is None:
            return
        name = f"pgd{STEPS}"
        attacks = {name: self.attack} if record.epoch >= self.first else {}
        found = evaluate(self.trainer.evaluated, self.examples, attacks, seed=self.seed)
        clean, robust = found.clean_accuracy, found.records[name].last if attacks else None
        line = WatchRecord(record.epoch, clean.accuracy, None if robust is None else robust.accuracy, clean.n)
        append_line(self.path, asdict(line))


def validated(
    folder: RunFolder, values: Mapping[str, Any], trainer: Trainer, attacks: Mapping[str, Attack]
) -> None:
    """Write down what all attacks of a trained run leave of its validation part.

    Args:
        folder: of the run.
        values: its configuration.
        trainer: of the run, which is trained.
        attacks: by name.
    """
    found = evaluate(trainer.evaluated, examples(trainer, "validation"), attacks, seed=values["seed"])
    record = {
        "epoch": trainer.epoch,
        "clean": found.clean_accuracy.accuracy,
        "worst_case": found.worst_case.accuracy,
        "worst_case_norm": found.worst_case_norm,
        "attacks": {name: record.robust.accuracy for name, record in found.records.items() if record.robust},
        "n": len(found.targets),
    }
    write_json(folder.validated, record)


def _some(part: Part, count: int | None) -> Part:
    """So many of a part's examples, the same ones in every run."""
    order = torch.randperm(len(part), generator=seeds.generator("cpu", 0, "watch"))
    return part if count is None else part[order[:count].to(part.targets.device)]


def examples(trainer: Trainer, part: str) -> Part:
    """The validation or the test part.

    Args:
        trainer: whose data it is.
        part: its name.

    Returns:
        At least one example.

    Raises:
        ConfigError: there is none, or there are no classes to attack.
    """
    data = trainer.dataset
    found = data.validation if part == "validation" else data.test
    if not data.classes:
        raise ConfigError("the data set has values to predict and no classes to attack", "watch", "leave it out")
    if not len(found):
        raise ConfigError(f"the {part} part is empty", "watch", "raise dataset.validation")
    return found

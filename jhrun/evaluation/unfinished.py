"""An evaluation that goes on where it was: each attack's results are kept as soon as it is done."""

import json
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from jhrun.errors import RunError
from jhrun.evaluation.evaluate import Evaluation
from jhrun.evaluation.store import read_npz, write_npz
from jhrun.jsonio import DAMAGED, read_json, write_json
from jhrun.records import AttackRecord

_TENSORS = ("attacked", "last", "distance", "adversarial")


@dataclass(frozen=True)
class Unfinished:
    """What is kept of an evaluation while it lasts, in ``eval/NAME/unfinished``.

    ``request.json`` says what is evaluated and how; ``ATTACK.npz`` holds an attack's predictions, distances, shown
    twins and, as JSON, its record.

    Attributes:
        folder: of the evaluation.
        request: everything that its figures depend on.
    """

    folder: Path
    request: Mapping[str, Any]

    @property
    def place(self) -> Path:
        """Where it is kept."""
        return self.folder / "unfinished"

    def fits(self) -> bool:
        """Whether the evaluation can begin or go on in its folder: it is new, or the same one and not finished."""
        if (self.folder / "results.json").exists():
            return False
        asked = self.place / "request.json"
        if not asked.is_file():
            # where nothing was asked for yet, nothing was done
            return not self.folder.exists() or all(path == self.place for path in self.folder.iterdir())
        known: dict[str, Any] = json.loads(json.dumps(dict(self.request)))
        return read_json(asked) == known

    def begin(self) -> None:
        """Make the folder, or find it.

        Raises:
            RunError: the folder holds another evaluation, finished or not.
        """
        if not self.fits():
            raise RunError(
                "an evaluation of this name exists, or was begun with other settings",
                str(self.folder),
                "choose another: name=NAME",
            )
        self.place.mkdir(parents=True, exist_ok=True)
        for left in self.folder.glob("**/.*.tmp"):
            left.unlink()
        write_json(self.place / "request.json", self.request)

    def has(self, name: str) -> bool:
        """Whether an attack is done."""
        return self._path(name).is_file()

    def keep(self, evaluation: Evaluation, name: str) -> None:
        """Write down what an attack did."""
        arrays = {what: getattr(evaluation, what)[name].numpy() for what in _TENSORS}
        record = json.dumps(evaluation.records[name].flat())
        write_npz(self._path(name), {**arrays, "record": np.array(record)})

    def restore(self, evaluation: Evaluation, name: str) -> bool:
        """Read what an attack did, if it was kept.

        Args:
            evaluation: gets it.
            name: of the attack.

        Returns:
            Whether it was.

        Raises:
            RunError: it is damaged.
        """
        if not self.has(name):
            return False
        arrays = read_npz(self._path(name))
        try:
            tensors = {what: torch.from_numpy(arrays[what]) for what in _TENSORS}
            record = AttackRecord.from_flat(json.loads(str(arrays["record"])))
        except DAMAGED as error:
            what = f"is not of its form ({error!r})"
            raise RunError(what, str(self._path(name)), "remove it: the attack is made again") from error
        for what, tensor in tensors.items():
            getattr(evaluation, what)[name] = tensor
        evaluation.records[name] = record
        return True

    def finish(self) -> None:
        """Forget it: the evaluation's own files say it all."""
        shutil.rmtree(self.place)

    def _path(self, name: str) -> Path:
        return self.place / (re.sub(r"[^\w.-]", "_", name) + ".npz")

"""An evaluation that goes on where it was: each attack's results are kept as soon as it is done."""

import json
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from jhrun.errors import RunError
from jhrun.evaluation.evaluate import Evaluation
from jhrun.evaluation.store import analyses_in, load_analysis, read_npz, write_npz
from jhrun.jsonio import DAMAGED, as_plain, read_json, typed, write_json
from jhrun.records import AttackRecord

REQUEST, RESULTS = "request.json", "results.json"

_TENSORS = ("attacked", "last", "distance", "adversarial")


@dataclass(frozen=True)
class Unfinished:
    """What is kept of an evaluation while it lasts.

    ``request.json`` says what is evaluated and how, also afterwards. ``unfinished/ATTACK.npz`` holds an attack's
    predictions, distances, shown twins and, as JSON, its record, until the evaluation is finished.

    Attributes:
        folder: of the evaluation.
        request: everything that its figures depend on.
        analyses: those that are asked for, each with its settings.
    """

    folder: Path
    request: Mapping[str, Any]
    analyses: Mapping[str, Any] = field(default_factory=dict)

    @property
    def place(self) -> Path:
        """Where attacks are kept."""
        return self.folder / "unfinished"

    @property
    def finished(self) -> bool:
        """Whether the attacks are done, and all analyses that were asked for with them."""
        return (self.folder / RESULTS).exists()

    @property
    def missing(self) -> list[str]:
        """The analyses that are not there yet."""
        return [name for name in self.analyses if name not in analyses_in(self.folder)]

    def fits(self) -> bool:
        """Whether the evaluation can begin or go on in its folder."""
        return self.obstacle() is None

    def obstacle(self) -> str | None:
        """Why the evaluation can neither begin nor go on in its folder.

        It can where the folder is new, or where the same evaluation is not finished or lacks an analysis.

        Returns:
            What the evaluation of that name is or has, to stand after its name; None where nothing hinders.
        """
        asked = self.folder / REQUEST
        if not asked.is_file():
            # where nothing was asked for yet, nothing was done
            begun = self.folder.exists() and any(path != self.place for path in self.folder.iterdir())
            return "is there" if begun else None
        if read_json(asked)["request"] != _plain(self.request):
            return "was begun with other settings"
        there = [name for name in self.analyses if name not in self.missing]
        for name in there:
            if load_analysis(self.folder, name, drawn=False).settings != _plain(self.analyses[name]):
                return f"has the analysis {name}, made with other settings"
        if self.finished and not self.missing:
            return f"is there, with {', '.join(there)}" if there else "is there"
        return None

    def begin(self, call: Mapping[str, Any]) -> None:
        """Make the folder, or find it.

        Args:
            call: what to type for the same evaluation, kept beside the request.

        Raises:
            RunError: the folder holds another evaluation, finished or not.
        """
        if obstacle := self.obstacle():
            what = f"evaluation '{self.folder.name}' {obstacle}"
            raise RunError(what, str(self.folder), "choose another: name=NAME")
        self.folder.mkdir(parents=True, exist_ok=True)
        for left in self.folder.glob("**/.*.tmp"):
            left.unlink()
        if not (self.folder / REQUEST).is_file():
            write_json(self.folder / REQUEST, {"request": self.request, "call": call})
        if not self.finished:
            self.place.mkdir(exist_ok=True)

    def has(self, name: str) -> bool:
        """Whether an attack is done."""
        return self._path(name).is_file()

    def keep(self, evaluation: Evaluation, name: str) -> None:
        """Write down what an attack did."""
        arrays = {what: getattr(evaluation, what)[name].numpy() for what in _TENSORS}
        record = json.dumps(as_plain(evaluation.records[name]))
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
            record = typed(json.loads(str(arrays["record"])), AttackRecord, self._path(name))
        except DAMAGED as error:
            what = f"is not of its form ({error!r})"
            raise RunError(what, str(self._path(name)), "remove it: the attack is made again") from error
        for what, tensor in tensors.items():
            getattr(evaluation, what)[name] = tensor
        evaluation.records[name] = record
        return True

    def finish(self) -> None:
        """Forget what was kept of attacks: the evaluation's own files say it all."""
        shutil.rmtree(self.place)

    def _path(self, name: str) -> Path:
        return self.place / (re.sub(r"[^\w.-]", "_", name) + ".npz")


def _plain(values: Any) -> Any:
    """As JSON gives them back."""
    return json.loads(json.dumps(values if not isinstance(values, Mapping) else dict(values)))

"""A run, read back into Python: its network, its data and its figures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import Any

import pandas as pd
from torch import nn

from jhrun.commands.eval import place_data
from jhrun.commands.evaluation import drawn
from jhrun.config import network, objects, stored
from jhrun.data import Dataset, Part
from jhrun.errors import ConfigError, RunError
from jhrun.folder import RunFolder
from jhrun.jsonio import as_plain
from jhrun.library import choices
from jhrun.library.attacked import Attacked, attacked
from jhrun.library.notebook import Shown, frame_of
from jhrun.records import Proportion
from jhrun.reporting import Report, headline, verdict_lines
from jhrun.reporting.summary import summarise
from jhrun.training import Checkpoint

_SHARE = ("share", "ci95_low", "ci95_high", "n")


@dataclass(frozen=True, repr=False)
class Run(Shown):
    """A run's folder. Network and data are read when they are first asked for; nothing is written.

    Attributes:
        path: the folder.
        config: the resolved configuration, as nested mappings.
        checkpoint: whose network ``model`` is, ``last`` or ``best``.
        device: where ``model`` and ``data`` are.
        plugins: packages whose code the configuration may name.
    """

    path: Path
    config: Mapping[str, Any]
    checkpoint: str = "last"
    device: str = "auto"
    plugins: Sequence[str] = ()

    @cached_property
    def data(self) -> Dataset:
        """The run's data set, on the device."""
        return objects.dataset(self.config, self.plugins).to(objects.device(self.device))

    @property
    def test(self) -> Part:
        """The examples of its test set: ``inputs`` (N, ch, h, w), uint8 or float32, and ``labels`` (N,)."""
        return self.data.test

    @cached_property
    def model(self) -> nn.Module:
        """The trained network, images in [0, 1] → logits, in evaluation mode; its averaged weights if it has some.

        Its outputs to a few inputs were noted at the end of the training, and are compared with these.
        """
        folder = RunFolder(self.path)
        made = network.model(self.config, self.data, self.plugins)
        stored_weights = Checkpoint.load(folder.checkpoint(self.checkpoint))
        network.load_weights(made, stored_weights, folder, self.checkpoint, self.data)
        return made.eval()

    @cached_property
    def report(self) -> Report:
        """All records of the run, typed: the content of ``report.json`` (docs/report.md)."""
        return summarise(RunFolder(self.path), self.config)

    @property
    def history(self) -> pd.DataFrame:
        """A row for each epoch: losses, accuracies, penalty, learning rate, cost; by ``epoch``."""
        rows = pd.json_normalize([as_plain(epoch) for epoch in self.report.epochs])
        return rows.set_index("epoch") if len(rows) else rows

    @property
    def results(self) -> pd.DataFrame:
        """A row for each figure of each evaluation: ``clean``, each attack, and the ``worst case``.

        The columns are ``evaluation``, ``checkpoint``, ``figure``, ``norm``, ``epsilon``, ``share`` in [0, 1] with
        Wilson's 95 % interval, ``n``, and the ``verdict`` of the evaluation. An attack that saw only the examples
        that an earlier one left has no share of its own.
        """
        rows = []
        for name, one in self.report.evaluations.items():
            about = {"evaluation": name, "checkpoint": one.checkpoint}
            verdict = one.verdict.outcome if one.verdict else None
            found: list[tuple[str, str | None, float | None, Proportion | None]] = [
                ("clean", None, None, one.clean)
            ]
            found += [(key, a.norm, a.epsilon, a.robust) for key, a in one.attacks.items()]
            found += [("worst case", one.worst_case_norm, None, one.worst_case)] if one.attacks else []
            for figure, norm, epsilon, share in found:
                row = {**about, "figure": figure, "norm": norm, "epsilon": epsilon}
                rows.append({**row, **dict(zip(_SHARE, _cells(share), strict=True)), "verdict": verdict})
        columns = ["evaluation", "checkpoint", "figure", "norm", "epsilon", *_SHARE, "verdict"]
        return pd.DataFrame(rows, columns=columns)

    def attack(
        self, name: str, *, epsilon: float | str | None = None, n: int | None = None, seed: int | None = None,
        **settings: Any,
    ) -> Attacked:  # fmt: skip
        """Attack the network on the test set. The figures equal those of ``jhrun eval`` with the same seed.

        Args:
            name: a choice of the group ``attack`` that is one attack, as in ``pgd20``.
            epsilon: radius in pixel units, a number or a fraction as text; the run's own if not given.
            n: how many test examples, the same ones in every call; all if not given.
            seed: of random starts; the run's own if not given.
            **settings: of the attack, as in ``steps=50``.

        Returns:
            The worst inputs, and whether the network is right there; it prints as a line.

        Raises:
            ConfigError: the choice is several attacks, or unknown.
        """
        own = {"inf": self.config["epsilon"], "2": self.config["epsilon_l2"]}
        made = choices.attacks(name, own if epsilon is None else dict.fromkeys(own, epsilon), settings)
        if len(made) != 1:
            what = f"{name} is several attacks"
            raise ConfigError(what, "Run.attack", f"call each by its name: {', '.join(made)}")
        ((key, attack),) = made.items()
        part, _ = drawn(self.test, n)
        return attacked(key, attack, self.model, part, self.config["seed"] if seed is None else seed)

    def __str__(self) -> str:
        """The headline table and the verdict."""
        return "\n".join([str(self.path), "", headline(self.report), *verdict_lines(self.report)])

    def _repr_html_(self) -> str:
        """The run's page."""
        page = self.path / "report.html"
        if not page.is_file():
            return super()._repr_html_()
        return frame_of(page.read_text(encoding="utf-8"))


def load(
    path: str | PathLike[str], *, checkpoint: str = "last", device: str = "auto", root: str | None = None,
    plugins: Sequence[str] = (),
) -> Run:  # fmt: skip
    """Read a run that ``jhrun train`` made. None of its code is executed but that of packages in ``plugins``.

    Args:
        path: the run's folder.
        checkpoint: ``last``, or ``best`` for the epoch of the highest validation accuracy.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        root: where the data set lies now; where the run had it if not given. Nothing is downloaded.
        plugins: packages of your own that the run's configuration may name.

    Returns:
        The run.

    Raises:
        RunError: there is no run, or no such checkpoint in it.
    """
    folder = RunFolder.existing(str(path))
    config = stored.read(folder.config, plugins)
    place_data(config["dataset"], root, "auto")
    there = sorted(place.parent.name for place in folder.path.glob("checkpoints/*/state.json"))
    if checkpoint not in there:
        remedy = f"there are {', '.join(there)}" if there else "train it further"
        raise RunError(f"there is no checkpoint '{checkpoint}'", str(folder.path), remedy)
    return Run(folder.path.absolute(), config, checkpoint, device, tuple(plugins))


def _cells(share: Proportion | None) -> tuple[float | None, float | None, float | None, int | None]:
    return (None, None, None, None) if share is None else (share.accuracy, *share.ci95, share.n)

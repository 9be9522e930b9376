"""TensorBoard: a run's curves, its hyper-parameters and its results, in ``RUN/tensorboard``."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jhrun.errors import ConfigError
from jhrun.records import EpochRecord

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

TAGS = {
    "loss": "train/loss",
    "task_loss": "train/task_loss",
    "accuracy": "train/accuracy",
    "penalty": "train/penalty",
    "validation_loss": "validation/loss",
    "validation_accuracy": "validation/accuracy",
    "lr": "schedule/lr",
    "weight": "schedule/weight",
    "seconds": "time/seconds_per_epoch",
}
"""A curve for each figure of an ``EpochRecord``; those of a regression task are ``validation/NAME``."""

_RESULTS = ".results"
"""Ending of the file with hyper-parameters and results, of which TensorBoard believes the first that it meets."""


class TensorBoard:
    """Writes what TensorBoard reads; a point's step is the number of parameter updates."""

    def __init__(self) -> None:
        """Find TensorBoard.

        Raises:
            ConfigError: it is not installed.
        """
        try:
            # here and not above: it takes a second, and an installation without it is whole
            from torch.utils import tensorboard  # noqa: PLC0415
        except ImportError as error:
            remedy = "install it: pip install 'jhrun[tensorboard]'"
            raise ConfigError(f"TensorBoard is not there ({error})", "logger=tensorboard", remedy) from error
        self._new_writer = tensorboard.SummaryWriter
        self._writer: SummaryWriter | None = None

    def begin(self, run: Path, done: Sequence[EpochRecord]) -> None:
        """Open a file; points after the epochs that are done are void, and so are earlier results.

        Args:
            run: its folder.
            done: records of the epochs behind it; written now where no file has any.
        """
        self._folder = run / "tensorboard"
        for file in self._folder.glob(f"*{_RESULTS}"):
            file.unlink()
        begun_before = any(self._folder.glob("events.*"))
        after = done[-1].steps + 1 if done else 1
        self._writer = self._new_writer(str(self._folder), purge_step=after if begun_before else None)
        for record in () if begun_before else done:
            self.epoch(record)

    def epoch(self, record: EpochRecord) -> None:
        """Add a point to each curve."""
        assert self._writer is not None
        figures = {tag: getattr(record, name) for name, tag in TAGS.items()}
        figures |= {
            f"validation/{name}": value for name, value in (vars(record.task) if record.task else {}).items()
        }
        figures |= {name.replace(".", "/", 1): value for name, value in record.figures.items()}
        for tag, value in figures.items():
            if value is not None:
                self._writer.add_scalar(tag, value, record.steps)
        self._writer.flush()

    def results(self, config: Mapping[str, Any], report: Mapping[str, Any]) -> None:
        """Write the hyper-parameters, with the accuracies on the test set or a regression task's figures.

        Args:
            config: resolved, by dotted keys.
            report: what ``report.json`` holds.
        """
        from torch.utils.tensorboard.summary import hparams  # noqa: PLC0415

        figures = _figures(report)
        step = report["epochs"][-1]["steps"] if report["epochs"] else 0
        with self._new_writer(str(self._folder), filename_suffix=_RESULTS) as writer:
            settings = {key: _plain(value) for key, value in config.items()}
            for summary in hparams(settings, figures):  # type: ignore[no-untyped-call]
                writer.file_writer.add_summary(summary, step)
            for tag, value in figures.items():
                writer.add_scalar(tag, value, step)

    def close(self) -> None:
        """Bring everything to disk."""
        if self._writer is not None:
            self._writer.close()


def _figures(report: Mapping[str, Any]) -> dict[str, float]:
    """Test figures by tag; an accuracy that is not known, as of a later attack in a cascade, is left out."""
    if report["task"]:
        known = {name: report["task"][name] for name in ("mse", "skill")}
    else:
        attacks = {name: attack["robust"] for name, attack in report["attacks"].items()}
        found = {"clean": report["clean"], **attacks, "worst_case": report["worst_case"]}
        known = {name: share["accuracy"] for name, share in found.items() if share}
    return {f"test/{name}": value for name, value in known.items() if value is not None}


def _plain(value: Any) -> bool | int | float | str:
    """A value as TensorBoard takes one: lists, schedules and null as text."""
    return value if isinstance(value, bool | int | float | str) else json.dumps(value)

"""``jhrun train``: train a network under a penalty, attack it, write a report."""

import json
import os
import shlex
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig
from tqdm import tqdm

from jhrun.commands.eval import free_name, run_evaluation
from jhrun.commands.session import claim, log, logged, say, status_kept
from jhrun.config import objects, stored
from jhrun.config.compose import typed_keys
from jhrun.errors import ConfigError, RunError
from jhrun.folder import RunFolder, write_aside, write_json
from jhrun.penalties import preflight
from jhrun.records import EpochRecord
from jhrun.reporting import headline, write_report
from jhrun.reporting.summary import read_epochs
from jhrun.training import Checkpoint, Interrupted, Trainer, TrainOptions, schedule

MAY_CHANGE = (
    "train.epochs",
    "evaluate",
    "device",
    "epsilon",
    "attack",
    "checkpoint",
    "plugins",
    "resume",
    "hydra",
)
"""Keys that a resumed run may be given anew."""


def run(config: DictConfig, overrides: Sequence[str], output: Path) -> Path:
    """Train as configured, or go on with a run.

    Args:
        config: composed from ``conf/train.yaml``.
        overrides: as typed.
        output: the folder of a new run.

    Returns:
        The run's folder.
    """
    values = stored.plain(config)
    device = objects.device(values["device"])
    if values["resume"] is None:
        folder = claim(output, values, overrides, device)
    else:
        folder = RunFolder.existing(str(values["resume"]))
        values = _resumed(folder, values, overrides)
    with logged(folder), status_kept(folder):
        say(f"{'resuming' if values['resume'] else 'training'} in {folder.path} on {device}")
        _work(folder, values, device)
    report = write_report(folder, values)
    say(f"\n{headline(report)}\n\nreport: {folder.path / 'report.html'}")
    print(folder.path)
    return folder.path


def _work(folder: RunFolder, values: dict[str, Any], device: torch.device) -> None:
    plugins = values["plugins"]
    objects.apply_options(values)
    attacks = objects.attacks(values, values["epsilon"], plugins) if values["evaluate"] else {}
    data = objects.dataset(values, plugins).to(device)
    model = objects.model(values, data.spec, plugins).to(device)
    if values["channels_last"]:
        model = model.to(memory_format=torch.channels_last)
    try:
        trainer = Trainer(
            model,
            data,
            objects.objective(values, plugins),
            objects.regularizer(values, data, plugins),
            objects.optimizer(values, model.parameters(), plugins),
            schedule(values["optimizer"]["lr"], values["train"]["epochs"]),
            TrainOptions(**values["train"], checkpoint_steps=values["checkpoint"]["steps"]),
            values["seed"],
        )
    except (TypeError, ValueError) as error:
        raise ConfigError(str(error), "train", "change it on the command line") from error
    if values["resume"] is not None:
        _restore(folder, trainer)
    else:
        _preflight(folder, trainer)
    trained = trainer.epoch < trainer.options.epochs
    _train(folder, trainer)
    if values["evaluate"] and (trained or not folder.evaluations()):
        run_evaluation(
            folder,
            model,
            data,
            attacks,
            name=free_name(folder, None, attacks),
            checkpoint="last",
            epoch=trainer.epoch,
            seed=values["seed"],
        )


def _preflight(folder: RunFolder, trainer: Trainer) -> None:
    """Two training examples through the penalties; what is wrong with them ends the run, what is odd is said."""
    regularizer = trainer.regularizer
    if not regularizer.penalties:
        return
    batch = next(trainer.dataset.train[:2].batches(2))
    try:
        warnings = preflight(trainer.model, trainer.objective, regularizer.penalties, regularizer.solver(0), batch)
    except ValueError as error:
        raise ConfigError(str(error), "preflight of the penalty", "change model, regularizer or solver") from error
    for warning in warnings:
        say(f"warning: {warning}")
    write_json(folder.warnings, {"warnings": warnings})


def _train(folder: RunFolder, trainer: Trainer) -> None:
    total = trainer.options.epochs * trainer.steps
    shown = 0.0

    def record(line: EpochRecord) -> None:
        with folder.metrics.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(line), allow_nan=False) + "\n")
            file.flush()
            os.fsync(file.fileno())
        text = _epoch_line(line, trainer.options.epochs)
        log.info("%s", text)
        if bar.disable:
            print(text, flush=True)

    def progress(trainer: Trainer) -> None:
        nonlocal shown
        bar.update(1)
        if not bar.disable and time.monotonic() - shown > 0.2:
            shown = time.monotonic()
            means = trainer.running()
            bar.set_description(f"epoch {trainer.epoch + 1}/{trainer.options.epochs}", refresh=False)
            bar.set_postfix(
                loss=f"{means['loss']:.3f}",
                acc=f"{100 * means['accuracy']:.1f}%",
                penalty=f"{means['penalty']:.3g}",
                refresh=False,
            )

    with (
        tqdm(total=total, initial=trainer.steps_done, unit="step", disable=None, dynamic_ncols=True) as bar,
        stop_on_interrupt() as stop,
    ):
        try:
            trainer.run(
                save=lambda name, checkpoint: checkpoint.save(folder.checkpoint(name)),
                record=record,
                progress=progress,
                stop=stop,
            )
        except Interrupted:
            again = shlex.quote(f"resume={folder.path}")
            say(f"interrupted; everything is saved, and this goes on: jhrun train {again}")
            raise


def _resumed(folder: RunFolder, wanted: dict[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    """The run's own configuration, with what may be given anew.

    Args:
        folder: of the run.
        wanted: what the call composed.
        overrides: what was typed.

    Returns:
        The run's configuration from now on.

    Raises:
        RunError: the call names something else than what the run was made with.
    """
    values = stored.read(folder.config)
    typed = typed_keys(list(overrides))
    fixed = [key for key in typed if key.split(".")[0] not in MAY_CHANGE and key not in MAY_CHANGE]
    if "experiment" in fixed:
        fixed = [key for key in wanted if key not in MAY_CHANGE]
    different = stored.differences(values, wanted, [key for key in fixed if key != "train.epochs"])
    different = [d for d in different if not d.startswith("train.epochs:")]
    if different:
        raise RunError(
            f"the run was made with another configuration: {'; '.join(different)}",
            str(folder.path),
            "leave these keys out to go on with the run's own, or start a new run",
        )
    for key in typed:
        if key == "train.epochs":
            values["train"]["epochs"] = wanted["train"]["epochs"]
        elif key.split(".")[0] in MAY_CHANGE and key.split(".")[0] in wanted:
            values[key.split(".")[0]] = wanted[key.split(".")[0]]
    write_aside(folder.config, stored.as_yaml(values | {"resume": None}))
    return values | {"resume": wanted["resume"], "plugins": wanted["plugins"]}


def _restore(folder: RunFolder, trainer: Trainer) -> None:
    """Go back to the last checkpoint, and drop the records of what came after it."""
    if any(folder.path.glob("checkpoints/last*/state.json")):
        try:
            trainer.restore(Checkpoint.load(folder.checkpoint("last")))
        except (KeyError, RuntimeError) as error:
            raise RunError(
                f"the checkpoint does not fit the run's network ({error})", str(folder.path), "use another"
            ) from error
    kept = read_epochs(folder.metrics)[: trainer.epoch]
    write_aside(folder.metrics, "".join(json.dumps(line) + "\n" for line in kept))
    say(f"going on from epoch {trainer.epoch}, step {trainer.step}")


@contextmanager
def stop_on_interrupt() -> Iterator[Callable[[], bool]]:
    """The first Ctrl-C asks to stop at a step's end; a second one stops at once.

    Yields:
        Whether to stop.
    """
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked.is_set
        return

    def ask(*_: Any) -> None:
        signal.signal(signal.SIGINT, before)
        asked.set()

    before = signal.signal(signal.SIGINT, ask)
    try:
        yield asked.is_set
    finally:
        signal.signal(signal.SIGINT, before)


def _epoch_line(line: EpochRecord, epochs: int) -> str:
    parts = [f"epoch {line.epoch}/{epochs}", f"loss {line.loss:.4f}", f"accuracy {100 * line.accuracy:.1f} %"]
    if line.penalty is not None:
        parts.append(f"penalty {line.penalty:.4g}")
    if line.validation_accuracy is not None:
        parts.append(f"validation {100 * line.validation_accuracy:.1f} %")
    return ", ".join([*parts, f"{line.seconds:.1f} s"])

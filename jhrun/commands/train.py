"""``jhrun train``: train a network under a penalty, attack it, write a report."""

import shlex
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig

from jhrun.attacks import Attack
from jhrun.commands.claim import claim, made, require_empty
from jhrun.commands.eval import applicable, require_radii
from jhrun.commands.evaluation import CALL, Request, drawn, named, run_evaluation, say_result
from jhrun.commands.failures import plugins_named
from jhrun.commands.prepare import preflighted, prepared
from jhrun.commands.progress import Progress
from jhrun.commands.remedy import shared_settings
from jhrun.commands.resume import restore, resumed_values
from jhrun.commands.session import (
    log,
    logged,
    records_read,
    remembered,
    resources_named,
    say,
    status_kept,
    tell,
)
from jhrun.commands.signals import preemptible, stop_at_step
from jhrun.commands.watch import Watch, validated
from jhrun.config import objects, stored
from jhrun.config.background import background
from jhrun.config.overrides import flatten
from jhrun.evaluation.analyses import Analysis
from jhrun.folder import RunFolder
from jhrun.jsonio import append_line, as_plain, read_json, read_lines, write_json
from jhrun.loggers import Logger
from jhrun.records import Decision, EpochRecord
from jhrun.reporting import write_report
from jhrun.reporting.words import counted
from jhrun.sweeps import Lock
from jhrun.training import Canaries, Checkpoint, Interrupted, Trainer


def run(config: DictConfig, overrides: Sequence[str], output: Path) -> Path:
    """Train as configured, or go on with a run.

    Args:
        config: composed from ``conf/train.yaml``.
        overrides: as typed.
        output: the folder of a new run.

    Returns:
        The run's folder.
    """
    call = stored.plain(config)
    resume = call["resume"]
    with ExitStack() as stack:
        stack.enter_context(preemptible())
        different: list[str] = []
        if resume is None:
            stack.enter_context(remembered())
            stack.enter_context(resources_named(output))
            require_empty(output)
            values = call
        else:
            folder, values, different = _reopened(stack, call, overrides)
        device = objects.device(values["device"])
        logger = objects.logger(values, call["plugins"])
        # whatever can be wrong with the call is told before there is a folder, or anything in it is changed
        with plugins_named(call["plugins"]):
            trainer, attacks, analyses = _built(values, device, call["plugins"], overrides)
            warnings = preflighted(trainer) if resume is None else []
        if resume is None:
            stack.enter_context(made(output))
            stack.enter_context(Lock(output))
            folder = claim(output, values, overrides, device)
            finish = _kept(stack, folder)
            stack.enter_context(logged(folder))
            say(f"training in {folder.path} on {device}")
            _note(folder, trainer, warnings, values, call["plugins"])
        else:
            command = shlex.join(["jhrun", "train", *overrides])
            with records_read(folder):
                restore(folder, trainer, values, call, command, different)
            if trainer.steps_done == 0:
                with plugins_named(call["plugins"]):
                    warnings = preflighted(trainer)
                _note(folder, trainer, warnings, values, call["plugins"])
            finish = _kept(stack, folder)
        if logger is not None:
            stack.callback(logger.close)
            logger.begin(folder.path, [EpochRecord(**line) for line in read_lines(folder.metrics)])
        with plugins_named(call["plugins"]):
            _work(folder, trainer, values, attacks, analyses, logger)
        finish()
        report = write_report(folder, values)
        if logger is not None:
            logger.results(flatten(values), as_plain(report))
        say_result(folder, report)
        tell(str(folder.path))
    return folder.path


def validate(config: DictConfig, overrides: Sequence[str], output: Path) -> str:
    """Try everything of a call that can be tried without training; nothing is written.

    Args:
        config: composed from ``conf/train.yaml``.
        overrides: as typed.
        output: the folder of a new run.

    Returns:
        What the call would do.
    """
    call = stored.plain(config)
    if call["resume"] is None:
        require_empty(output)
        values, verb = call, "train"
    else:
        folder = RunFolder.existing(str(call["resume"]))
        values, _ = resumed_values(folder, call, overrides)
        verb = f"go on with {folder.path}:"
    device = objects.device(values["device"])
    objects.logger(values, call["plugins"])
    with plugins_named(call["plugins"]):
        trainer, attacks, analyses = _built(values, device, call["plugins"], overrides)
        for warning in preflighted(trainer):
            say(f"warning: {warning}")
    examples, epochs = len(trainer.dataset.train), trainer.options.epochs
    after = ", ".join([*attacks, *analyses]) if values["evaluate"] else ""
    then = f"; then {after}" if after else ""
    return f"{verb} {counted(epochs, 'epoch')} of {counted(examples, 'example')} on {device}{then}"


def _reopened(
    stack: ExitStack, call: dict[str, Any], overrides: Sequence[str]
) -> tuple[RunFolder, dict[str, Any], list[str]]:
    """The folder of a run that goes on, locked; its configuration; what is forced upon that."""
    folder = RunFolder.existing(str(call["resume"]))
    stack.enter_context(resources_named(folder.path))
    stack.enter_context(Lock(folder.path))
    values, different = resumed_values(folder, call, overrides)
    device = objects.device(values["device"])
    stack.enter_context(logged(folder))
    say(f"resuming in {folder.path} on {device}")
    return folder, values, different


def _built(
    values: dict[str, Any], device: torch.device, plugins: Sequence[str], overrides: Sequence[str]
) -> tuple[Trainer, dict[str, Attack], dict[str, Analysis]]:
    """What the run trains with, what it is attacked with and how it is analysed; nothing is written."""
    radii = objects.radii(values)
    needed = values["evaluate"] or values.get("search")
    attacks = objects.attacks(values, radii, plugins) if needed else {}
    analyses = objects.analyses(values, plugins) if values["evaluate"] else {}
    with Progress("reading the data"):
        trainer = prepared(values, device, plugins)
    require_radii(radii, trainer.dataset)
    attacks = applicable(attacks, trainer.dataset, overrides)
    analyses = analyses if trainer.dataset.classes else {}
    if values["evaluate"]:
        # a subset that is too large is told before the training, not after it
        drawn(trainer.dataset.test, values["subset"])
    return trainer, attacks, analyses


def _kept(stack: ExitStack, folder: RunFolder) -> Callable[[], None]:
    """Keep the run's status from here on; gives what says that the run is finished."""
    finish = stack.enter_context(status_kept(folder))
    # within it, so that the status knows a failure by its name
    stack.enter_context(resources_named(folder.path, f"go on with {shlex.quote(f'resume={folder.path}')}"))
    return finish


def _work(
    folder: RunFolder,
    trainer: Trainer,
    values: dict[str, Any],
    attacks: dict[str, Attack],
    analyses: dict[str, Analysis],
    logger: Logger | None,
) -> None:
    """Train and attack."""
    watch = Watch(folder, values, trainer)
    _train(folder, trainer, [watch.epoch, *([logger.epoch] if logger is not None else [])])
    if values.get("search") and not _measured(folder.validated, epoch=trainer.epoch):
        with Progress("attacking the validation part"):
            validated(folder, values, trainer, attacks)
    results = [path / "results.json" for path in folder.evaluations()]
    if values["evaluate"] and not any(_measured(path, epoch=trainer.epoch, checkpoint="last") for path in results):
        settings = {name: values["analysis"][name] for name in analyses}
        request = Request(
            folder,
            values,
            trainer.evaluated,
            trainer.dataset,
            attacks,
            checkpoint="last",
            info=Checkpoint.load(folder.checkpoint("last")).info,
            seed=values["seed"],
            sha256=trainer.data["sha256"],
            epsilon=objects.radii(values)["inf"],
            cascade=values["cascade"],
            subset=values["subset"],
            analyses=analyses,
            settings=settings,
            call={**{key: values.get(key) for key in CALL}, "checkpoint": "last"},
            plugins=values["plugins"],
            again=shared_settings(values),
        )
        run_evaluation(named(request, "+".join(attacks) or "test"))


def _measured(path: Path, **of: Any) -> bool:
    """Whether a record is there, and of this network."""
    if not path.is_file():
        return False
    record = read_json(path)
    return all(record.get(key) == value for key, value in of.items())


def _note(
    folder: RunFolder, trainer: Trainer, warnings: Sequence[str], values: dict[str, Any], plugins: Sequence[str]
) -> None:
    """Keep for the report what the terms of the loss mean and what is cited; say what is odd, and keep it too."""
    write_json(folder.background, as_plain(background(values, trainer, plugins)))
    write_json(folder.terms, {"terms": as_plain([one.record() for one in trainer.terms])})
    for warning in warnings:
        say(f"warning: {warning}")
    write_json(folder.warnings, {"warnings": list(warnings)})


def _train(folder: RunFolder, trainer: Trainer, told: Sequence[Callable[[EpochRecord], None]]) -> None:
    epochs = trainer.options.epochs
    canaries = Canaries(folder, trainer.dataset.spec.shape)
    figures, shown = "", 0.0

    def record(line: EpochRecord) -> None:
        append_line(folder.metrics, asdict(line))
        for listener in told:
            listener(line)
        text = _epoch_line(line, epochs, trainer.terms[-1].term.title)
        log.info("%s", text)
        if running.bar.disable:
            tell(text)

    def decided(decision: Decision) -> None:
        append_line(folder.decisions, as_plain(decision))
        taken = decision.taken
        say(
            f"epoch {decision.epoch}: {decision.matrix} by {decision.name}, truth {taken.truth:.3f} of "
            f"{decision.examples} examples, its search {taken.cost:.1f} plain steps"
        )

    def progress(trainer: Trainer) -> None:
        nonlocal figures, shown
        if time.monotonic() - shown > 0.2 and (means := trainer.means):
            shown = time.monotonic()
            shown_now = [f"loss {means['loss']:.3g}"]
            if "accuracy" in means:
                shown_now.append(f"acc {100 * means['accuracy']:.1f}%")
            for one in trainer.terms:
                if one.name in means and not one.term.plain:
                    shown_now.append(f"{one.term.title} {means[one.name]:.3g}")
                own = (name for name in means if name.startswith(f"{one.name}."))
                shown_now += [f"{name.partition('.')[2]} {means[name]:.3g}" for name in own]
            figures = ", ".join(shown_now)
        running(trainer.steps_done, f"epoch {min(trainer.epoch + 1, epochs)}/{epochs}", detail=figures)

    def save(name: str, checkpoint: Checkpoint) -> None:
        canaries.note(name, checkpoint.info, *dict.fromkeys((trainer.model, trainer.evaluated)))
        checkpoint.save(folder.checkpoint(name))

    with (
        Progress("training", epochs * trainer.steps, done=trainer.steps_done, stays=True) as running,
        stop_at_step() as stop,
    ):
        try:
            trainer.run(
                save=save,
                record=record,
                progress=progress,
                stop=stop,
                decided=decided,
            )
            if stop():
                # asked for after the last step; everything is saved
                raise Interrupted
        except Interrupted:
            again = shlex.quote(f"resume={folder.path}")
            say(f"interrupted; everything is saved, and this goes on: jhrun train {again}")
            raise stop.exception from None


def _epoch_line(line: EpochRecord, epochs: int, regularizer: str) -> str:
    parts = [f"epoch {line.epoch}/{epochs}", f"loss {line.loss:.4g}"]
    if line.accuracy is not None:
        parts.append(f"accuracy {100 * line.accuracy:.1f} %")
    if line.penalty is not None:
        parts.append(f"{regularizer} {line.penalty:.4g}")
    if line.validation_accuracy is not None:
        parts.append(f"validation {100 * line.validation_accuracy:.1f} %")
    elif line.validation_loss is not None:
        parts.append(f"validation loss {line.validation_loss:.4g}")
    if line.skipped:
        parts.append(f"{line.skipped} of its batches skipped")
    if line.task is not None:
        figures = {name: getattr(line.task, name) for name in ("skill", "asymmetry", "off_diagonal")}
        parts += [f"{name} {value:.4g}" for name, value in figures.items() if value is not None]
    return ", ".join([*parts, f"{line.seconds:.1f} s"])

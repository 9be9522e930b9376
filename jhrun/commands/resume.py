"""Going on with a run: its own configuration, its last checkpoint, its records up to there."""

from collections.abc import Sequence
from contextlib import suppress
from copy import deepcopy
from typing import Any

from jhrun.commands.environment import changes, environment, resumed
from jhrun.commands.failures import memory_named, plugins_named
from jhrun.commands.session import say
from jhrun.config import courses, stored
from jhrun.config.overrides import typed_keys
from jhrun.errors import ConfigError, RunError
from jhrun.files import write_aside
from jhrun.folder import RunFolder
from jhrun.jsonio import as_line, as_plain, read_json, read_lines, typed, write_json
from jhrun.records import Decision
from jhrun.training import Canaries, Checkpoint, Trainer

MAY_CHANGE = (
    "train.epochs",
    "train.on_nonfinite",
    "evaluate",
    "device",
    "threads",
    "dataset.root",
    "dataset.cache",
    "checkpoint.steps",
    "log.steps",
    "logger",
    "plugins",
    "sweep.on_fail",
    "sweep.plan",
    "search.trials",
    "search.startup",
    "search.prune",
    "search.seed",
    "search.space",
)
"""Keys that a resumed run may be given anew: none of them changes what was trained so far."""

_FORCE = "resume_force=true goes on all the same"


def resumed_values(
    folder: RunFolder, wanted: dict[str, Any], overrides: Sequence[str]
) -> tuple[dict[str, Any], list[str]]:
    """The run's own configuration, with what may be given anew. Nothing is written.

    Args:
        folder: of the run.
        wanted: what the call composed.
        overrides: what was typed.

    Returns:
        The run's configuration from now on, and where that is forced upon it, ``key: before → after`` each.

    Raises:
        RunError: the call names something else than what the run was made with.
        ConfigError: another number of epochs would bend a schedule that has been followed so far.
    """
    values = stored.read(folder.config, wanted["plugins"])
    beside = ("resume", "resume_force", "hydra")
    typed = [key for key in typed_keys(list(overrides)) if key.split(".")[0] not in beside]
    fixed = [key for key in typed if key not in MAY_CHANGE]
    if "experiment" in fixed:
        fixed = [key for key in wanted if key not in {*MAY_CHANGE, *beside}]
    different = [d for d in stored.differences(values, wanted, fixed) if not d.startswith(MAY_CHANGE)]
    if different and not wanted["resume_force"]:
        raise RunError(
            f"the run was made with another configuration: {'; '.join(different)}",
            str(folder.path),
            "leave these keys out to go on with the run's own; jhrun eval takes other attacks and epsilons; "
            f"{_FORCE}",
        )
    before = deepcopy(values)
    for key in [*(key for key in MAY_CHANGE if key in typed), *(fixed if different else [])]:
        *path, name = key.split(".")
        target, source = values, wanted
        for part in path:
            # only a search's trial has ``search``
            target, source = target.setdefault(part, {}), source[part]
        target[name] = source[name]
    _refuse_bent(folder, before, values["train"]["epochs"])
    return values, different


def _refuse_bent(folder: RunFolder, values: dict[str, Any], epochs: int) -> None:
    """Refuse a length of the training in which a schedule had other values over what is trained.

    Args:
        folder: of the run.
        values: as it was trained.
        epochs: as it would go on.

    Raises:
        ConfigError: there is such a schedule.
    """
    if epochs == values["train"]["epochs"]:
        return
    done = 0
    # a missing or damaged checkpoint is named when it is loaded
    with suppress(RunError, KeyError):
        info = read_json(folder.checkpoint("last") / "state.json")
        done = info["epoch"] + (info["step"] > 0)
    if bent := courses.bent(values, epochs, done):
        before = values["train"]["epochs"]
        what = f"train.epochs={epochs} instead of {before} would bend {', '.join(bent)}, which was followed so far"
        raise ConfigError(what, str(folder.path), "start a new run")


def restore(
    folder: RunFolder,
    trainer: Trainer,
    values: dict[str, Any],
    call: dict[str, Any],
    command: str,
    other: Sequence[str] = (),
) -> None:
    """Go back to the last checkpoint, drop what came after it, and write down how the run goes on.

    Args:
        folder: of the run.
        trainer: freshly made from ``values``, on its device.
        values: the run's configuration from now on.
        call: what the call composed: its ``resume_force`` goes on under other circumstances too.
        command: as typed.
        other: where that is forced upon it, ``key: before → after`` each.

    Raises:
        RunError: the checkpoint is gone or does not fit, or code, PyTorch, device or data are others.
        ConfigError: the run has been trained for longer than it now should.
    """
    forced = call["resume_force"]
    before = read_json(folder.environment)
    here = environment(trainer.device, command, values)
    different, allowed = changes(before, here)
    _refuse(folder, different, forced)
    records = list(read_lines(folder.metrics))
    if any(folder.path.glob("checkpoints/last*/state.json")):
        checkpoint = Checkpoint.load(folder.checkpoint("last"))
        try:
            with memory_named("free some, and type the same again"), plugins_named(call["plugins"]):
                trainer.restore(checkpoint)
        except (KeyError, RuntimeError) as error:
            what = f"the checkpoint does not fit the run's network ({error})"
            raise RunError(what, str(folder.path), "was config.yaml changed?") from error
        if not forced:
            Canaries(folder, trainer.dataset.spec.shape).verify("last", checkpoint.info, trainer.model)
        trained_on, data = checkpoint.info["data"]["sha256"], trainer.data["sha256"]
        if trained_on != data:
            different.append(f"data (SHA-256): {trained_on} → {data}")
            _refuse(folder, different, forced)
    elif len(records) > 1:
        what = f"{len(records)} epochs are recorded, but the checkpoint is gone"
        raise RunError(what, str(folder.checkpoint("last")), "put it back, or start a new run")
    if len(records) < trainer.epoch:
        what = f"{trainer.epoch} epochs are trained, but {len(records)} are recorded"
        raise RunError(what, str(folder.metrics), "put back what is missing, or start a new run")
    if trainer.epoch > trainer.options.epochs:
        what = f"train.epochs={trainer.options.epochs}, but {trainer.epoch} epochs are done"
        raise ConfigError(what, str(folder.path), f"give {trainer.epoch} or more")
    _tidy(folder)
    write_aside(folder.metrics, "".join(map(as_line, records[: trainer.epoch])))
    for part in ("validation", "test"):
        seen = [line for line in read_lines(folder.watched(part)) if line["epoch"] <= trainer.epoch]
        if folder.watched(part).is_file():
            write_aside(folder.watched(part), "".join(map(as_line, seen)))
    if folder.decisions.is_file():
        # the checkpoint has no step of a later epoch: its decision is made again, with the same result
        behind = trainer.epoch + (trainer.step > 0)
        kept = read_lines(folder.decisions, Decision.ORDER)
        lines = [d for d in (typed(line, Decision, folder.decisions) for line in kept) if d.epoch <= behind]
        write_aside(folder.decisions, "".join(as_line(as_plain(d)) for d in lines))
    different = [*other, *different, *allowed]
    place = {"epoch": trainer.epoch, "step": trainer.step, "differences": different}
    # before the configuration: what is another is noted, whatever happens
    write_json(folder.environment, resumed(before, here, **place))
    stored.write(folder.config, values | {"resume": None})
    if different:
        say(f"warning: this is not how the run began: {'; '.join(different)}")
    say(f"going on from epoch {trainer.epoch}, step {trainer.step}")


def _refuse(folder: RunFolder, different: Sequence[str], forced: bool) -> None:
    if different and not forced:
        what = f"the run would not go on as it began ({'; '.join(different)})"
        raise RunError(what, str(folder.path), _FORCE)


def _tidy(folder: RunFolder) -> None:
    """Remove what a process that was killed left half written."""
    folder.remove_temporaries()
    for name in ("last", "best"):
        Checkpoint.settle(folder.checkpoint(name))

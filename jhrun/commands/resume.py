"""Going on with a run: its own configuration, its last checkpoint, its records up to there."""

import json
from collections.abc import Sequence
from typing import Any

from jhrun.commands.failures import memory_named
from jhrun.commands.session import say
from jhrun.config import stored
from jhrun.config.compose import typed_keys
from jhrun.errors import ConfigError, RunError
from jhrun.folder import RunFolder, write_aside
from jhrun.records import Decision
from jhrun.reporting.summary import read_lines
from jhrun.training import Checkpoint, Trainer

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


def resumed_values(folder: RunFolder, wanted: dict[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    """The run's own configuration, with what may be given anew. Nothing is written.

    Args:
        folder: of the run.
        wanted: what the call composed.
        overrides: what was typed.

    Returns:
        The run's configuration from now on.

    Raises:
        RunError: the call names something else than what the run was made with.
        ConfigError: another number of epochs would bend a schedule that has been followed so far.
    """
    values = stored.read(folder.config)
    typed = [key for key in typed_keys(list(overrides)) if key != "resume" and not key.startswith("hydra")]
    fixed = [key for key in typed if key not in MAY_CHANGE]
    if "experiment" in fixed:
        fixed = [key for key in wanted if key not in {*MAY_CHANGE, "resume"}]
    different = [d for d in stored.differences(values, wanted, fixed) if not d.startswith(MAY_CHANGE)]
    if different:
        raise RunError(
            f"the run was made with another configuration: {'; '.join(different)}",
            str(folder.path),
            "leave these keys out to go on with the run's own; jhrun eval takes other attacks and epsilons",
        )
    before = values["train"]["epochs"]
    for key in MAY_CHANGE:
        if key in typed:
            *path, name = key.split(".")
            target, source = values, wanted
            for part in path:
                # an older version's configuration may lack a key
                target, source = target.setdefault(part, {}), source[part]
            target[name] = source[name]
    after = values["train"]["epochs"]
    bent = [
        f"{section}.{key}"
        for section, key in (("optimizer", "lr"), ("regularizer", "weight"), ("solver", "iterations"))
        if isinstance(values[section].get(key), dict) and "cosine" in values[section][key]
    ]
    if bent and after != before:
        raise ConfigError(
            f"train.epochs={after} instead of {before} would bend the cosine of {', '.join(bent)}",
            str(folder.path),
            "start a new run",
        )
    return values


def restore(folder: RunFolder, trainer: Trainer, values: dict[str, Any]) -> None:
    """Go back to the last checkpoint, drop the records of what came after it, and write down the configuration.

    Args:
        folder: of the run.
        trainer: freshly made from ``values``.
        values: the run's configuration from now on.

    Raises:
        RunError: the checkpoint is gone or does not fit.
        ConfigError: the run has been trained for longer than it now should.
    """
    records = read_lines(folder.metrics)
    if any(folder.path.glob("checkpoints/last*/state.json")):
        try:
            with memory_named("free some, and type the same again"):
                trainer.restore(Checkpoint.load(folder.checkpoint("last")))
        except (KeyError, RuntimeError) as error:
            what = f"the checkpoint does not fit the run's network ({error})"
            raise RunError(what, str(folder.path), "was config.yaml changed?") from error
    elif len(records) > 1:
        what = f"{len(records)} epochs are recorded, but the checkpoint is gone"
        raise RunError(what, str(folder.checkpoint("last")), "put it back, or start a new run")
    if trainer.epoch > trainer.options.epochs:
        what = f"train.epochs={trainer.options.epochs}, but {trainer.epoch} epochs are done"
        raise ConfigError(what, str(folder.path), f"give {trainer.epoch} or more")
    write_aside(folder.metrics, "".join(json.dumps(line) + "\n" for line in records[: trainer.epoch]))
    for part in ("validation", "test"):
        seen = [line for line in read_lines(folder.watched(part)) if line["epoch"] <= trainer.epoch]
        if folder.watched(part).is_file():
            write_aside(folder.watched(part), "".join(json.dumps(line) + "\n" for line in seen))
    # of the epoch that is about to begin, a decision may have been stored that no checkpoint knows of yet
    stored_now = [d for d in map(Decision.of, read_lines(folder.decisions)) if d.epoch == trainer.epoch + 1]
    known = trainer.directions.decisions
    known += [d for d in stored_now if (d.epoch, d.penalty) not in {(k.epoch, k.penalty) for k in known}]
    if known:
        write_aside(folder.decisions, "".join(json.dumps(d.plain()) + "\n" for d in known))
    write_aside(folder.config, stored.as_yaml(values | {"resume": None}))
    say(f"going on from epoch {trainer.epoch}, step {trainer.step}")

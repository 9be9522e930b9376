"""``jhrun eval``: attack a run's network again, and say whether the figures can be believed."""

import math
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from jhrun.attacks import Attack
from jhrun.attacks.attack import require_radius
from jhrun.commands.evaluation import CALL, MEMORY, Request, named, run_evaluation, say_result
from jhrun.commands.failures import memory_named, plugins_named
from jhrun.commands.progress import Progress
from jhrun.commands.remedy import typed_again
from jhrun.commands.session import logged, records_read, resources_named, tell
from jhrun.commands.signals import preemptible
from jhrun.config import network, objects, stored
from jhrun.config.groups import nearest
from jhrun.config.overrides import typed_keys
from jhrun.config.rules import wrong_classes
from jhrun.config.values import OF_CLASSES, check
from jhrun.data import Dataset, facts
from jhrun.errors import ConfigError, RunError, VerdictError
from jhrun.evaluation.unfinished import REQUEST
from jhrun.folder import RunFolder
from jhrun.jsonio import read_json
from jhrun.records import INCOMPLETE, PASS
from jhrun.reporting import Report, alone, deciding, remedy, write_report
from jhrun.sweeps import Lock
from jhrun.training import Checkpoint
from jhrun.training.averages import averaged_weights

LONGEST_NAME = 200
"""Bytes of an evaluation's name, to which file systems leave some for temporaries."""

FOR_CLASSES = {"attack", "epsilon", "epsilon_l2", "cascade", "analysis", "twin", "strict"}
"""What can be asked for only where there are classes to change."""


def run(config: DictConfig, overrides: Sequence[str], output: Path) -> Path:  # noqa: ARG001 - a command's form
    """Evaluate a run as configured.

    Args:
        config: composed from ``conf/eval.yaml``.
        overrides: as typed.
        output: not used: an evaluation lies in its run.

    Returns:
        The run's folder.

    Raises:
        RunError: the run cannot be used.
        VerdictError: the verdict is ``fail``, and that was to be an error.
    """
    call, folder, values = _opened(config)
    with preemptible(), resources_named(folder.path), logged(folder), Lock(folder.path):
        objects.apply_options(values)
        with memory_named(MEMORY), records_read(folder):
            call |= _kept(folder, call["name"], overrides)
            request = _request(folder, values, call, overrides)
        with plugins_named(call["plugins"]):
            run_evaluation(request)
        with records_read(folder):
            report = write_report(folder, values)
        own = alone(folder, report, request.name)
        say_result(folder, report, own)
    tell(str(folder.path))
    if call["strict"]:
        refuse_doubtful(own)
    return folder.path


def validate(config: DictConfig, overrides: Sequence[str], output: Path) -> str:  # noqa: ARG001 - a command's form
    """Try everything of a call that can be tried without an attack; nothing is written.

    Args:
        config: composed from ``conf/eval.yaml``.
        overrides: as typed.
        output: not used.

    Returns:
        What the call would do.
    """
    call, folder, values = _opened(config)
    objects.apply_options(values)
    with records_read(folder):
        call |= _kept(folder, call["name"], overrides)
        request = _request(folder, values, call, overrides)
    what = ", ".join([*request.attacks, *request.analyses]) or "the held-out figures"
    return f"make evaluation {request.name} in {folder.path}: {what}"


def _opened(config: DictConfig) -> tuple[dict[str, Any], RunFolder, dict[str, Any]]:
    """The call, the run's folder, and the run's configuration with the data where they lie now."""
    call = stored.resolved(config)
    folder = RunFolder.existing(str(call["run"]))
    values = stored.read(folder.config, call["plugins"])
    # the run knows how many classes may be asked for
    check({**call, "dataset": values["dataset"]})
    place_data(values["dataset"], **call["dataset"])
    return call, folder, values


def _kept(folder: RunFolder, name: str | None, overrides: Sequence[str]) -> dict[str, Any]:
    """What an evaluation of that name was asked for, where the call says nothing of it."""
    if name is None or {key.split(".")[0] for key in typed_keys(list(overrides))} & {*CALL}:
        return {}
    path = folder.evaluation(str(name)) / REQUEST
    if not path.is_file():
        return {}
    call = read_json(path).get("call")
    kept = {key: call[key] for key in CALL if key in call} if isinstance(call, dict) else {}
    check(kept)
    return kept


def refuse_doubtful(report: Report) -> None:
    """End in an error where an evaluation's verdict is another one than ``pass``.

    Args:
        report: of the run, or of one of its evaluations.

    Raises:
        VerdictError: it is.
    """
    verdict = report.verdict
    if verdict is None:
        remedy_of_none = f"take one: name={report.evaluation} analysis=verdict"
        raise VerdictError("the evaluation has no verdict", report.run, remedy_of_none)
    if verdict.outcome == PASS:
        return
    what = f"the verdict is {verdict.outcome}: {', '.join(deciding(verdict))}"
    command = remedy(report) if verdict.outcome == INCOMPLETE else None
    raise VerdictError(what, report.run, " ".join(command) if command else "see its report.html")


def place_data(node: dict[str, Any], root: str | None, cache: str | None) -> None:
    """Say where the data set lies; a stranger's run fetches nothing, and keeps nothing in folders of its choice.

    Args:
        node: the run's ``dataset``.
        root: where it lies now, as typed; None for where the run had it.
        cache: where what is decoded is kept, as typed; None for nowhere.
    """
    if root is not None:
        node["root"] = root
    elif "download" in node:
        node["download"] = False
    if "cache" in node:
        node["cache"] = cache


def _request(folder: RunFolder, values: dict[str, Any], call: dict[str, Any], overrides: Sequence[str]) -> Request:
    """Everything that the call asks for, built; what is typed wrong is told before anything is loaded."""
    seed = values["seed"] if call["seed"] is None else call["seed"]
    radii = objects.radii(
        {key: values[key] if call[key] is None else call[key] for key in ("epsilon", "epsilon_l2")}
    )
    plugins = call["plugins"]
    attacks = objects.attacks(call, radii, plugins)
    analyses = objects.analyses(call, plugins)
    if call["name"] is not None:
        _check_name(str(call["name"]))
    checkpoint = Checkpoint.load(_checkpoint(folder, call["checkpoint"]))
    device = objects.device(call["device"])
    with Progress("reading the data"):
        data = objects.dataset(values, plugins).to(device)
    require_radii(radii, data)
    attacks = applicable(attacks, data, overrides)
    model = network.model(values, data, plugins)
    averaged = call["averaged"]
    network.load_weights(model, checkpoint, folder, call["checkpoint"], data, averaged=averaged)
    raw = averaged is False and bool(averaged_weights(checkpoint.state))
    request = Request(
        folder,
        values,
        model,
        data,
        attacks,
        # another network than the averaged one: the two are never joined in a headline
        checkpoint=f"{call['checkpoint']}, not averaged" if raw else call["checkpoint"],
        info=checkpoint.info,
        seed=seed,
        sha256=facts(data)["sha256"],
        epsilon=radii["inf"],
        cascade=call["cascade"],
        subset=call["subset"],
        analyses=analyses if data.classes else {},
        settings=(call.get("analysis") or {}) if data.classes else {},
        call={key: call.get(key) for key in CALL},
        twin=None if call["twin"] is None else network.of_run(call["twin"], data, plugins),
        twin_run=call["twin"],
        plugins=plugins,
        again=typed_again(overrides, radii["inf"]),
    )
    if call["name"] is None:
        return named(request, base_name(attacks, overrides))
    request = replace(request, name=str(call["name"]))
    if obstacle := request.unfinished.obstacle():
        what = f"evaluation '{request.name}' {obstacle}"
        raise RunError(what, str(request.unfinished.folder), "choose another: name=NAME")
    return request


def base_name(attacks: dict[str, Attack], overrides: Sequence[str]) -> str:
    """What to call an evaluation: the choice that was typed, or its attacks' names.

    Args:
        attacks: by name.
        overrides: as typed.

    Returns:
        The name of a folder.
    """
    typed = [override.removeprefix("attack=") for override in overrides if override.startswith("attack=")]
    if attacks and typed and re.fullmatch(r"\w+", typed[-1]):
        return typed[-1]
    return "+".join(attacks) or "test"


def applicable(attacks: dict[str, Attack], data: Dataset, overrides: Sequence[str]) -> dict[str, Attack]:
    """The attacks that the data set admits: all, or none where there are no classes to change.

    Args:
        attacks: by name, as configured.
        data: to be attacked.
        overrides: as typed.

    Returns:
        Those to be run.

    Raises:
        ConfigError: attacks were asked for that cannot be.
    """
    if data.classes:
        for name, key in product(attacks, OF_CLASSES):
            # what nobody typed is at most so many
            if (full := f"attack.{name}.{key}") in typed_keys(list(overrides)):
                _refuse_too_many(full, attacks[name].parameters.get(key), len(data.classes))
        return attacks
    asked = [key for key in typed_keys(list(overrides)) if key.split(".")[0] in FOR_CLASSES]
    if asked:
        raise ConfigError(
            "the data set has values to predict and no classes to attack", asked[0], f"leave {asked[0]} out"
        )
    return {}


def require_radii(radii: Mapping[str, float], data: Dataset) -> None:
    """Refuse an ℓ2 radius that holds every image of the data set: how many pixels there are is known only now.

    Args:
        radii: ε by norm.
        data: to be attacked.

    Raises:
        ConfigError: the radius is above √D.
    """
    if not data.classes or "2" not in radii:
        return
    try:
        require_radius(radii["2"], "2", math.prod(data.spec.shape))
    except ValueError as error:
        what = f"epsilon_l2={radii['2']:g}: {error}"
        raise ConfigError(what, "configuration", "give epsilon_l2=…") from error


def _refuse_too_many(key: str, value: Any, classes: int) -> None:
    try:
        wrong_classes(value, classes)
    except ValueError as error:
        raise ConfigError(f"{key}={value}: {error}", "", "") from error


def _check_name(name: str) -> None:
    if Path(name).name != name or name.startswith(".") or len(name.encode()) > LONGEST_NAME:
        raise RunError(
            f"name={name} is not a folder's name",
            "eval",
            f"use letters, digits, dots and dashes, {LONGEST_NAME} at most",
        )


def _checkpoint(folder: RunFolder, name: str) -> Path:
    there = sorted(p.parent.name for p in folder.path.glob("checkpoints/*/state.json"))
    if name not in there and not any(t.startswith(f"{name}.") for t in there):
        further = shlex.join(["jhrun", "train", f"resume={folder.path}"])
        remedy = nearest(name, there) if there else f"train it further: {further}"
        if name == "best" and there:
            remedy = "best is chosen by validation accuracy, and the run had no validation examples; use last"
        raise RunError(f"there is no checkpoint '{name}'", str(folder.path), remedy)
    return folder.checkpoint(name)

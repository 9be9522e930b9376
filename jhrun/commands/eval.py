"""``jhrun eval``: attack a run's network again. Needs nothing but the run."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig
from torch import nn
from tqdm import tqdm

from jhrun.attacks import Attack
from jhrun.commands.analysis import run_curvature
from jhrun.commands.session import device_text, logged, now, resources_named, say, tell
from jhrun.config import network, objects, stored
from jhrun.config.compose import typed_keys
from jhrun.config.groups import nearest
from jhrun.config.values import radius
from jhrun.data import Dataset
from jhrun.errors import ConfigError, RunError
from jhrun.evaluation import evaluate, measure, save, save_task
from jhrun.folder import RunFolder
from jhrun.records import EvaluationRecord, TaskRecord
from jhrun.reporting import headline, write_report
from jhrun.training import Checkpoint


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
    """
    call = stored.plain(config)
    folder = RunFolder.existing(str(call["run"]))
    values, plugins = stored.read(folder.config), call["plugins"]
    device = objects.device(call["device"])
    if call["dataset"]["root"] is not None:
        values["dataset"]["root"] = call["dataset"]["root"]
    seed = values["seed"] if call["seed"] is None else call["seed"]
    # runs of older versions have no epsilon_l2
    radii = {
        norm: values.get(key) if call[key] is None else call[key]
        for norm, key in (("inf", "epsilon"), ("2", "epsilon_l2"))
    }
    with logged(folder), resources_named(folder):
        objects.apply_options(values)
        attacks = objects.attacks(call, radii, plugins)
        # a name that is taken is told before anything is loaded
        free_name(folder, call["name"], attacks)
        checkpoint = Checkpoint.load(_checkpoint(folder, call["checkpoint"]))
        epoch = checkpoint.info.get("epoch")
        if not isinstance(epoch, int):
            raise RunError("the checkpoint's state.json has no epoch", str(folder.path), "use another checkpoint")
        data = objects.dataset(values, plugins).to(device)
        attacks = applicable(attacks, data, overrides)
        name = free_name(folder, call["name"], attacks)
        model = network.model(values, data, plugins)
        load_weights(model, checkpoint, folder)
        run_evaluation(
            folder,
            model.to(device),
            data,
            attacks,
            name=name,
            checkpoint=call["checkpoint"],
            epoch=epoch,
            seed=seed,
            cascade=call["cascade"],
        )
        if call["analysis"] == "curvature":
            run_curvature(
                folder,
                model,
                data,
                values,
                name=name,
                epoch=epoch,
                epsilon=radius(radii["inf"]),
                seed=seed,
                plugins=plugins,
            )
        report = write_report(folder, values)
        say(f"\n{headline(report)}\n\nreport: {folder.path / 'report.html'}")
    tell(str(folder.path))
    return folder.path


def run_evaluation(
    folder: RunFolder,
    model: nn.Module,
    data: Dataset,
    attacks: Mapping[str, Attack],
    *,
    name: str,
    checkpoint: str,
    epoch: int,
    seed: int,
    cascade: bool = False,
) -> None:
    """Attack a network, or measure what it predicts where there are no classes, and keep the results in the run.

    Args:
        folder: of the run.
        model: on its device.
        data: on the same device; its test part is used.
        attacks: by name.
        name: of the evaluation.
        checkpoint: which one the network is.
        epoch: how many epochs it was trained for.
        seed: of random starts.
        cascade: whether later attacks see only what earlier ones left.
    """
    if not data.classes:
        begun = time.perf_counter()
        figures = measure(model, data.test, data.structure)
        seconds, device = time.perf_counter() - begun, device_text(data.test.targets.device)
        task = TaskRecord(name, checkpoint, epoch, "test", figures, seconds, device, now())
        save_task(folder.evaluation(name), task)
        return
    total = len(data.test) * len(attacks)
    with tqdm(total=total, unit="example", disable=None, dynamic_ncols=True, leave=False) as bar:

        def progress(attack: str, done: int, n: int) -> None:
            bar.set_description(f"attack {attack}", refresh=False)
            # of a cascade's later attacks, which see fewer, each counts as much as the first
            whole = len(data.test)
            bar.update(list(attacks).index(attack) * whole + done * whole // n - bar.n)

        evaluation = evaluate(model, data.test, attacks, seed=seed, cascade=cascade, progress=progress)
    record = EvaluationRecord(
        name=name,
        checkpoint=checkpoint,
        epoch=epoch,
        dataset_part="test",
        total=len(data.test),
        classes=data.classes,
        clean=evaluation.clean_accuracy,
        worst_case=evaluation.worst_case,
        attacks=evaluation.records,
        seed=seed,
        device=device_text(data.test.targets.device),
        date=now(),
        worst_case_norm=evaluation.worst_case_norm,
    )
    save(folder.evaluation(name), evaluation, record)


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
        return attacks
    asked = [key for key in typed_keys(list(overrides)) if key.split(".")[0] in {"attack", "epsilon"}]
    if asked:
        raise ConfigError(
            "the data set has values to predict and no classes to attack", asked[0], f"leave {asked[0]} out"
        )
    return {}


def free_name(folder: RunFolder, wanted: str | None, attacks: Mapping[str, Any]) -> str:
    """A name for a new evaluation.

    Args:
        folder: of the run.
        wanted: by the user, or None for one made of the attacks' names.
        attacks: by name.

    Returns:
        A name that is not taken yet.

    Raises:
        RunError: the wanted name is taken, or is no name of a folder.
    """
    if wanted is not None:
        wanted = str(wanted)
        if Path(wanted).name != wanted or wanted.startswith("."):
            raise RunError(f"name={wanted} is not a folder's name", "eval", "use letters, digits, dots and dashes")
        if folder.evaluation(wanted).exists():
            raise RunError(f"the run has an evaluation '{wanted}'", str(folder.path), "choose another: name=NAME")
        return wanted
    base = "+".join(attacks) or "test"
    names = [base, *(f"{base}-{i}" for i in range(2, 10_000))]
    return next(n for n in names if not folder.evaluation(n).exists())


def load_weights(model: nn.Module, checkpoint: Checkpoint, folder: RunFolder) -> None:
    """Put a checkpoint's weights into a network.

    Args:
        model: as the run's configuration describes it.
        checkpoint: of the run.
        folder: of the run, for the message.

    Raises:
        RunError: they do not fit.
    """
    try:
        model.load_state_dict(dict(checkpoint.weights))
    except RuntimeError as error:
        raise RunError(
            f"the checkpoint does not fit the network ({error})", str(folder.path), "was config.yaml changed?"
        ) from error


def _checkpoint(folder: RunFolder, name: str) -> Path:
    there = sorted(p.parent.name for p in folder.path.glob("checkpoints/*/state.json"))
    if name not in there and not any(t.startswith(f"{name}.") for t in there):
        remedy = nearest(name, there) if there else "train it further: jhrun train resume=…"
        if name == "best" and there:
            remedy = "best is chosen by validation accuracy, so it needs dataset.validation above 0; use last"
        raise RunError(f"there is no checkpoint '{name}'", str(folder.path), remedy)
    return folder.checkpoint(name)

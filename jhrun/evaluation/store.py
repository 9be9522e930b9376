"""An evaluation on disk: ``results.json``, ``per_example.npz`` and ``images.npz`` in a folder of its own."""

import io
import zlib
from dataclasses import asdict
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from jhrun.errors import RunError
from jhrun.evaluation.evaluate import Evaluation
from jhrun.folder import read_json, write_aside, write_json
from jhrun.records import EvaluationRecord, TaskRecord


def save(folder: Path, evaluation: Evaluation, record: EvaluationRecord) -> None:
    """Write an evaluation; ``results.json`` comes last, so that where it is, the rest is.

    ``per_example.npz`` holds, each of length N and in the test set's order: ``target``, ``clean`` (the predicted
    class), and for each attack ``NAME.predicted`` (at its worst input), ``NAME.last`` (at its last one),
    ``NAME.robust``, and the worst input's distance in the attack's norm, ``NAME.linf`` or ``NAME.l2``, in pixel
    units. An example that was not attacked has −1 for its classes and NaN for its distance. ``images.npz`` holds
    some images with their adversarial twins: ``position``, ``clean``, ``NAME``.

    Args:
        folder: must not be there yet.
        evaluation: what became of each example.
        record: its figures.

    """
    _make(folder)
    each: dict[str, NDArray[Any]] = {
        "target": evaluation.targets.numpy(),
        "clean": evaluation.clean.numpy(),
    }
    images: dict[str, NDArray[Any]] = {"position": evaluation.shown.numpy(), "clean": evaluation.images.numpy()}
    for name, predicted in evaluation.attacked.items():
        each[f"{name}.predicted"] = predicted.numpy()
        each[f"{name}.last"] = evaluation.last[name].numpy()
        each[f"{name}.robust"] = evaluation.robust(name).numpy()
        each[f"{name}.l{evaluation.records[name].norm}"] = evaluation.distance[name].numpy()
        images[name] = evaluation.adversarial[name].numpy()
    write_npz(folder / "per_example.npz", each)
    write_npz(folder / "images.npz", images)
    write_json(folder / "results.json", record.flat())


def save_task(folder: Path, record: TaskRecord) -> None:
    """Write the evaluation of a regression task, which is ``results.json`` alone.

    Args:
        folder: must not be there yet.
        record: its figures.
    """
    _make(folder)
    write_json(folder / "results.json", asdict(record))


def load(folder: Path) -> tuple[dict[str, Any], dict[str, NDArray[Any]], dict[str, NDArray[Any]]]:
    """Read an evaluation.

    Args:
        folder: where ``save`` put it.

    Returns:
        The figures as in ``results.json``, the arrays of ``per_example.npz``, and those of ``images.npz``.

    Raises:
        RunError: a file is missing or damaged.
    """
    each, images = (read_npz(folder / name) for name in ("per_example.npz", "images.npz"))
    return read_json(folder / "results.json"), each, images


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True)
    except FileExistsError as error:
        raise RunError("an evaluation of this name exists", str(folder), "choose another: name=NAME") from error


def read_npz(path: Path) -> dict[str, NDArray[Any]]:
    """Read named arrays.

    Args:
        path: of the file.

    Returns:
        The arrays.

    Raises:
        RunError: it is missing or damaged.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            return dict(file)
    except (OSError, ValueError, KeyError, EOFError, BadZipFile, zlib.error) as error:
        raise RunError(f"cannot be read ({error})", str(path), "evaluate again") from error


def write_npz(path: Path, arrays: dict[str, NDArray[Any]]) -> None:
    """Write named arrays, compressed, whole or not at all."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
    write_aside(path, buffer.getvalue())

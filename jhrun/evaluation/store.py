"""An evaluation on disk: ``results.json``, ``per_example.npz`` and ``images.npz`` in a folder of its own."""

import io
import zlib
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from jhrun.errors import RunError
from jhrun.evaluation.evaluate import Evaluation
from jhrun.folder import read_json, write_aside, write_json
from jhrun.records import EvaluationRecord


def save(folder: Path, evaluation: Evaluation, record: EvaluationRecord) -> None:
    """Write an evaluation; ``results.json`` comes last, so that where it is, the rest is.

    ``per_example.npz`` holds, each of length N and in the test set's order: ``target``, ``clean`` (the predicted
    class), and for each attack ``NAME.predicted``, ``NAME.robust`` and ``NAME.linf`` (‖x_adv − x‖_∞, pixel units).
    ``images.npz`` holds some images with their adversarial twins: ``position``, ``clean``, ``NAME``.

    Args:
        folder: must not be there yet.
        evaluation: what became of each example.
        record: its figures.

    Raises:
        RunError: the folder is there already.
    """
    try:
        folder.mkdir(parents=True)
    except FileExistsError as error:
        raise RunError("an evaluation of this name exists", str(folder), "choose another: name=NAME") from error
    each: dict[str, NDArray[Any]] = {
        "target": evaluation.targets.numpy(),
        "clean": evaluation.clean.numpy(),
    }
    images: dict[str, NDArray[Any]] = {"position": evaluation.shown.numpy(), "clean": evaluation.images.numpy()}
    for name, predicted in evaluation.attacked.items():
        each[f"{name}.predicted"] = predicted.numpy()
        each[f"{name}.robust"] = evaluation.robust(name).numpy()
        each[f"{name}.linf"] = evaluation.distance[name].numpy()
        images[name] = evaluation.adversarial[name].numpy()
    write_npz(folder / "per_example.npz", each)
    write_npz(folder / "images.npz", images)
    write_json(folder / "results.json", record.flat())


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

"""What became of each example, on disk: ``per_example.npz`` and ``images.npz``."""

import io
import struct
import zlib
from pathlib import Path
from tokenize import TokenError
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from jhrun.errors import RunError
from jhrun.evaluation.evaluate import Evaluation
from jhrun.files import write_aside
from jhrun.jsonio import read_json

UNREADABLE = (
    *(OSError, ValueError, KeyError, EOFError, BadZipFile, zlib.error),
    # what zipfile says of archives that are encrypted or packed otherwise, and NumPy of an array's damaged header
    *(RuntimeError, TokenError, OverflowError, MemoryError, struct.error),
)
"""What a damaged archive of arrays raises."""


def save(folder: Path, evaluation: Evaluation, index: Tensor) -> None:
    """Write what became of each example; ``results.json``, written last of all by others, says that it is whole.

    ``per_example.npz`` holds, each of length N: ``index`` (the example's place in the test set), ``target``,
    ``clean`` (the predicted class), and for each attack ``NAME.predicted`` (at its worst input), ``NAME.last`` (at
    its last one), ``NAME.robust``, and the worst input's distance in the attack's norm, ``NAME.linf`` or
    ``NAME.l2``, in pixel units. An example that was not attacked has −1 for its classes and NaN for its distance.
    ``images.npz`` holds some images with their adversarial twins: ``position`` (a row of ``per_example.npz``),
    ``clean``, ``NAME``.

    Args:
        folder: of the evaluation.
        evaluation: what became of each example.
        index: place of each in the test set, (N,).
    """
    each: dict[str, NDArray[Any]] = {
        "index": index.cpu().numpy(),
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
        # opened here, for NumPy leaves open what it cannot read
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            return dict(file)
    except UNREADABLE as error:
        raise RunError(f"cannot be read ({error})", str(path), "evaluate again") from error


def write_npz(path: Path, arrays: dict[str, NDArray[Any]]) -> None:
    """Write named arrays, compressed, whole or not at all."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
    write_aside(path, buffer.getvalue())

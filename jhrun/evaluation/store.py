"""What became of each example, and each analysis, on disk."""

import io
import struct
import zlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from tokenize import TokenError
from typing import Any
from zipfile import BadZipFile

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from jhrun.errors import RunError
from jhrun.evaluation.evaluate import Evaluation
from jhrun.files import write_aside
from jhrun.jsonio import DAMAGED, as_plain, read_record, write_json
from jhrun.records import AnalysisRecord, EvaluationRecord, Figure

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


def load(folder: Path) -> tuple[dict[str, NDArray[Any]], dict[str, NDArray[Any]]]:
    """Read what became of each example.

    Args:
        folder: where ``save`` put it.

    Returns:
        The arrays of ``per_example.npz``, and those of ``images.npz``.

    Raises:
        RunError: a file is missing or damaged.
    """
    return read_npz(folder / "per_example.npz"), read_npz(folder / "images.npz")


def restore(folder: Path, record: EvaluationRecord) -> Evaluation:
    """An evaluation that was made before, for one more analysis of it.

    Args:
        folder: where ``save`` put it.
        record: of its ``results.json``.

    Returns:
        What became of each example.

    Raises:
        RunError: a file is missing or damaged.
    """
    each, images = load(folder)
    try:
        arrays = {name: torch.from_numpy(values) for name, values in each.items()}
        kept = {name: torch.from_numpy(values) for name, values in images.items()}
        attacks = record.attacks
        return Evaluation(
            targets=arrays["target"],
            clean=arrays["clean"],
            attacked={name: arrays[f"{name}.predicted"] for name in attacks},
            last={name: arrays[f"{name}.last"] for name in attacks},
            distance={name: arrays[f"{name}.l{attack.norm}"] for name, attack in attacks.items()},
            shown=kept["position"],
            images=kept["clean"],
            adversarial={name: kept[name] for name in attacks},
            records=dict(attacks),
        )
    except DAMAGED as error:
        raise RunError(f"is not of its form ({error!r})", str(folder), "evaluate again") from error


def save_analysis(folder: Path, record: AnalysisRecord, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write an analysis into its evaluation's folder; the JSON, written last, says that it is whole.

    ``analyses/NAME.npz`` holds the arrays by their names, and the columns of each figure as ``FIGURE/COLUMN``.

    Args:
        folder: of the evaluation.
        record: of the analysis.
        arrays: what is kept beside.

    Raises:
        ValueError: a figure cannot be drawn, or two have one name.
    """
    figures = [figure for section in record.sections for figure in section.figures]
    columns: dict[str, NDArray[Any]] = {}
    for figure in figures:
        figure.examine()
        columns |= {f"{figure.name}/{name}": np.asarray(column) for name, column in figure.columns.items()}
    if len({figure.name for figure in figures}) < len(figures):
        raise ValueError(f"two figures have one name: {', '.join(figure.name for figure in figures)}")
    place = folder / "analyses"
    place.mkdir(exist_ok=True)
    write_npz(place / f"{record.name}.npz", {**arrays, **columns})
    write_json(place / f"{record.name}.json", as_plain(_with_columns(record, lambda _: {})))


def analyses_in(folder: Path) -> list[str]:
    """The names of the analyses that an evaluation has."""
    return sorted(path.stem for path in folder.glob("analyses/*.json"))


def load_analysis(folder: Path, name: str, *, drawn: bool = True) -> AnalysisRecord:
    """Read an analysis.

    Args:
        folder: of the evaluation.
        name: of the analysis.
        drawn: whether the figures get their columns.

    Returns:
        Its record, with plain values where a dataclass was.

    Raises:
        RunError: a file is missing or damaged.
    """
    path = folder / "analyses" / f"{name}.json"
    record = read_record(path, AnalysisRecord)
    if not drawn or not any(section.figures for section in record.sections):
        return record
    arrays = read_npz(path.with_suffix(".npz"))

    def columns(figure: Figure) -> dict[str, NDArray[Any]]:
        prefix = f"{figure.name}/"
        return {key.removeprefix(prefix): a for key, a in arrays.items() if key.startswith(prefix)}

    found = _with_columns(record, columns)
    try:
        for section in found.sections:
            for figure in section.figures:
                figure.examine()
    except DAMAGED as error:
        raise RunError(f"is not of its form ({error})", str(path), "the run is damaged") from error
    return found


def _with_columns(
    record: AnalysisRecord, columns: Callable[[Figure], Mapping[str, NDArray[Any]]]
) -> AnalysisRecord:
    sections = tuple(
        replace(section, figures=tuple(replace(figure, columns=columns(figure)) for figure in section.figures))
        for section in record.sections
    )
    return replace(record, sections=sections)


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

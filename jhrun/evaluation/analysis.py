"""What was measured beside the attacks, on disk: ``curvature.npz``, ``slices.npz`` and ``curvature.json``."""

import json
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from jhrun.evaluation.curvature import MOST_STEPS, TOLERANCE, Curvature
from jhrun.evaluation.evaluate import Evaluation
from jhrun.evaluation.slices import Slices
from jhrun.evaluation.store import write_npz
from jhrun.jsonio import write_json
from jhrun.records import CurvatureRecord, Spread

OUTCOMES = ("survived", "broken", "wrong")
"""Right clean and under every attack; right clean, but not under every attack; wrong clean."""

UNITS = {
    "outcome": f"0, 1, 2: {', '.join(OUTCOMES)}",
    "sigma_max": "logits per pixel unit",
    "lambda_top": "loss per squared pixel unit",
    "residual": "relative to |lambda_top|",
    "reached": "whether the residual is within the tolerance and the sign is settled",
    "margin": "logits",
    "first_order_radius": "pixel units, l2; not a certificate",
    "share": "relative to the true value",
}
SLICE_UNITS = {
    "position": "place in the test set",
    "t": "pixel units, l-infinity",
    "gradient": "loss",
    "random": "loss",
}


def outcomes(evaluation: Evaluation) -> NDArray[np.int8]:
    """What became of each example in the worst case of an evaluation.

    Args:
        evaluation: what the attacks did.

    Returns:
        Positions in ``OUTCOMES``, (N,).
    """
    right = (evaluation.clean == evaluation.targets).numpy()
    return np.where(evaluation.robust().numpy(), 0, np.where(right, 1, 2)).astype(np.int8)


def record(found: Curvature, outcome: NDArray[np.int8]) -> CurvatureRecord:
    """The figures of a measurement.

    Args:
        found: per example.
        outcome: of the same examples.

    Returns:
        Their spreads, over all and by outcome.
    """
    quantities = {
        "sigma_max": found.sigma_max,
        "lambda_modulus": found.eigenvalue.value.abs(),
        "margin": found.margin,
        "first_order_radius": found.radius,
    }
    of = torch.from_numpy(outcome)
    members = {"all": torch.ones_like(of, dtype=torch.bool)}
    members |= {name: of == i for i, name in enumerate(OUTCOMES) if bool((of == i).any())}
    share = None if found.share is None else found.share[found.share.isfinite()]
    return CurvatureRecord(
        n=len(of),
        tolerance=TOLERANCE,
        most_steps=MOST_STEPS,
        missed=int((~found.eigenvalue.reached).sum()),
        worst_residual=float(found.eigenvalue.residual.max()),
        negative=int((found.eigenvalue.value < 0).sum()),
        groups={
            group: {name: Spread.of(values[those]) for name, values in quantities.items()}
            for group, those in members.items()
        },
        share_of=found.matrix,
        share=None if share is None or len(share) == 0 else Spread.of(share),
        warnings=found.warnings,
        seconds=found.seconds,
    )


def save_analysis(
    folder: Path, found: Curvature, outcome: NDArray[np.int8], lines: Slices | None, figures: CurvatureRecord
) -> None:
    """Write a measurement into its evaluation's folder; ``curvature.json`` comes last.

    Each npz file has an entry ``units``: a JSON object, from the other entries' names to their units.

    Args:
        folder: of the evaluation.
        found: per example, in the test set's order.
        outcome: likewise.
        lines: losses along lines, if any.
        figures: the record.
    """
    arrays: dict[str, Tensor | None] = {
        "outcome": torch.from_numpy(outcome),
        "sigma_max": found.sigma_max,
        "lambda_top": found.eigenvalue.value,
        "residual": found.eigenvalue.residual,
        "reached": found.eigenvalue.reached,
        "margin": found.margin,
        "first_order_radius": found.radius,
        "share": found.share,
    }
    _write(folder / "curvature.npz", arrays, UNITS)
    if lines is not None:
        _write(folder / "slices.npz", lines._asdict(), SLICE_UNITS)
    write_json(folder / "curvature.json", figures.flat())


def _write(path: Path, arrays: dict[str, Tensor | None], units: dict[str, str]) -> None:
    there = {name: values.numpy() for name, values in arrays.items() if values is not None}
    text = json.dumps({name: units[name] for name in there}, ensure_ascii=False)
    write_npz(path, {**there, "units": np.array(text)})

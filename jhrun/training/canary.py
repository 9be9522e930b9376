"""Canaries: what a run's network says to a few made-up inputs, so that another one in its place is noticed.

Weights that come from another run are whole files, and fit. But no other network gives the same answers; nor does
the same one in an architecture that was changed in a way that its weights do not show, as by another activation.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from jhrun import seeds
from jhrun.attacks.attack import evaluation_mode
from jhrun.errors import RunError
from jhrun.files import read_json, write_json

INPUTS = 4

TOLERANCE = 1e-3
"""Of the largest answer. Another device sums in another order: a float32 network's outputs then differ by about
2⁻²⁴ for each of its some hundred roundings, 10⁻⁵ in all, which layers may amplify; those of another network differ
by as much as they are large."""


def note(path: Path, name: str, info: Mapping[str, Any], model: nn.Module, shape: Sequence[int]) -> None:
    """Write down what a checkpoint's network says. To be done before the checkpoint is in its place.

    Args:
        path: of the run's ``canary.json``.
        name: of the checkpoint.
        info: its ``epoch`` and ``step``.
        model: with its weights.
        shape: of one input.
    """
    noted: dict[str, Any] = read_json(path) if path.is_file() else {}
    entry = {"epoch": info["epoch"], "step": info["step"], "outputs": outputs(model, shape)}
    # the one before too: a crash may leave it as the checkpoint
    write_json(path, {**noted, name: [*noted.get(name, [])[-1:], entry]})


def verify(path: Path, name: str, info: Mapping[str, Any], model: nn.Module, shape: Sequence[int]) -> None:
    """Whether a checkpoint's network is the one that was saved under its name.

    Args:
        path: of the run's ``canary.json``.
        name: of the checkpoint.
        info: its ``epoch`` and ``step``.
        model: with its weights.
        shape: of one input.

    Raises:
        RunError: it is not.
    """
    place = info["epoch"], info["step"]
    try:
        known = [e["outputs"] for e in read_json(path).get(name, []) if (e["epoch"], e["step"]) == place]
        told = _tensor(known[-1]) if known else None
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise RunError(f"is not of its form ({error!r})", str(path), "the run is damaged") from error
    remedy = "weights or config.yaml are another run's, or were changed: put its own back"
    where = f"checkpoint {name} in {path.parent}"
    if told is None:
        raise RunError(f"the run never saved a checkpoint of epoch {place[0]}, step {place[1]}", where, remedy)
    found = _tensor(outputs(model, shape))
    if told.shape != found.shape:
        what = f"the network has outputs of shape {tuple(found.shape)} instead of {tuple(told.shape)}"
        raise RunError(what, where, remedy)
    largest = told.nan_to_num().abs().max().clamp(min=1)
    apart = (found - told).abs() / largest
    if not torch.equal(found.isnan(), told.isnan()) or apart.nan_to_num().max() > TOLERANCE:
        what = "the network does not say what it said when it was saved"
        raise RunError(f"{what} (outputs differ by {100 * float(apart.nan_to_num().max()):.3g} %)", where, remedy)


@torch.no_grad()
def outputs(model: nn.Module, shape: Sequence[int]) -> list[list[float | None]]:
    """What a network says to inputs that are the same every time, uniform in [0, 1].

    Args:
        model: in any mode, which it keeps.
        shape: of one input.

    Returns:
        ``INPUTS`` rows; None where an output is not finite.
    """
    random = torch.rand(INPUTS, *shape, generator=seeds.generator("cpu", 0, "canary"))
    some = next(iter(model.parameters()), random)
    with evaluation_mode(model), _full_precision():
        said = model(random.to(some.device, some.dtype)).double().cpu()
    return [[value if math.isfinite(value) else None for value in row] for row in said.tolist()]


def _tensor(rows: Sequence[Sequence[float | None]]) -> Tensor:
    return torch.tensor([[math.nan if v is None else v for v in row] for row in rows], dtype=torch.float64)


@contextmanager
def _full_precision() -> Iterator[None]:
    """Without TF32, whose 10-bit mantissas would blur the answers."""
    before = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = before

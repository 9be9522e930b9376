"""Canaries: what a run's network says to a few made-up inputs, so that another one in its place is noticed.

Weights that come from another run are whole files, and fit. But no other network gives the same answers; nor does
the same one in an architecture that was changed in a way that its weights do not show, as by another activation.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn

from jhrun import seeds
from jhrun.attacks.attack import evaluation_mode, private_randomness
from jhrun.errors import RunError
from jhrun.folder import RunFolder
from jhrun.jsonio import read_json, write_json

INPUTS = 4

PASSES = 8
"""Of a network that does not say the same twice. One more answer of the same network is farther from all of these
than any two of them are from each other in one case of a thousand or fewer."""

TOLERANCE = 1e-3
"""Of the largest answer. Another device sums in another order: a float32 network's outputs then differ by about
2⁻²⁴ for each of its some hundred roundings, 10⁻⁵ in all, which layers may amplify; those of another network differ
by as much as they are large."""


@dataclass(frozen=True)
class Canaries:
    """A run's ``canary.json``.

    Args:
        folder: of the run.
        shape: of one input.
    """

    folder: RunFolder
    shape: Sequence[int]

    def note(
        self, name: str, info: Mapping[str, Any], model: nn.Module, averaged: nn.Module | None = None
    ) -> None:
        """Write down what a checkpoint's network says. To be done before the checkpoint is in its place.

        Args:
            name: of the checkpoint.
            info: its ``epoch`` and ``step``.
            model: with its weights.
            averaged: with its averaged weights; None where it has none.
        """
        path = self.folder.canary
        noted: dict[str, Any] = read_json(path) if path.is_file() else {}
        saved = None
        with suppress(RunError, KeyError):
            # it stays the checkpoint if the new one cannot be saved
            saved = _place(read_json(self.folder.checkpoint(name) / "state.json"))
        kept = [entry for entry in noted.get(name, []) if _place(entry) == saved]
        for network in (model, averaged):
            if network is None:
                continue
            said = answers(network, self.shape)
            entry = {"epoch": info["epoch"], "step": info["step"], "outputs": _rows(said[0])}
            entry["averaged"] = network is averaged
            if len(said) > 1:
                entry["deterministic"] = False
            kept.append(entry)
        write_json(path, {**noted, name: kept})

    def verify(self, name: str, info: Mapping[str, Any], model: nn.Module, *, averaged: bool = False) -> None:
        """Whether a checkpoint's network is one that was saved.

        A network that is not deterministic may differ from what was saved by as much as from itself.

        Args:
            name: of the checkpoint.
            info: its ``epoch`` and ``step``.
            model: with its weights.
            averaged: whether these are the averaged ones.

        Raises:
            RunError: it is not.
        """
        path = self.folder.canary
        epoch, step = _place(info)
        try:
            # under any name: one checkpoint may have been put in the place of another that was damaged
            noted = chain.from_iterable(read_json(path).values())
            known = [
                entry["outputs"]
                for entry in noted
                if _place(entry) == (epoch, step) and entry["averaged"] == averaged
            ]
            told = _tensor(known[-1]) if known else None
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise RunError(f"is not of its form ({error!r})", str(path), "the run is damaged") from error
        remedy = "weights, config.yaml or a plugin's code are another run's, or were changed: put its own back"
        where = f"checkpoint {name} in {self.folder.path}"
        if told is None:
            raise RunError(f"the run never saved a checkpoint of epoch {epoch}, step {step}", where, remedy)
        found = answers(model, self.shape)
        if told.shape != found.shape[1:]:
            what = f"the network has outputs of shape {tuple(found.shape[1:])} instead of {tuple(told.shape)}"
            raise RunError(what, where, remedy)
        size = _size(told)
        apart = min(_distance(told, said) for said in found) / size
        noise = max(_distance(one, other) for one in found for other in found) / size
        if apart > max(TOLERANCE, noise):
            what = "the network does not say what it said when it was saved"
            share = "not finite where they were, or finite where they were not"
            if math.isfinite(apart):
                share = f"outputs differ by {100 * apart:.3g} %"
            raise RunError(f"{what} ({share})", where, remedy)


def _place(info: Mapping[str, Any]) -> tuple[int, int]:
    return info["epoch"], info["step"]


@torch.no_grad()
def answers(model: nn.Module, shape: Sequence[int]) -> Tensor:
    """What a network says to inputs that are the same every time, uniform in [0, 1].

    Args:
        model: in any mode, which it keeps; the global random state stays as it is too.
        shape: of one input.

    Returns:
        (1, ``INPUTS``, outputs), float64 on the CPU, NaN where an output is not finite; of a network that does not
        say the same twice (``PASSES``, ``INPUTS``, outputs).
    """
    random = torch.rand(INPUTS, *shape, generator=seeds.generator("cpu", 0, "canary"))
    some = next(iter(model.parameters()), random)
    inputs = random.to(some.device, some.dtype)
    said: list[Tensor] = []
    with evaluation_mode(model), _full_precision(), private_randomness(seeds.derive(0, "canary")):
        while len(said) < 2 or (len(said) < PASSES and _distance(said[0], said[1]) > TOLERANCE * _size(said[0])):
            found = model(inputs).double().cpu()
            said.append(found.where(found.isfinite(), torch.nan))
    return torch.stack(said if len(said) > 2 else said[:1])


def _distance(one: Tensor, other: Tensor) -> float:
    """The largest difference; infinite where only one of the two is finite."""
    if not torch.equal(one.isnan(), other.isnan()):
        return math.inf
    return float((one - other).abs().nan_to_num().max())


def _size(said: Tensor) -> float:
    """The largest answer, or 1 where all are smaller."""
    return max(1.0, float(said.nan_to_num().abs().max()))


def _rows(said: Tensor) -> list[list[float | None]]:
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

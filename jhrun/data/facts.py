"""What a run remembers of the data that it was trained on."""

import hashlib
import math
from collections.abc import Mapping
from typing import Any

from jhrun.data.dataset import Dataset
from jhrun.data.part import decoded
from jhrun.errors import RunError

SAMPLE = 1000
"""Training examples whose spread is taken."""

ANOTHER_SCALE = 2.0
"""How much wider or narrower the inputs of another scale are: 255 times where pixels were not divided, while two
halves of one data set differ by some hundredths."""


def facts(data: Dataset) -> dict[str, Any]:
    """What tells one data set from another.

    Args:
        data: on any device.

    Returns:
        ``sha256`` of all tensors; of one input the ``shape``; the number of ``classes``; and the standard
        deviation ``std`` of the first ``SAMPLE`` training inputs.
    """
    digest = hashlib.sha256()
    for part in (data.train, data.validation, data.test):
        for tensor in (part.inputs, part.targets, *([] if part.beside is None else [part.beside])):
            digest.update(f"{tensor.dtype} {tuple(tensor.shape)}\0".encode())
            digest.update(tensor.contiguous().cpu().numpy().data)
    spread = float(decoded(data.train.inputs[:SAMPLE]).double().std(correction=0))
    return {
        "sha256": digest.hexdigest(),
        "shape": list(data.spec.shape),
        "classes": len(data.classes),
        # JSON knows nothing that is not finite
        "std": spread if math.isfinite(spread) else None,
    }


def require_alike(trained: Mapping[str, Any], now: Mapping[str, Any], where: str) -> None:
    """Whether a network can be asked about a data set.

    Args:
        trained: the facts of the data that it was trained on.
        now: those of the data that it is asked about.
        where: these lie.

    Raises:
        RunError: the classes or channels are of another number, the images of another size or scale.
    """
    wrong = [
        f"{name}: {trained.get(key)} → {now[key]}"
        for key, name in (("classes", "classes"), ("shape", "shape of an input"))
        if trained.get(key) != now[key]
    ]
    before, after = trained.get("std"), now["std"]
    if before != after and not (
        isinstance(before, float)
        and isinstance(after, float)
        and before / ANOTHER_SCALE < after < ANOTHER_SCALE * before
    ):
        wrong.append(f"scale, the inputs' standard deviation: {before} → {after}")
    if wrong:
        what = f"the run was trained on another data set ({'; '.join(wrong)})"
        raise RunError(what, where, "give dataset.root=… of data like those it was trained on")

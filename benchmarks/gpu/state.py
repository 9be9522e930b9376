"""A checkpoint in a few small files, from which a later call goes on.

All tensors as they are where they fit; else the optimizer's in half precision; else the weights too. A tensor in
half precision has a scale of its own: x = scale·h for weights, and x = scale·sign(h)·h² for the optimizer's state,
whose squares of gradients span more orders of magnitude than half precision has. The relative error is 2⁻¹¹ of a
weight and 2⁻¹⁰ of the optimizer's numbers, down to 10⁻⁸ of the largest number in the tensor, where both vanish.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load, save
from torch import Tensor

from jhrun.training.checkpoint import Checkpoint

LEVELS = ("all as they are", "the optimizer's in half precision", "all in half precision")
HEADER = 65536
"""Bytes that names and numbers take at most beside the tensors."""
_NAME = re.compile(r"(?P<job>.+)\.(?P<step>\d+)\.(?P<digest>[0-9a-f]{8})\.(?P<k>\d+)of(?P<n>\d+)\.bin")


def halved(name: str, tensor: Tensor, level: int) -> bool:
    """Whether a tensor is stored in half precision at a level."""
    wide = tensor.dtype == torch.float32 and tensor.numel() > 1
    return wide and level >= (1 if name.startswith("state.") else 2)


def size(tensors: Mapping[str, Tensor], level: int) -> int:
    """Bytes of the tensors at a level."""
    return sum(t.nbytes // 2 if halved(name, t, level) else t.nbytes for name, t in tensors.items()) + HEADER


def encoded(tensors: Mapping[str, Tensor], level: int) -> dict[str, Tensor]:
    """As they are stored: ``NAME`` or, in half precision, ``half.NAME`` beside ``scale.NAME``."""
    stored = {}
    for name, tensor in tensors.items():
        x = tensor.detach().cpu().contiguous()
        if not halved(name, x, level):
            stored[name] = x.clone()
            continue
        scale = x.abs().max()
        unit = x / torch.where(scale > 0, scale, 1)
        if _spans_orders(name):
            unit = unit.sign() * unit.abs().sqrt()
        stored[f"half.{name}"], stored[f"scale.{name}"] = unit.half(), scale
    return stored


def decoded(stored: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors again."""
    tensors = {}
    for name, tensor in stored.items():
        if name.startswith("half."):
            bare, unit = name.removeprefix("half."), tensor.float()
            if _spans_orders(bare):
                unit = unit.sign() * unit.square()
            tensors[bare] = unit * stored[f"scale.{bare}"]
        elif not name.startswith("scale."):
            tensors[name] = tensor
    return tensors


def _spans_orders(name: str) -> bool:
    return name.startswith("state.optimizer.")


def named(checkpoint: Checkpoint) -> dict[str, Tensor]:
    """All tensors of a checkpoint."""
    both = (("weights", checkpoint.weights), ("state", checkpoint.state))
    return {f"{kind}.{name}": tensor for kind, tensors in both for name, tensor in tensors.items()}


def level_that_fits(tensors: Mapping[str, Tensor], limit: int) -> int | None:
    """The most precise level of at most so many bytes; None where none is."""
    return next((level for level in range(len(LEVELS)) if size(tensors, level) <= limit), None)


def write(checkpoint: Checkpoint, job: str, folder: Path, *, files: int, file_limit: int) -> list[Path]:
    """Put a checkpoint into a folder, then remove the older ones of its job.

    Args:
        checkpoint: its info has ``epoch`` and ``steps_done``.
        job: whose it is.
        folder: where.
        files: how many at most.
        file_limit: bytes of each.

    Returns:
        The files.

    Raises:
        ValueError: it does not fit.
    """
    tensors = named(checkpoint)
    level = level_that_fits(tensors, files * file_limit)
    if level is None:
        raise ValueError(f"{size(tensors, len(LEVELS) - 1)} bytes of state in {files} files of {file_limit} bytes")
    info = {**checkpoint.info, "stored": LEVELS[level]}
    whole = save(encoded(tensors, level), {"info": json.dumps(info)})
    digest = hashlib.sha256(whole).hexdigest()[:8]
    n = -(-len(whole) // file_limit)
    older = [path for path in folder.iterdir() if (m := _NAME.fullmatch(path.name)) and m["job"] == job]
    written = []
    for k in range(n):
        path = folder / f"{job}.{checkpoint.info['steps_done']}.{digest}.{k + 1}of{n}.bin"
        path.write_bytes(whole[k * file_limit : (k + 1) * file_limit])
        written.append(path)
    for path in set(older) - set(written):
        path.unlink()
    return written


def read(job: str, folder: Path) -> Checkpoint | None:
    """The newest whole checkpoint of a job in a folder; None without one."""
    found: dict[tuple[int, str, int], dict[int, Path]] = {}
    for path in folder.iterdir() if folder.is_dir() else ():
        if (m := _NAME.fullmatch(path.name)) and m["job"] == job:
            found.setdefault((int(m["step"]), m["digest"], int(m["n"])), {})[int(m["k"])] = path
    for (_, digest, n), parts in sorted(found.items(), reverse=True):
        if len(parts) != n:
            continue
        whole = b"".join(parts[k + 1].read_bytes() for k in range(n))
        if hashlib.sha256(whole).hexdigest()[:8] == digest:
            return _checkpoint(whole)
    return None


def _checkpoint(whole: bytes) -> Checkpoint:
    length = int.from_bytes(whole[:8], "little")
    info = json.loads(json.loads(whole[8 : 8 + length])["__metadata__"]["info"])
    tensors = decoded(load(whole))
    weights, state = (
        {name.removeprefix(f"{kind}."): t for name, t in tensors.items() if name.startswith(f"{kind}.")}
        for kind in ("weights", "state")
    )
    return Checkpoint(weights, state, info)

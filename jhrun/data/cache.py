"""Tensors that are kept on disk between calls: safetensors with a SHA-256, made anew whenever in doubt."""

import errno
import hashlib
import json
import os
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from jhrun.files import aside, usual_mode


def kept(path: Path, make: Callable[[], dict[str, Tensor]]) -> dict[str, Tensor]:
    """Tensors as a file holds them; where it is missing or not to be trusted, made and written.

    Several processes may do this at once: each writes aside and renames, and all write the same. What goes wrong
    with the file is a warning; it may be deleted at any time.

    Args:
        path: of the file. Its name stands for what the tensors are made from, and is part of what is checked.
        make: the tensors, contiguous, on the CPU.

    Returns:
        The tensors. Those of a file are mapped into memory, not copied.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> import torch
        >>> with TemporaryDirectory() as folder:
        ...     first = kept(Path(folder) / "some", lambda: {"x": torch.arange(3)})
        ...     again = kept(Path(folder) / "some", lambda: {"x": torch.zeros(3)})
        >>> again
        {'x': tensor([0, 1, 2])}
    """
    found = _read(path)
    if found is None:
        found = make()
        _write(path, found)
    return found


def _read(path: Path) -> dict[str, Tensor] | None:
    try:
        with safe_open(path, "pt") as file:
            tensors = {name: file.get_tensor(name) for name in sorted(file.keys())}
            expected = (file.metadata() or {}).get("sha256")
    except (OSError, RuntimeError, SafetensorError) as error:
        problem = str(error)
        # PyTorch opens the file once more by its name, when it may be gone already
        if os.strerror(errno.ENOENT) in problem:
            return None
    else:
        if expected == _sha256(path, tensors):
            return tensors
        problem = "its SHA-256 is another"
    warnings.warn(f"{path} is damaged or foreign ({problem}), and is made anew", stacklevel=3)
    return None


def _write(path: Path, tensors: dict[str, Tensor]) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with aside(path) as new, usual_mode(new):
            save_file(tensors, new, {"sha256": _sha256(path, tensors)})
    except (OSError, SafetensorError) as error:
        warnings.warn(f"{path} cannot be written ({error}): the next call is as slow as this one", stacklevel=3)


def _sha256(path: Path, tensors: Mapping[str, Tensor]) -> str:
    """Of the file's name, and of the tensors' names, types, shapes and bytes."""
    layout = {name: [str(tensors[name].dtype), list(tensors[name].shape)] for name in sorted(tensors)}
    digest = hashlib.sha256(json.dumps([path.name, layout]).encode())
    for name in layout:
        digest.update(tensors[name].numpy().data)
    return digest.hexdigest()

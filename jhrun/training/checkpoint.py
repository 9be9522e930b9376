"""Checkpoints: weights and training state as safetensors and JSON, no pickle.

``NAME/weights.safetensors`` is the network, ``NAME/state.safetensors`` everything else that is a tensor,
``NAME/state.json`` the rest with the SHA-256 of both. A checkpoint is written to ``NAME.new``, synced, and put in
place by two renames (``NAME`` → ``NAME.old``, ``NAME.new`` → ``NAME``), so that at every moment one is whole.
"""

import os
import re
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from jhrun.errors import RunError
from jhrun.folder import read_json, sha256, sync_folder, write_json

SCHEMA = 1
_FILES = ("weights.safetensors", "state.safetensors")


@dataclass(frozen=True)
class Checkpoint:
    """A network's weights and what training needs to go on.

    Attributes:
        weights: the network's ``state_dict``.
        state: other tensors, by name.
        info: numbers and strings: epoch, step, …
    """

    weights: Mapping[str, Tensor]
    state: Mapping[str, Tensor]
    info: Mapping[str, Any]

    def save(self, folder: Path) -> None:
        """Write to a folder, replacing what is there only when the new one is whole on disk.

        Args:
            folder: of the checkpoint; its parent is made if it is missing.
        """
        new, old = _beside(folder)
        if not folder.exists() and (new / "state.json").is_file():
            # a crash came between the two renames: finish them, or removing the new one could leave none
            new.replace(folder)
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(parents=True)
        for name, tensors in zip(_FILES, (self.weights, self.state), strict=True):
            _save(tensors, new / name)
            with (new / name).open("rb") as file:
                os.fsync(file.fileno())
        hashes = {name: sha256(new / name) for name in _FILES}
        write_json(new / "state.json", {"schema_version": SCHEMA, **self.info, "sha256": hashes})
        sync_folder(new)
        if folder.exists():
            shutil.rmtree(old, ignore_errors=True)
            folder.replace(old)
        new.replace(folder)
        sync_folder(folder.parent)
        shutil.rmtree(old, ignore_errors=True)

    @classmethod
    def load(cls, folder: Path) -> "Checkpoint":
        """Read a checkpoint and check it against its hashes.

        Args:
            folder: of the checkpoint.

        Returns:
            The checkpoint, on the CPU.

        Raises:
            RunError: it is missing or damaged.
        """
        places = [p for p in (folder, *_beside(folder)) if (p / "state.json").is_file()]
        if not places:
            raise RunError(
                "there is no checkpoint", str(folder), "train further, or choose another run or checkpoint"
            )
        # beside a missing NAME, a crash left NAME.new or NAME.old, or both, of which one is whole
        for place in places[:-1] if places[0] != folder else []:
            with suppress(RunError):
                return cls._read(place)
        return cls._read(places[0] if places[0] == folder else places[-1])

    @classmethod
    def _read(cls, place: Path) -> "Checkpoint":
        info = read_json(place / "state.json")
        if info.get("schema_version") != SCHEMA:
            found = info.get("schema_version")
            raise RunError(
                f"schema_version is {found} instead of {SCHEMA}", str(place), "use the jhrun that wrote it"
            )
        hashes = info.get("sha256")
        tensors = []
        for name in _FILES:
            path = place / name
            expected = hashes.get(name) if isinstance(hashes, dict) else None
            found = sha256(path) if path.is_file() else None
            if found is None or found != expected:
                raise RunError(
                    f"SHA-256 is {found or 'that of no file'} instead of {expected}",
                    str(path),
                    "the checkpoint is damaged: use another",
                )
            try:
                tensors.append(load_file(path))
            except SafetensorError as error:
                raise RunError(
                    f"is not a safetensors file ({error})", str(path), "use another checkpoint"
                ) from error
        return cls(tensors[0], tensors[1], info)


def _beside(folder: Path) -> tuple[Path, Path]:
    return folder.with_name(f"{folder.name}.new"), folder.with_name(f"{folder.name}.old")


def _save(tensors: Mapping[str, Tensor], path: Path) -> None:
    """Write tensors; a full disk is an ``OSError`` as with any other file."""
    whole = {key: t.detach().cpu().clone(memory_format=torch.contiguous_format) for key, t in tensors.items()}
    try:
        save_file(whole, path)
    except SafetensorError as error:
        number = re.search(r"os error (\d+)", str(error))
        if number is None:
            raise
        code = int(number.group(1))
        raise OSError(code, os.strerror(code), str(path)) from error

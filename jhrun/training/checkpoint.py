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
from jhrun.files import sha256, space_for, sync_folder, usual_mode
from jhrun.jsonio import read_json, write_json

SCHEMA = 2
_FILES = ("weights.safetensors", "state.safetensors")


class _OtherSchemaError(RunError):
    """Whole, but of another version."""


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
        self.settle(folder)
        new, old = _beside(folder)
        size = sum(t.nbytes for tensors in (self.weights, self.state) for t in tensors.values())
        try:
            with space_for(folder, size):
                self._write(new)
        except BaseException:
            # what is half written would fill the disk that is full
            shutil.rmtree(new, ignore_errors=True)
            raise
        if folder.exists():
            shutil.rmtree(old, ignore_errors=True)
            folder.replace(old)
        new.replace(folder)
        sync_folder(folder.parent)
        shutil.rmtree(old, ignore_errors=True)

    def _write(self, place: Path) -> None:
        place.mkdir(parents=True)
        for name, tensors in zip(_FILES, (self.weights, self.state), strict=True):
            _save(tensors, place / name)
            with (place / name).open("rb") as file:
                os.fsync(file.fileno())
        hashes = {name: sha256(place / name) for name in _FILES}
        write_json(place / "state.json", {"schema_version": SCHEMA, **self.info, "sha256": hashes})
        sync_folder(place)

    @classmethod
    def settle(cls, folder: Path) -> None:
        """Put right what a crash left of a checkpoint's renames, and remove what it left half written.

        Args:
            folder: of the checkpoint.
        """
        for place in _beside(folder):
            if not folder.exists():
                with suppress(RunError):
                    cls._read(place)
                    # the crash came between the two renames
                    place.replace(folder)
            shutil.rmtree(place, ignore_errors=True)

    @classmethod
    def load(cls, folder: Path) -> "Checkpoint":
        """Read a checkpoint and check it against its hashes.

        Args:
            folder: of the checkpoint.

        Returns:
            The checkpoint, on the CPU.

        Raises:
            RunError: it is missing or damaged.
            _OtherSchemaError: it is of another version.
        """
        places = [p for p in (folder, *_beside(folder)) if (p / "state.json").is_file()]
        if not places:
            what = "there is no checkpoint"
            raise RunError(what, str(folder), "train further, or choose another run or checkpoint")
        # where NAME is missing, a crash came between the two renames: one of those beside it is whole
        for place in places[:-1] if places[0] != folder else []:
            with suppress(RunError):
                return cls._read(place)
        try:
            return cls._read(places[0] if places[0] == folder else places[-1])
        except _OtherSchemaError:
            raise
        except RunError as error:
            raise RunError(*error.parts[:2], cls._whole_ones(folder)) from error

    @classmethod
    def _whole_ones(cls, damaged: Path) -> str:
        """Which checkpoint beside a damaged one is the newest that is whole, in words."""
        found = []
        for place in {p.parent for p in damaged.parent.glob("*/state.json")} - {damaged}:
            with suppress(RunError):
                info = cls._read(place).info
                found.append((info.get("epoch", 0), info.get("step", 0), place.name))
        if not found:
            return "the checkpoint is damaged, and no other is whole"
        epoch, _, name = max(found)
        newest = f"the newest that is whole is {name}, of epoch {epoch}, a copy of which may take its place"
        return f"the checkpoint is damaged; {newest}"

    @classmethod
    def _read(cls, place: Path) -> "Checkpoint":
        info = read_json(place / "state.json")
        if info.get("schema_version") != SCHEMA:
            what = f"schema_version is {info.get('schema_version')} instead of {SCHEMA}"
            raise _OtherSchemaError(what, str(place), "use the jhrun that wrote it")
        hashes = info.get("sha256")
        tensors = []
        for name in _FILES:
            path = place / name
            expected = hashes.get(name) if isinstance(hashes, dict) else None
            found = sha256(path) if path.is_file() else None
            if found is None or found != expected:
                what = f"SHA-256 is {found or 'that of no file'} instead of {expected}"
                raise RunError(what, str(path), "use another checkpoint")
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
        with usual_mode(path):
            save_file(whole, path)
    except SafetensorError as error:
        number = re.search(r"os error (\d+)", str(error))
        if number is None:
            raise
        code = int(number.group(1))
        raise OSError(code, os.strerror(code), str(path)) from error

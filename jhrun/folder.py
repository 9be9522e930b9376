"""A run's folder: where its files lie, and how they are written so that a crash leaves the old or the new one."""

import hashlib
import json
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jhrun.errors import RunError


@dataclass(frozen=True)
class RunFolder:
    """The layout of a run on disk.

    Attributes:
        path: of the folder.
    """

    path: Path

    @property
    def config(self) -> Path:
        """The resolved configuration."""
        return self.path / "config.yaml"

    @property
    def overrides(self) -> Path:
        """What was typed."""
        return self.path / "overrides.yaml"

    @property
    def status(self) -> Path:
        """How the run stands."""
        return self.path / "status.json"

    @property
    def environment(self) -> Path:
        """On what machine and with which versions it ran."""
        return self.path / "environment.json"

    @property
    def warnings(self) -> Path:
        """What the preflight warned of, a list of sentences."""
        return self.path / "warnings.json"

    @property
    def metrics(self) -> Path:
        """One ``EpochRecord`` a line."""
        return self.path / "metrics.jsonl"

    def watched(self, part: str) -> Path:
        """PGD-20 after epochs, on the ``validation`` or the ``test`` part: one ``WatchRecord`` a line."""
        return self.path / {"validation": "validation.jsonl", "test": "selected.jsonl"}[part]

    @property
    def validated(self) -> Path:
        """Clean and worst-case accuracy on the validation part, of the last epoch's network."""
        return self.path / "validation.json"

    @property
    def decisions(self) -> Path:
        """One ``Decision`` a line: what ``solver=auto`` took, and why."""
        return self.path / "decisions.jsonl"

    @property
    def log(self) -> Path:
        """Everything that was said, with tracebacks."""
        return self.path / "run.log"

    def checkpoint(self, name: str) -> Path:
        """The folder of checkpoint ``last`` or ``best``."""
        return self.path / "checkpoints" / name

    def evaluation(self, name: str) -> Path:
        """The folder of an evaluation."""
        return self.path / "eval" / name

    def evaluations(self) -> list[Path]:
        """Folders of finished evaluations, the newest last."""
        found = self.path.glob("eval/*/results.json")
        return [p.parent for p in sorted(found, key=lambda p: (str(read_json(p).get("date")), p))]

    @classmethod
    def existing(cls, path: str | Path) -> "RunFolder":
        """The folder of a run that was made before.

        Args:
            path: where it should be.

        Returns:
            The folder.

        Raises:
            RunError: there is no run.
        """
        folder = cls(Path(path).expanduser().absolute())
        if not folder.config.is_file():
            what = (
                "is not the folder of a run (it has no config.yaml)" if folder.path.is_dir() else "does not exist"
            )
            raise RunError(f"'{path}' {what}", "run folder", "give the path that the training printed last")
        return folder


def write_aside(path: Path, content: str | bytes) -> None:
    """Write a file so that a crash leaves the old or the new one, whole."""
    with aside(path) as new:
        new.write_bytes(content.encode() if isinstance(content, str) else content)


@contextmanager
def aside(path: Path) -> Iterator[Path]:
    """A file beside another one, which takes its place, synced, when the block ends without an exception.

    Args:
        path: of the file that is to be replaced, or made.

    Yields:
        Where to write the new one; no other process is given the same name, also not in another container.
    """
    new = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
    try:
        yield new
        with new.open("rb") as file:
            os.fsync(file.fileno())
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)
    sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Bring a folder's own entries to disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def append_line(path: Path, record: Mapping[str, Any]) -> None:
    """Add a record as a line of JSON, on disk when this returns; not-a-number is refused."""
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(record, allow_nan=False) + "\n")
        file.flush()
        os.fsync(file.fileno())


def write_json(path: Path, record: Mapping[str, Any]) -> None:
    """Write a record as indented JSON, in one go; not-a-number is refused."""
    write_aside(path, json.dumps(record, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path) -> dict[str, Any]:
    """Read a record.

    Args:
        path: of a JSON file that holds an object.

    Returns:
        The object.

    Raises:
        RunError: the file is missing or is not one.
    """
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunError(
            f"cannot be read as JSON ({error})", str(path), "the run is damaged or not finished"
        ) from error
    if not isinstance(record, dict):
        raise RunError("holds no JSON object", str(path), "the run is damaged")
    return record


def sha256(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

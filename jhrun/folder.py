"""A run's folder: where its files lie, and what may not lie in it."""

import os
import pickletools
import shutil
import warnings
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import BinaryIO
from zipfile import BadZipFile, ZipFile

from jhrun.errors import RunError, UnsafeError
from jhrun.jsonio import read_json

LOCK = ".jhrun.lock"
"""The file in a locked folder."""

_IMPORTING = {"GLOBAL", "STACK_GLOBAL", "INST", "EXT1", "EXT2", "EXT4"}
"""Instructions of pickles that look a name up."""


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
    def terms(self) -> Path:
        """Under ``terms`` one ``TermRecord`` for each term of the loss."""
        return self.path / "terms.json"

    @property
    def background(self) -> Path:
        """A ``BackgroundRecord``: the sizes of the data and what a paper cites."""
        return self.path / "background.json"

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

    @property
    def canary(self) -> Path:
        """What the network of each checkpoint says to a few made-up inputs."""
        return self.path / "canary.json"

    def checkpoint(self, name: str) -> Path:
        """The folder of checkpoint ``last`` or ``best``."""
        return self.path / "checkpoints" / name

    def evaluation(self, name: str) -> Path:
        """The folder of an evaluation."""
        return self.path / "eval" / name

    @property
    def pin(self) -> Path:
        """Which evaluation the run's page is about, where somebody chose one."""
        return self.path / "pinned.json"

    def evaluations(self) -> list[Path]:
        """Folders of finished evaluations, the newest last."""
        found = self.path.glob("eval/*/results.json")
        return [p.parent for p in sorted(found, key=lambda p: (str(read_json(p).get("date")), p))]

    def remove_temporaries(self) -> None:
        """Remove what processes that were killed left half written; the folder's lock must be ours."""
        for left in self.path.rglob(".*.tmp"):
            if left.is_file():
                left.unlink()
        # a finished evaluation needs nothing of when it was not
        for results in self.path.glob("eval/*/results.json"):
            shutil.rmtree(results.with_name("unfinished"), ignore_errors=True)

    def remove_unclaimed(self) -> None:
        """Remove what is left of a run that ended before it had a configuration, if there is nothing else.

        The folder's lock must be ours.
        """
        if self.unclaimed():
            for path in (*self.path.glob(".*.tmp"), *self._remnants):
                path.unlink(missing_ok=True)

    def unclaimed(self) -> bool:
        """Whether all that is here is left of a run that ended before it had a configuration."""
        others = [p for p in self.path.iterdir() if p not in self._remnants and not fnmatch(p.name, ".*.tmp")]
        try:
            return {p.name for p in others} <= {LOCK} and read_json(self.status).get("state") == "running"
        except RunError:
            return False

    @property
    def _remnants(self) -> tuple[Path, ...]:
        return self.overrides, self.environment, self.status

    @classmethod
    def existing(cls, path: str | Path) -> "RunFolder":
        """The folder of a run that was made before.

        Args:
            path: where it should be.

        Returns:
            The folder.

        Raises:
            RunError: there is no run.
            UnsafeError: something in it leaves it, or could execute code.
        """
        folder = cls(Path(path).expanduser().absolute())
        refuse_unsafe(folder.path)
        if not folder.config.is_file():
            what = (
                "is not the folder of a run (it has no config.yaml)" if folder.path.is_dir() else "does not exist"
            )
            raise RunError(f"'{path}' {what}", "run folder", "give the path that the training printed last")
        return folder


def refuse_unsafe(path: Path, *, pickles: bool = True) -> None:
    """Look at everything in a folder, without reading more than the first bytes of a file.

    Args:
        path: of the folder, which may itself be reached through a symbolic link; nothing where it does not exist.
        pickles: whether to look into the files too.

    Raises:
        UnsafeError: a symbolic link leaves the folder, or something is a pickle, or neither file nor folder.
    """
    root = path.resolve()
    for place, folders, files in os.walk(root):
        for name in (*folders, *files):
            entry = Path(place, name)
            if entry.is_symlink():
                if not _within(entry, root):
                    raise UnsafeError("a symbolic link leaves the folder", str(entry), "remove it")
            elif not (entry.is_file() or entry.is_dir()):
                raise UnsafeError("is neither a file nor a folder", str(entry), "remove it")
            elif pickles and entry.is_file() and _pickled(entry):
                raise UnsafeError(
                    "is a pickle, which could execute code", str(entry), "remove it: jhrun writes none"
                )


def _within(link: Path, root: Path) -> bool:
    """Whether a link stays in a folder; one that leads round in a ring leads nowhere."""
    try:
        return link.resolve(strict=False).is_relative_to(root)
    except (OSError, RuntimeError):
        return False


def _pickled(path: Path) -> bool:
    """Whether a file is a pickle of any protocol, or an archive with one, as PyTorch's."""
    with path.open("rb") as file:
        head = file.read(3)
        # protocols 2 to 5, then an instruction, of which none is below "("; a safetensors file, which begins with
        # the length of its header in eight bytes, may begin with the same two
        if head[:2] in {b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05"} and head[2:] >= b"(":
            return True
        file.seek(0)
        if head[:2] != b"PK":
            return _imports(file)
        try:
            with ZipFile(file) as archive:
                return any(name.endswith(".pkl") for name in archive.namelist())
        except (BadZipFile, ValueError, OSError, NotImplementedError):
            # whoever reads it will say so
            return False


def _imports(file: BinaryIO) -> bool:
    """Whether a file is a whole pickle without a protocol's mark, and imports something."""
    with warnings.catch_warnings(), Path(os.devnull).open("w") as nowhere:
        # of strings that are none
        warnings.simplefilter("ignore")
        try:
            if _IMPORTING.isdisjoint({operation.name for operation, *_ in pickletools.genops(file)}):
                return False
            file.seek(0)
            # looks at the stack too: words may happen to be instructions
            pickletools.dis(file, nowhere)
        except (ValueError, OverflowError, IndexError, MemoryError):
            # other files end here after a few bytes
            return False
    return True

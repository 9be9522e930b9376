"""The queue: which measurements a GPU is wanted for, in which order, and which of them are done."""

import ast
import hashlib
import json
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
QUEUE = ROOT / "benchmarks/gpu/queue.yaml"
STATES = ("undone", "part", "done")


@dataclass(frozen=True)
class Job:
    """An entry of ``queue.yaml``.

    Attributes:
        name: of the job, and of its part in a call.
        worth: the most worthy job comes first.
        minutes: a call gives it so many at most.
        least: and does not begin it with fewer.
        module: of this package, which measures.
        arguments: of the module.
        rehearse: arguments in place of those in a rehearsal; None to leave the job out there.
        code: files and folders whose change makes the result worthless.
        result: its file, from the root of the repository.
        state: ``undone``, ``part`` or ``done``.
        needs_data: whether images are needed.
        keeps_state: whether a later call goes on from files of this one.
    """

    name: str
    worth: float
    minutes: float
    module: str
    code: list[str]
    result: str
    state: str = "undone"
    least: float = 0.5
    arguments: dict[str, Any] = field(default_factory=dict)
    rehearse: dict[str, Any] | None = None
    needs_data: bool = False
    keeps_state: bool = False

    def __post_init__(self) -> None:
        """Check the state.

        Raises:
            ValueError: it is another word, or the least is more than the most.
        """
        if self.state not in STATES:
            raise ValueError(f"job {self.name}: state={self.state}: must be one of {', '.join(STATES)}")
        if not 0 < self.least <= self.minutes:
            raise ValueError(
                f"job {self.name}: least={self.least}: must be above 0 and at most minutes={self.minutes}"
            )

    def digest(self, root: Path = ROOT) -> str:
        """A name for the code that the job measures: comments, docstrings and layout do not count."""
        digest = hashlib.sha256(json.dumps([self.module, self.arguments], sort_keys=True).encode())
        for entry in (*self.code, f"benchmarks/gpu/{self.module}.py"):
            path = root / entry
            for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
                digest.update(f"{file.relative_to(root).as_posix()}\0".encode() + _meaning(file).encode())
        return digest.hexdigest()[:12]

    def earlier(self, root: Path = ROOT) -> dict[str, Any] | None:
        """The committed result, where it is of the code as it stands; None without one."""
        path = root / self.result
        if not path.is_file():
            return None
        result: dict[str, Any] = json.loads(path.read_text())
        return result if result.get("digest") == self.digest(root) else None

    def open(self, root: Path = ROOT) -> bool:
        """Whether it is still to be measured, by its state and its result."""
        return self.state != "done" or self.earlier(root) is None


def _meaning(file: Path) -> str:
    tree = ast.parse(file.read_text())
    for node in ast.walk(tree):
        if isinstance(
            node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
        ) and ast.get_docstring(node):
            node.body = node.body[1:]
    return ast.dump(tree)


def load(path: Path = QUEUE) -> list[Job]:
    """The jobs, the most worthy first."""
    jobs = [Job(**entry) for entry in yaml.safe_load(path.read_text())["jobs"]]
    if len({job.name for job in jobs}) < len(jobs):
        raise ValueError(f"{path}: two jobs have one name")
    return sorted(jobs, key=lambda job: -job.worth)


def choose(
    jobs: Collection[Job], minutes: float, *, tried: Collection[str], data: bool, files: int, root: Path = ROOT
) -> Job | None:
    """The most worthy open job that fits.

    Args:
        jobs: of the queue.
        minutes: that are left of the call.
        tried: names of those that had their turn in it.
        data: whether images are there.
        files: of state that may still be written.
        root: of the repository.

    Returns:
        The job; None where none fits.
    """
    for job in sorted(jobs, key=lambda job: -job.worth):
        able = (data or not job.needs_data) and (files > 0 or not job.keeps_state)
        if job.name not in tried and able and job.least <= minutes and job.open(root):
            return job
    return None


def mark(states: dict[str, str], path: Path = QUEUE) -> None:
    """Write new states of jobs into the queue. The rest of the file does not change.

    Args:
        states: by the jobs' names.
        path: of the queue.
    """
    lines, name = path.read_text().splitlines(), None
    for number, line in enumerate(lines):
        key, _, value = line.strip().removeprefix("- ").partition(":")
        if key == "name":
            name = value.strip()
        elif key == "state" and name in states:
            lines[number] = f"{line[: line.index('state')]}state: {states[name]}"
    path.write_text("\n".join(lines) + "\n")

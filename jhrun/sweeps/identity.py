"""What makes two jobs the same one."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jhrun

ELSEWHERE = {"resume", "resume_force", "checkpoint", "log", "logger", "sweep", "search"}
"""Keys of a run that its figures do not hang on."""

_BESIDE = {"reporting", "sweeps", "benchmark"}
"""Packages that a run's figures do not hang on: a page may be mended while a sweep goes on."""


def code_version(plugins: Mapping[str, Sequence[tuple[str, Path]]] | None = None) -> str:
    """The version of the code that makes a run's figures.

    Args:
        plugins: the source files of each plugin, by its name: path relative to the plugin, and place.

    Returns:
        The release, and the first 48 bits of a SHA-256 over the source files, read now: ``0.1.0+3f1c09a2b4d5``.
    """
    package = Path(jhrun.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        relative = path.relative_to(package)
        if relative.parts[0] not in _BESIDE:
            digest.update(f"{relative.as_posix()}\0".encode() + path.read_bytes() + b"\0")
    for name, files in (plugins or {}).items():
        for file, path in files:
            digest.update(f"{name}:{file}\0".encode() + path.read_bytes() + b"\0")
    return f"{jhrun.__version__}+{digest.hexdigest()[:12]}"


def identity(values: Mapping[str, Any], code: str) -> str:
    """A name for a job: the same for the same code and configuration, wherever its files lie.

    Args:
        values: its resolved configuration, as plain values.
        code: the version that it runs with.

    Returns:
        Twelve hexadecimal digits: a SHA-256's first 48 bits. A folder that a data set is only kept in does not
        count; one that says which data it is (no ``download`` beside it) does.

    Example:
        >>> here = {"seed": 0, "dataset": {"root": "/a", "download": True}}
        >>> there = {"dataset": {"download": True, "root": "/b"}, "seed": 0}
        >>> identity(here, "1") == identity(there, "1") != identity(here, "2")
        True
    """
    kept = {key: value for key, value in values.items() if key not in ELSEWHERE}
    if data := kept.get("dataset"):
        aside = {"cache", "download", "root"} if "download" in data else {"cache"}
        kept["dataset"] = {key: value for key, value in data.items() if key not in aside}
    text = json.dumps([code, _sortable(kept)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _sortable(value: Any) -> Any:
    """With text for keys: those of a schedule are numbers, which JSON sorts only among themselves."""
    if isinstance(value, Mapping):
        return {str(key): _sortable(item) for key, item in value.items()}
    return [_sortable(item) for item in value] if isinstance(value, list | tuple) else value

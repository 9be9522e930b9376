"""Where packages that the user trusts lie, and the version of all code that a run's figures hang on."""

import importlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from jhrun.sweeps import ELSEWHERE, code_version

Code = Callable[[Mapping[str, Any]], str]
"""From a run's configuration, as plain values, to the version of the code that makes its figures."""


def code_reader() -> Code:
    """A function that gives a configuration's version of the code, and reads each source file once.

    Returns:
        ``code_version`` over jhrun and the configuration's plugins, but for those that only a logger or the like
        is of. A plugin that cannot be found counts as one without files: the door refuses it.
    """

    @cache
    def version(names: tuple[str, ...]) -> str:
        return code_version({name: source_files(name) for name in names})

    return lambda values: version(tuple(_that_count(values)))


def located(package: str) -> ModuleSpec | None:
    """A package, or a module that is a plugin by itself: installed, or else in the current folder.

    Args:
        package: a name without dots.

    Returns:
        Where it lies; None where it is not there. Nothing is imported.
    """
    importlib.invalidate_caches()
    try:
        return find_spec(package) or PathFinder.find_spec(package, [str(Path.cwd())])
    except ValueError:
        # a module that has no place, as the interpreter's own
        return None


def source_files(package: str) -> list[tuple[str, Path]]:
    """The Python files of a plugin.

    Args:
        package: its name.

    Returns:
        Their paths relative to the package and their places, in order.
    """
    spec = located(package)
    if spec is None:
        return []
    roots = [Path(root) for root in spec.submodule_search_locations or ()]
    files = [(path.relative_to(root).as_posix(), path) for root in roots for path in root.rglob("*.py")]
    if not roots and spec.origin is not None and Path(spec.origin).is_file():
        files = [(Path(spec.origin).name, Path(spec.origin))]
    return sorted(files)


def _that_count(values: Mapping[str, Any]) -> list[str]:
    plugins: Sequence[str] = values.get("plugins") or ()
    beside = {name for key in ELSEWHERE for name in _packages(values.get(key))}
    needed = {name for key in values.keys() - ELSEWHERE for name in _packages(values[key])}
    return sorted(name for name in {*plugins} if name in needed or name not in beside)


def _packages(node: Any) -> Iterator[str]:
    """The packages that the targets of a section are of."""
    if isinstance(node, Mapping):
        for key, value in node.items():
            if key == "_target_":
                yield str(value).split(".", maxsplit=1)[0]
            yield from _packages(value)
    elif isinstance(node, list):
        for value in node:
            yield from _packages(value)

"""A run's stored configuration: plain values, written resolved and read without resolving anything."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import AliasToken, AnchorToken, YAMLError

from jhrun.config import door
from jhrun.config.overrides import flatten
from jhrun.config.values import check
from jhrun.errors import ConfigError, RunError, UnsafeError
from jhrun.files import write_aside
from jhrun.linalg.auto import read_costs

REQUIRED = (
    "seed", "device", "epsilon", "epsilon_l2", "evaluate", "cascade", "subset", "resume", "resume_force",
    "watch.part", "watch.epochs", "watch.examples", "sweep.on_fail", "sweep.plan", "paper", "plugins",
    "train.epochs", "train.batch_size", "train.examples", "train.drop_last", "train.micro_batch",
    "train.on_nonfinite", "checkpoint.steps", "log.steps", "threads", "tf32", "channels_last", "bf16", "compile",
    "deterministic", "dataset._target_", "model._target_", "objective._target_", "regularizer.weight",
    "regularizer._target_", "averaging._target_", "solver._target_", "optimizer._target_", "optimizer.lr",
    "logger._target_",
)  # fmt: skip
"""Keys that the configuration of every run has."""

_SEAL = "# SHA-256 of the above: "


def plain(config: DictConfig) -> dict[str, Any]:
    """Composed configuration as resolved, checked plain values, with absolute paths.

    Args:
        config: what Hydra composed.

    Returns:
        Nested dictionaries and lists.

    Raises:
        ConfigError: an interpolation fails, a value is missing or one is out of range.
    """
    values = resolved(config)
    check(values)
    for key in ("seed", "epsilon"):
        if "train" in values and values.get(key) is None:
            raise ConfigError(f"{key} has no value", key, f"give it on the command line: {key}=…")
    return values


def resolved(config: DictConfig) -> dict[str, Any]:
    """Composed configuration as plain values with absolute paths, not looked at yet.

    Args:
        config: what Hydra composed.

    Returns:
        Nested dictionaries and lists.

    Raises:
        ConfigError: an interpolation fails, or a value is missing.
    """
    try:
        values: Any = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    except OmegaConfBaseException as error:
        key = error.full_key or "configuration"
        raise ConfigError(str(error).splitlines()[0], key, f"give it on the command line: {key}=…") from error
    root = _section(values, "dataset").get("root")
    if root is not None:
        values["dataset"]["root"] = str(Path(str(root)).expanduser().absolute())
    penalties = _section(values, "regularizer").get("penalties")
    for node in penalties if isinstance(penalties, list) else []:
        if isinstance(node, dict) and "target" in node:
            values["regularizer"]["target"] = node["target"] = _target(node["target"])
    costs = _section(values, "solver").get("costs")
    if costs is not None and not isinstance(costs, dict):
        # the figures themselves: the run must not hang on a file elsewhere
        try:
            values["solver"]["costs"] = read_costs(Path(str(costs)).expanduser())
        except ValueError as error:
            raise ConfigError(str(error), "solver.costs", "give costs.json of a bench on this machine") from error
    return values  # type: ignore[no-any-return]


def _section(values: dict[str, Any], key: str) -> dict[str, Any]:
    """A section of a configuration; nothing where a file has put something else there, which is told later."""
    found = values.get(key)
    return found if isinstance(found, dict) else {}


def _target(value: Any) -> Any:
    """A number as one, and a path as an absolute one."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return str(Path(str(value)).expanduser().absolute())


def as_yaml(values: Any) -> str:
    """Plain values as YAML."""
    return OmegaConf.to_yaml(OmegaConf.create(values))


def write(path: Path, values: Mapping[str, Any]) -> None:
    """Write a configuration that ``read`` will know as unchanged."""
    text = as_yaml(values)
    write_aside(path, f"{text}{_SEAL}{_sha256(text)}\n")


def read(path: Path, plugins: Sequence[str] | None = None) -> dict[str, Any]:
    """A stored configuration.

    Args:
        path: of a ``config.yaml``.
        plugins: packages that the user trusts in this call, where something is to be built of it.

    Returns:
        Its plain values, checked.

    Raises:
        RunError: it cannot be read, or was changed.
        UnsafeError: it holds an interpolation, which could read the environment, an alias, or what would build
            objects that are none of ours.
    """
    try:
        text = path.read_text(encoding="utf-8")
        if any(isinstance(token, AliasToken | AnchorToken) for token in yaml.scan(text)):
            raise UnsafeError("holds a YAML alias, which jhrun never writes", str(path), "write the value itself")
        values: Any = OmegaConf.to_container(OmegaConf.create(text), resolve=False)
    except (OSError, OmegaConfBaseException, YAMLError, ValueError, RecursionError) as error:
        raise RunError(f"cannot be read ({error})", str(path), "the run is damaged") from error
    if not isinstance(values, dict):
        raise RunError("holds no mapping", str(path), "the run is damaged")
    for keys, value in _leaves(values):
        _refuse_unsafe(keys, value, path, plugins)
    body, mark, seal = text.rpartition(_SEAL)
    if seal.strip() != _sha256(body):
        what = f"its checksum is {seal.strip()} instead of {_sha256(body)}" if mark else "its checksum is missing"
        raise RunError(what, str(path), "it was damaged or changed: restore it, or start a new run")
    leaves = [f"{leaf}." for leaf in flatten(values)]
    missing = [key for key in REQUIRED if not any(leaf.startswith(f"{key}.") for leaf in leaves)]
    if missing:
        raise RunError(f"lacks {', '.join(missing)}", str(path), "the run is damaged")
    try:
        check(values)
    except ConfigError as error:
        raise RunError(f"stored configuration is damaged: {error}", str(path), "restore it") from error
    return {str(key): value for key, value in values.items()}


def _leaves(node: Any, keys: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every value with the keys and places that lead to it."""
    inner = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else None
    if inner is None or not node:
        yield keys, node
        return
    for key, value in inner:
        yield from _leaves(value, (*keys, str(key)))


def _refuse_unsafe(keys: tuple[str, ...], value: Any, path: Path, plugins: Sequence[str] | None) -> None:
    """What could read the environment or build objects, in one of a stored configuration's leaves."""
    key = ".".join(keys)
    if "${" in f"{key} {value}":
        raise UnsafeError(f"key '{key}' holds an interpolation", str(path), "write the value itself")
    if any(part == "()" or (part.startswith("_") and part != "_target_") for part in keys):
        raise UnsafeError(f"key '{key}' could build objects", str(path), "remove it")
    if plugins is not None and keys and keys[-1] == "_target_" and value is not None:
        door.refuse_foreign(keys[0], value, plugins, f"key '{key}' in {path}")


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def differences(stored: Mapping[str, Any], wanted: Mapping[str, Any], touched: list[str]) -> list[str]:
    """Where a call asks for something else than a run was made with.

    Args:
        stored: the run's plain values.
        wanted: the call's plain values.
        touched: keys or their prefixes that the call names.

    Returns:
        One ``key: stored → wanted`` for each difference.
    """
    before, after = flatten(dict(stored)), flatten(dict(wanted))
    return [
        f"{key}: {before.get(key)} → {value}"
        for key, value in after.items()
        if any(key == t or key.startswith(f"{t}.") for t in touched) and before.get(key) != value
    ]

"""A run's stored configuration: plain values, written resolved and read without resolving anything."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from jhrun.config.compose import flatten
from jhrun.config.values import check
from jhrun.errors import ConfigError, RunError, UnsafeError
from jhrun.linalg.auto import read_costs

REQUIRED = (
    "seed", "device", "epsilon", "evaluate", "train", "checkpoint", "dataset", "model", "objective", "regularizer",
    "solver", "optimizer", "tf32", "channels_last", "deterministic", "threads",
)  # fmt: skip
"""Keys that the configuration of every run has."""


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
    root = values.get("dataset", {}).get("root")
    if root is not None:
        values["dataset"]["root"] = str(Path(str(root)).expanduser().absolute())
    for node in values.get("regularizer", {}).get("penalties", []):
        if "target" in node:
            values["regularizer"]["target"] = node["target"] = _target(node["target"])
    costs = values.get("solver", {}).get("costs")
    if costs is not None and not isinstance(costs, dict):
        # the figures themselves: the run must not hang on a file elsewhere
        try:
            values["solver"]["costs"] = read_costs(Path(str(costs)).expanduser())
        except ValueError as error:
            raise ConfigError(str(error), "solver.costs", "give costs.json of a bench on this machine") from error
    return values  # type: ignore[no-any-return]


def _target(value: Any) -> Any:
    """A number as one, and a path as an absolute one."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return str(Path(str(value)).expanduser().absolute())


def as_yaml(values: Any) -> str:
    """Plain values as YAML."""
    return OmegaConf.to_yaml(OmegaConf.create(values))


def read(path: Path) -> dict[str, Any]:
    """A stored configuration.

    Args:
        path: of a ``config.yaml``.

    Returns:
        Its plain values, checked.

    Raises:
        RunError: it cannot be read.
        UnsafeError: it holds an interpolation, which could read the environment.
    """
    try:
        values: Any = OmegaConf.to_container(OmegaConf.load(path), resolve=False)
    except (OSError, OmegaConfBaseException, YAMLError, UnicodeDecodeError) as error:
        raise RunError(f"cannot be read ({error})", str(path), "the run is damaged") from error
    if not isinstance(values, dict):
        raise RunError("holds no mapping", str(path), "the run is damaged")
    for key, value in flatten(values).items():
        if "${" in str(value):
            raise UnsafeError(f"key '{key}' holds an interpolation", str(path), "write the value itself")
    missing = [key for key in REQUIRED if key not in values]
    if missing:
        raise RunError(f"lacks {', '.join(missing)}", str(path), "the run is damaged, or of another version")
    try:
        # of more classes than there are, older versions took all
        check({**values, "attack": None})
    except ConfigError as error:
        raise RunError(f"stored configuration is damaged: {error}", str(path), "restore it") from error
    return {str(key): value for key, value in values.items()}


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

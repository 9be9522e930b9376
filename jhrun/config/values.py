"""Values that people write, read and checked: all faults of a call at once."""

import math
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

from jhrun.errors import ConfigError
from jhrun.training import schedule


def radius(value: Any) -> float:
    """ε from a number or a fraction.

    Args:
        value: as in ``0.1`` or ``8/255``.

    Returns:
        A number of at least 0.

    Raises:
        ValueError: it is neither, or negative.

    Example:
        >>> radius("8/255") == 8 / 255
        True
    """
    try:
        number = float(Fraction(value)) if isinstance(value, str) and "/" in value else float(value)
    except (TypeError, ValueError, ZeroDivisionError):
        number = math.nan
    if isinstance(value, bool) or not 0 <= number < math.inf:
        raise ValueError("must be a number of at least 0 or a fraction such as 8/255")
    return number


def whole(least: int) -> Callable[[Any], None]:
    """A check for whole numbers."""

    def check(value: Any) -> None:
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise ValueError(f"must be a whole number of at least {least}")

    return check


def optional(check: Callable[[Any], Any]) -> Callable[[Any], None]:
    """The same check, passed by null."""
    return lambda value: None if value is None else check(value) and None


def one_of(*allowed: Any) -> Callable[[Any], None]:
    """A check for some values."""

    def check(value: Any) -> None:
        if not any(value is a or (isinstance(a, str) and value == a) for a in allowed):
            raise ValueError(f"must be one of {', '.join(str(a).lower() for a in allowed)}")

    return check


def share(value: Any) -> None:
    """A check for numbers in [0, 1)."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1:
        raise ValueError("must be at least 0 and below 1")


def part(value: Any) -> None:
    """A check for numbers above 0 and up to 1."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 1:
        raise ValueError("must be above 0 and at most 1")


def device_name(value: Any) -> None:
    """A check for ``auto``, ``cpu``, ``cuda`` and ``cuda:N``."""
    name, _, number = str(value).partition(":")
    if not (value in {"auto", "cpu"} or (name == "cuda" and (number.isdigit() or value == "cuda"))):
        raise ValueError("must be one of auto, cpu, cuda, cuda:N")


def package_names(value: Any) -> None:
    """A check for a list of packages: of a mere string, every letter would be one."""
    if not isinstance(value, list) or not all(isinstance(name, str) and name.isidentifier() for name in value):
        raise ValueError("must be a list of packages, as in [mypackage]")


def node(value: Any) -> None:
    """A check for what must be a mapping of keys."""
    if not isinstance(value, Mapping):
        raise ValueError("must hold keys of its own: set them, not it")


def scheduled(good: Callable[[float], bool], rule: str) -> Callable[[Any, int], None]:
    """A check for every value that a schedule takes: its extremes are among the values that it is written with."""

    def check(value: Any, epochs: int) -> None:
        schedule(value, epochs)
        for number in written(value):
            if not good(number):
                raise ValueError(f"{number:g} {rule}")

    return check


def written(value: Any) -> list[float]:
    """The values, not the epochs, that a schedule is written with."""
    if not isinstance(value, Mapping):
        return [float(value)]
    if "cosine" in value:
        return [float(value["cosine"]["start"]), float(value["cosine"].get("end", 0))]
    return [float(v) for v in value.get("interpolate", value).values()]


CHECKS: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(("train", "dataset", "model", "objective", "regularizer", "solver", "optimizer"), node),
    "train.epochs": whole(1),
    "train.batch_size": whole(1),
    "train.micro_batch": optional(whole(1)),
    "train.examples": optional(whole(1)),
    "train.drop_last": one_of(True, False),
    "train.on_nonfinite": one_of("stop", "skip"),
    "checkpoint.steps": optional(whole(1)),
    "log.steps": whole(1),
    "watch.part": optional(one_of("validation", "test")),
    "watch.epochs": optional(whole(1)),
    "watch.examples": optional(whole(1)),
    "search.trials": whole(1),
    "search.startup": whole(1),
    "search.prune": one_of(True, False),
    "search.seed": whole(0),
    "sweep.plan": one_of(True, False),
    "sweep.on_fail": one_of("continue", "stop"),
    "checkpoint": lambda value: None if isinstance(value, Mapping) else one_of("last", "best")(value),
    "dataset.validation": share,
    "dataset.dimension": whole(1),
    "dataset.hold": whole(1),
    "regularizer.fraction": part,
    "dataset.examples": whole(1),
    "epsilon": optional(radius),
    "epsilon_l2": optional(radius),
    "cascade": one_of(True, False),
    "subset": optional(whole(1)),
    **dict.fromkeys(("rounds", "batches", "batch_size", "classes"), whole(1)),
    "strict": one_of(True, False),
    "seed": optional(whole(0)),
    "device": device_name,
    "plugins": package_names,
    "evaluate": one_of(True, False),
    "analysis": optional(one_of("curvature")),
    "threads": optional(whole(1)),
    "tf32": one_of(True, False),
    "channels_last": one_of(True, False),
    "bf16": one_of(True, False),
    "compile": one_of(True, False),
    "deterministic": one_of(True, False),
}

SCHEDULES = {
    "regularizer.weight": scheduled(lambda w: 0 <= w <= 1, "must lie in [0, 1]"),
    "solver.iterations": scheduled(lambda n: n >= 1 and n == int(n), "must be a whole number of at least 1"),
    "solver.truth": scheduled(lambda truth: 0 < truth <= 1, "must be above 0 and at most 1"),
    "optimizer.lr": scheduled(lambda lr: lr >= 0, "must not be negative"),
}

_ABSENT = object()


def check(config: Mapping[str, Any]) -> None:
    """Look at every value that has a rule, before anything is loaded.

    Args:
        config: as plain Python values.

    Raises:
        ConfigError: names all that is wrong.
    """
    faults = []

    def attempt(key: str, rule: Callable[..., Any], *more: Any) -> None:
        value = _select(config, key)
        if value is _ABSENT:
            return
        try:
            rule(value, *more)
        except ValueError as error:
            faults.append(f"{key}={value}: {str(error).removeprefix(f'{value!r}: ')}")

    for key, rule in CHECKS.items():
        attempt(key, rule)
    epochs = _select(config, "train.epochs")
    if isinstance(epochs, int) and epochs > 0:
        for key, timed in SCHEDULES.items():
            attempt(key, timed, epochs)
    if faults:
        raise ConfigError("; ".join(faults), "configuration", "give values in range")


def _select(config: Mapping[str, Any], key: str) -> Any:
    node: Any = config
    for part in key.split("."):
        if not isinstance(node, Mapping) or part not in node:
            return _ABSENT
        node = node[part]
    return node

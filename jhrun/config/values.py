"""Values that people write, read and checked: all faults of a call at once."""

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from jhrun.attacks.attack import require_radius
from jhrun.config.rules import (
    at_least_0,
    counts,
    device_name,
    names,
    node,
    nodes,
    one_of,
    optional,
    package_names,
    pair,
    part,
    scheduled,
    shape,
    share,
    sizes,
    weight,
    whole,
    wrong_classes,
)
from jhrun.errors import ConfigError


def radius(value: Any, norm: str = "inf") -> float:
    """ε from a number or a fraction.

    Args:
        value: as in ``0.1`` or ``8/255``.
        norm: of the ball, ``inf`` or ``2``.

    Returns:
        A number of at least 0, in ℓ∞ at most 1.

    Raises:
        ValueError: it is neither, or outside this range.

    Example:
        >>> radius("8/255") == 8 / 255
        True
    """
    parts = str(value).split("/")
    try:
        number = float(parts[0]) if len(parts) == 1 else float(parts[0]) / float(*parts[1:])
    except (TypeError, ValueError, ZeroDivisionError):
        number = math.nan
    if isinstance(value, bool) or not 0 <= number < math.inf:
        raise ValueError("must be a number of at least 0 or a fraction such as 8/255")
    require_radius(number, norm)
    return number


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
    "dataset.crop": whole(0),
    "dataset.hold": whole(1),
    "regularizer.fraction": part,
    "regularizer.penalties": nodes,
    "optimizer.betas": pair,
    "dataset.examples": whole(1),
    "epsilon": optional(radius),
    "epsilon_l2": optional(partial(radius, norm="2")),
    "cascade": one_of(True, False),
    "subset": optional(whole(1)),
    **dict.fromkeys(("rounds", "batches", "batch_size"), whole(1)),
    "classes": whole(2, 1_000_000),
    "shape": shape,
    "model.widths": sizes,
    "optimizer.weight_decay": at_least_0,
    "iterations": counts,
    "solvers": names,
    "strict": one_of(True, False),
    "seed": optional(whole(0)),
    "device": device_name,
    "plugins": package_names,
    "evaluate": one_of(True, False),
    "averaged": optional(one_of(True, False)),
    "resume_force": one_of(True, False),
    "threads": optional(whole(1, 4096)),
    "tf32": one_of(True, False),
    "channels_last": one_of(True, False),
    "bf16": one_of(True, False),
    "compile": one_of(True, False),
    "deterministic": one_of(True, False),
}

SCHEDULES = {
    "regularizer.weight": weight,
    "solver.iterations": scheduled(lambda n: n >= 1 and n.is_integer(), "must be a whole number of at least 1"),
    "solver.products": scheduled(lambda n: n >= 0 and n.is_integer(), "must be a whole number of at least 0"),
    "solver.truth": scheduled(lambda truth: 0 < truth <= 1, "must be above 0 and at most 1"),
    "optimizer.lr": scheduled(lambda lr: 0 <= lr < math.inf, "must be a finite number of at least 0"),
}

CLASSES = {
    "jhrun.data.digits.digits": 10,
    "jhrun.data.torchvision.mnist": 10,
    "jhrun.data.torchvision.cifar10": 10,
    "jhrun.data.torchvision.cifar100": 100,
}
"""How many there are where that is known before anything is loaded."""

OF_CLASSES = ("targets", "nearest")
"""Settings of attacks that say how many of the wrong classes they look at."""

COUNTS = ("steps", "restarts")
"""Settings of attacks that are whole numbers."""

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
            faults.append(f"{key}={written_as(value)}: {str(error).removeprefix(f'{value!r}: ')}")

    for key, rule in CHECKS.items():
        attempt(key, rule)
    epochs = _select(config, "train.epochs")
    for key, timed in SCHEDULES.items():
        # without a good number of epochs the rest can be looked at all the same
        attempt(key, timed, epochs if isinstance(epochs, int) and epochs > 0 else math.inf)
    # a run that is gone on with brings its own data set
    classes = None if config.get("resume") else CLASSES.get(str(_select(config, "dataset._target_")))
    for name, attack in (config.get("attack") or {}).items():
        if not isinstance(attack, Mapping):
            continue
        for key in OF_CLASSES if classes else ():
            attempt(f"attack.{name}.{key}", wrong_classes, classes)
        for key in COUNTS:
            attempt(f"attack.{name}.{key}", optional(whole(1)))
    if faults:
        raise ConfigError("; ".join(faults), "", "")


def written_as(value: Any) -> str:
    """A plain value as one would type it.

    Args:
        value: of a configuration.

    Returns:
        The text.

    Example:
        >>> written_as(None), written_as(True), written_as([1, None]), written_as({0: 0.1})
        ('null', 'true', '[1, null]', '{0: 0.1}')
    """
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, list):
        return f"[{', '.join(map(written_as, value))}]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {written_as(item)}" for key, item in value.items()) + "}"
    return str(value)


def _select(config: Mapping[str, Any], key: str) -> Any:
    value: Any = config
    for name in key.split("."):
        if not isinstance(value, Mapping) or name not in value:
            return _ABSENT
        value = value[name]
    return value

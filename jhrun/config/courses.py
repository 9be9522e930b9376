"""Arguments written as schedules: one rule for everything that is built from YAML.

A number may be written as a schedule wherever the object that is built keeps the argument as an attribute of the
same name (an optimizer may have it in its parameter groups). The object is built with the first value; the trainer
sets the others.
"""

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import UnionType
from typing import Any, Union, get_args, get_origin

from torch.optim import Optimizer

from jhrun.config import door
from jhrun.config.rules import written
from jhrun.config.values import written_as
from jhrun.errors import ConfigError
from jhrun.schedules import first_epochs, is_schedule, schedule
from jhrun.training import Follow

Values = Mapping[str, Any]

_MOMENTS = 8
"""Of an epoch at which two schedules are compared: a curve that is bent differs at nearly all."""


def built(
    group: str, node: Values, epochs: float, plugins: Sequence[str], key: str = "", **context: Any
) -> tuple[Any, list[Follow]]:
    """An object, and its arguments that follow a schedule.

    Args:
        group: whose package may be used.
        node: ``_target_`` and the arguments.
        epochs: the training's length.
        plugins: packages that the user trusts in this call.
        key: where the node stands; the group if not given.
        **context: arguments that come from the program.

    Returns:
        The object at its first values, and what is to follow.

    Raises:
        ConfigError: an argument is refused, at the first value or at a later one, or cannot follow a schedule.
    """
    key = key or group
    kinds = door.parameters(group, node.get("_target_"), plugins)
    courses = {k: v for k, v in node.items() if is_schedule(v) and not (k in kinds and _mapping(kinds[k]))}
    if not courses:
        return door.build(group, node, plugins=plugins, **context), []
    first, follows = dict(node), []
    lines: dict[str, tuple[Callable[[float], float], bool]] = {}
    for name, value in courses.items():
        try:
            lines[name] = schedule(value, epochs), name in kinds and _whole(kinds[name])
        except ValueError as error:
            raise ConfigError(f"{key}.{name}={written_as(value)}: {error}", "", "") from error
        first[name] = _value(lines[name][0](0), lines[name][1])
    made = door.build(group, first, plugins=plugins, **context)
    for name, (course, whole) in lines.items():
        for number in written(courses[name]):
            # the class checks every value now: a later epoch is too late for its refusal
            door.build(group, {**first, name: _value(number, whole)}, plugins=plugins, **context)
        groups = made.defaults if isinstance(made, Optimizer) else {}
        if groups.get(name, getattr(made, name, None)) != first[name]:
            what = f"{key}.{name} cannot follow a schedule"
            why = f"{type(made).__name__} keeps no attribute '{name}' of its value"
            raise ConfigError(f"{what}: {why}", f"{node['_target_']}", "give a number")
        follows.append(Follow(made, name, course, whole))
    return made, follows


def stages(values: Any) -> Iterator[float]:
    """The epochs at which a schedule anywhere in some values takes a new value."""
    for _, found in _schedules(values):
        yield from first_epochs(found)


def bent(values: Values, epochs: int, done: int) -> list[str]:
    """The schedules that another length of the training bends over epochs that are trained.

    Args:
        values: as the run was trained.
        epochs: as it would go on.
        done: epochs that are trained, or begun.

    Returns:
        Their keys.

    Raises:
        ConfigError: of such a length a schedule cannot be.
    """
    moments = [epoch / _MOMENTS for epoch in range(done * _MOMENTS)]
    found = []
    for key, written_so in _schedules(values):
        try:
            one = schedule(written_so, values["train"]["epochs"])
        except ValueError:
            # a mapping of other things by number
            continue
        try:
            other = schedule(written_so, epochs)
        except ValueError as error:
            raise ConfigError(f"{key}={written_as(written_so)}: {error}", "", "start a new run") from error
        if any(one(moment) != other(moment) for moment in moments):
            found.append(key)
    return found


def _schedules(values: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Every schedule in some values, with its dotted key."""
    if is_schedule(values):
        yield key, values
        return
    inner = dict(enumerate(values)) if isinstance(values, list) else values
    for name, value in inner.items() if isinstance(inner, Mapping) else ():
        yield from _schedules(value, f"{key}.{name}" if key else str(name))


def _kinds(parameter: inspect.Parameter) -> tuple[Any, ...]:
    """The kinds of an argument, by its annotation; of one without an annotation, by its default."""
    annotation = parameter.annotation
    if annotation is inspect.Parameter.empty:
        return (type(parameter.default),)
    return get_args(annotation) if get_origin(annotation) in {UnionType, Union} else (annotation,)


def _whole(parameter: inspect.Parameter) -> bool:
    """Whether an argument is a whole number."""
    kinds = _kinds(parameter)
    return int in kinds and float not in kinds


def _mapping(parameter: inspect.Parameter) -> bool:
    """Whether an argument is a mapping itself, as of weights by class."""
    return any((get_origin(kind) or kind) in {dict, Mapping} for kind in _kinds(parameter))


def _value(number: float, whole: bool) -> float:
    return round(number) if whole else number

"""The loss of a run: its objective and its regularizer, from plain configuration values."""

import inspect
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from jhrun.config import courses, door
from jhrun.config.groups import nearest
from jhrun.config.rules import is_lambda
from jhrun.config.teacher import target
from jhrun.data import Dataset
from jhrun.errors import ConfigError
from jhrun.objectives import Objective
from jhrun.penalties import Penalty
from jhrun.schedules import schedule
from jhrun.terms import Term, Weighted, added, convex
from jhrun.training import Follow

Values = Mapping[str, Any]

BESIDE = ("weight", "fraction")
"""Keys of a regularizer's section that are none of its class."""
PASSED_DOWN = {"of", "target"}
"""Keys that a section hands on to its matrices; an experiment may set them whatever the regularizer."""


@dataclass(frozen=True)
class Loss:
    """What a run minimises.

    Attributes:
        objective: the task's loss for each example, for validation and for the matrices of penalties.
        terms: whose weighted sum is minimised.
        follows: arguments that follow a schedule.
        stages: first epochs of the stages of the run's schedules.
    """

    objective: Objective
    terms: list[Weighted]
    follows: list[Follow]
    stages: tuple[int, ...]


def loss(config: Values, data: Dataset, plugins: Sequence[str]) -> Loss:
    """The terms of a run, with their weights.

    Args:
        config: of the run.
        data: what is trained on.
        plugins: packages that the user trusts in this call.

    Returns:
        The loss.

    Raises:
        ConfigError: an objective or a regularizer is none.
    """
    epochs, chosen = config["train"]["epochs"], config["regularizer"]
    chosen_objective, follows = _term("objective", config["objective"], config, data, plugins)
    task = chosen_objective if isinstance(chosen_objective, Term) else None
    pointwise = task.loss if task is not None else chosen_objective
    if not callable(pointwise):
        what = f"{type(chosen_objective).__name__} is a term without a loss for each example"
        remedy = "give the class an attribute loss, as in loss = CrossEntropy()"
        raise ConfigError(what, f"objective: {config['objective'].get('_target_')}", remedy)
    added_term, more = regularizer(config, data, plugins)
    weight, fraction = chosen["weight"], chosen.get("fraction", 1.0)
    if is_lambda(weight) and added_term is not None:
        terms = added(task, added_term, schedule(weight["lambda"], epochs), fraction)
    else:
        terms = convex(task, added_term, 0.0 if is_lambda(weight) else schedule(weight, epochs), fraction)
    relevant = [config["objective"], chosen, config["optimizer"], config["solver"]]
    starts = {math.ceil(start) for start in courses.stages(relevant)}
    return Loss(pointwise, terms, follows + more, tuple(sorted(starts)))


def matrices(config: Values, data: Dataset, plugins: Sequence[str]) -> list[Penalty]:
    """The matrices of a regularizer alone, for those who do not train.

    Args:
        config: with a regularizer.
        data: what a network sees.
        plugins: packages that the user trusts in this call.

    Returns:
        Its penalties; none of a regularizer that has no matrix.
    """
    nodes = config["regularizer"].get("penalties") or []
    return [door.build("regularizer", _aimed(node, data, plugins), plugins=plugins) for node in nodes]


def objective(config: Values, plugins: Sequence[str], epoch: int = 0) -> Objective:
    """The task's loss for each example alone, for those who do not train.

    Args:
        config: with an objective; of a run, if the objective follows a schedule.
        plugins: packages that the user trusts in this call.
        epoch: at which its arguments are taken, counted from 0.

    Returns:
        The loss.
    """
    whole = {"train": {"epochs": math.inf}, **config}
    made, follows = _term("objective", config["objective"], whole, None, plugins)
    for one in follows:
        one.at(epoch)
    return cast(Objective, made.loss if isinstance(made, Term) else made)


def examine(group: str, node: Values, plugins: Sequence[str]) -> None:
    """Look at a section's ``_target_`` and at those within it, without building anything.

    Args:
        group: ``objective`` or ``regularizer``.
        node: its section.
        plugins: packages that the user trusts in this call.

    Raises:
        ConfigError: the section has no ``_target_``, or an argument is unknown.
    """
    if group == "regularizer" and "weight" not in node:
        raise ConfigError("regularizer.weight has no value", "regularizer", "give it: regularizer.weight=0.2")
    if group == "regularizer" and node.get("_target_") is None:
        extra = [key for key in node if key not in {*BESIDE, *PASSED_DOWN, "_target_"} and node[key]]
        if extra:
            what = f"regularizer.{extra[0]} is given, but regularizer._target_ is not"
            remedy = "name the term's class, as in _target_: jhrun.terms.spectral.Spectral"
            raise ConfigError(what, "regularizer", remedy)
        return
    for place, inner in _within(node, group):
        door.examined(group, inner, plugins=plugins, key=place)
    factory = door.target(group, node.get("_target_"), plugins)
    parameters = inspect.signature(factory).parameters
    given = [name for name in ("solver",) if name in parameters]
    arguments = _arguments(node)
    beside = [*parameters, *(BESIDE if group == "regularizer" else ())]
    every = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    for name in arguments:
        if name not in {"_target_", *parameters} and not every and not name.startswith("_"):
            remedy = nearest(name, beside)
            raise ConfigError(f"there is no key '{group}.{name}'", f"{node['_target_']}", remedy)
    door.examined(group, arguments, plugins=plugins, given=given)


def regularizer(config: Values, data: Dataset, plugins: Sequence[str]) -> tuple[Term | None, list[Follow]]:
    """What is added to the objective, and its arguments that follow a schedule.

    Args:
        config: of a run.
        data: what is trained on.
        plugins: packages that the user trusts in this call.

    Returns:
        The term; None for none.

    Raises:
        ConfigError: its class is no term.
    """
    node = config["regularizer"]
    if node.get("_target_") is None:
        return None, []
    made, follows = _term("regularizer", node, config, data, plugins)
    if not isinstance(made, Term):
        where, remedy = f"regularizer: {node['_target_']}", "derive the class from jhrun.terms.Term"
        raise ConfigError(f"it is of type {type(made).__name__}, and no term", where, remedy)
    return made, follows


def _term(
    group: str, node: Values, config: Values, data: Dataset | None, plugins: Sequence[str]
) -> tuple[Any, list[Follow]]:
    """What a section describes, with what is nested in it."""
    epochs = config["train"]["epochs"]
    context: dict[str, Any] = {}
    follows: list[Follow] = []
    factory = door.target(group, node.get("_target_"), plugins)
    if "solver" in inspect.signature(factory).parameters:
        context["solver"], follows = courses.built("solver", config["solver"], epochs, plugins)

    def made(value: Any, key: str) -> Any:
        if isinstance(value, list):
            return [made(item, f"{key}.{number}") for number, item in enumerate(value)]
        if not isinstance(value, Mapping) or "_target_" not in value:
            return value
        inner = {name: made(item, f"{key}.{name}") for name, item in _aimed(value, data, plugins).items()}
        found, more = courses.built(group, inner, epochs, plugins, key)
        follows.extend(more)
        return found

    arguments = {name: made(value, f"{group}.{name}") for name, value in _arguments(node).items()}
    found, more = courses.built(group, arguments, epochs, plugins, **context)
    return found, [*follows, *more]


def _aimed(node: Values, data: Dataset | None, plugins: Sequence[str]) -> Values:
    """A penalty's arguments, with the matrix that its ``target`` stands for."""
    if data is None or "target" not in node:
        return node
    return {**node, "target": target(node["target"], data, plugins)}


def _arguments(node: Values) -> dict[str, Any]:
    """A section without weight and fraction, and without keys that only the nodes within it take."""
    inner = {key for _, nested in _within(node) for key in nested} | PASSED_DOWN
    return {k: v for k, v in node.items() if k == "_target_" or (k not in BESIDE and k not in inner)}


def _within(node: Values, key: str = "") -> Iterator[tuple[str, Values]]:
    """The nodes with a ``_target_`` below a section, each with its place."""
    for name, value in node.items():
        for number, item in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if isinstance(item, Mapping):
                place = f"{key}.{name}" if number is None else f"{key}.{name}.{number}"
                if "_target_" in item:
                    yield place, item
                yield from _within(item, place)

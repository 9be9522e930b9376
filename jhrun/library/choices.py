"""Attacks, analyses, matrices and solvers by the names that the command line gives them."""

from collections.abc import Mapping, Sequence
from typing import Any

from jhrun.attacks import Attack
from jhrun.config import objects, stored
from jhrun.config.compose import composed
from jhrun.config.door import build, examined
from jhrun.config.groups import choices, nearest
from jhrun.config.values import radius
from jhrun.errors import ConfigError
from jhrun.evaluation.analyses import Analysis
from jhrun.linalg import Solver
from jhrun.penalties import Penalty


def attacks(
    names: str | Sequence[str],
    epsilon: Mapping[str, float | str | None],
    settings: Mapping[str, Any] | None = None,
) -> dict[str, Attack]:
    """The attacks of some choices of the group ``attack``.

    Args:
        names: one choice, as in ``standard``, or several.
        epsilon: radius by norm, ``inf`` and ``2``, in pixel units: a number, or a fraction as text.
        settings: of a single attack, as in ``{"steps": 50}``.

    Returns:
        The attacks by name.

    Raises:
        ConfigError: a name, a setting or the radius is wrong.
    """
    call = _chosen(attack=names)
    nodes = call.get("attack") or {}
    if settings:
        if len(nodes) != 1:
            what = f"{names} is {len(nodes)} attacks, and settings are of one"
            raise ConfigError(what, "attack", f"leave {min(settings)} out, or name one attack")
        nodes = {name: {**node, **settings} for name, node in nodes.items()}
    radii = {}
    for norm in {getattr(examined("attack", node, given=("epsilon",)), "norm", "inf") for node in nodes.values()}:
        try:
            radii[norm] = radius(epsilon[norm], norm)
        except ValueError as error:
            raise ConfigError(f"epsilon={epsilon[norm]}: {error}", "attack", "as in epsilon='8/255'") from error
    return objects.attacks({"attack": nodes}, radii, ())


def analyses(names: str | Sequence[str]) -> dict[str, Analysis]:
    """The analyses of some choices of the group ``analysis``, each after those whose records it reads."""
    return objects.analyses(_chosen(analysis=names), ())


def matrix(name: str) -> Penalty:
    """The matrix that a choice of the group ``regularizer`` penalises.

    Args:
        name: of the choice.

    Returns:
        The penalty.

    Raises:
        ConfigError: the choice is of several matrices, or of another kind of term.
    """
    nodes = _chosen(regularizer=name)["regularizer"].get("penalties") or []
    if len(nodes) != 1:
        what = f"regularizer {name} is {len(nodes) or 'no'} matrices, and a penalty is of one"
        raise ConfigError(what, "jhrun.penalty", "as in jhrun.penalty('jacobian')")
    made: Penalty = build("regularizer", nodes[0])
    return made


def solver(name: str, settings: Mapping[str, Any]) -> Solver:
    """A choice of the group ``solver`` with settings of its own."""
    node = _chosen(solver=name)["solver"]
    made: Solver = build("solver", {**node, **settings})
    return made


def _chosen(**chosen: str | Sequence[str]) -> dict[str, Any]:
    """The configuration of a training with some choices. The error for an unknown choice names the nearest one."""
    overrides = []
    for group, names in chosen.items():
        several = [names] if isinstance(names, str) else list(names)
        there = choices(group)
        for name in several:
            if name not in there:
                raise ConfigError(f"there is no {group} '{name}'", f"jhrun, {group}", nearest(str(name), there))
        overrides.append(f"{group}={several[0] if isinstance(names, str) else '[' + ','.join(several) + ']'}")
    return stored.resolved(composed("train", overrides))

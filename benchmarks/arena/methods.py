"""The methods that are compared: an entry each, a list of terms by strength, and the settings to try."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import ClassVar

import torch.nn.functional as F
from published import Published

from jhrun.attacks.ascend import ascend
from jhrun.attacks.balls import Ball
from jhrun.linalg import Exact, Hutchinson, Lanczos, Solver, Tracked
from jhrun.penalties import Hessian, Jacobian, Penalty
from jhrun.terms import Pass, Term, Value, Weighted, penalised
from jhrun.terms.weighted import convex

ITERATIONS = 4
"""Of every method that iterates, as ``jhrun train`` has it."""
RATES = (1e-3, 3e-3)
"""Adam's learning rates at the first step; the first is the published one."""


@dataclass(frozen=True)
class Setting:
    """Of a method.

    Attributes:
        strength: λ of CE + λ·penalty, or a radius in pixels; 0 for a method that has none.
        rate: the learning rate at the first step.
    """

    strength: float
    rate: float


@dataclass(frozen=True)
class Method:
    """A row of the table.

    Attributes:
        terms: of the loss, by strength.
        settings: the eight that are tried.
        published: the one of them that has the published strength and learning rate.
        beyond: from the best setting, where it lies on the edge of what was tried, to two more; else nothing.
        means: of the strength, for the page.
    """

    terms: Callable[[float], list[Weighted]]
    settings: tuple[Setting, ...]
    published: Setting
    beyond: Callable[[Setting], tuple[Setting, ...]]
    means: str


class Adversarial(Term):
    """The task's loss at x', found by projected gradient ascent on it (A. Madry et al., arXiv 1706.06083)."""

    title = "adversarial loss"
    meaning: ClassVar = {"value": "The mean of the task's loss at the adversarial twins."}

    def __init__(self, epsilon: float, steps: int = 5) -> None:
        """Radius in ℓ∞ and steps; a step is 2.5·ε/steps long, from a random start."""
        self.epsilon, self.steps = epsilon, steps

    def __call__(self, step: Pass) -> Value:
        """The losses at x'; the network is in training mode throughout."""
        worst = ascend(
            lambda x: F.cross_entropy(step.model(x), step.batch.targets, reduction="none"),
            step.batch.inputs,
            Ball("inf", self.epsilon),
            self.steps,
            2.5 * self.epsilon / self.steps,
            model=step.model,
            generator=step.generator("pgd_at"),
        )
        return Value(step.objective(step.model(worst), step.batch.targets))


def _spaced(strengths: Sequence[float], published: float, build: Callable[[float], list[Weighted]]) -> Method:
    """Four strengths of one ratio, two learning rates; beyond an edge, one more strength or two more rates."""
    ratio = strengths[1] / strengths[0]

    def beyond(best: Setting) -> tuple[Setting, ...]:
        further = {strengths[0]: best.strength / ratio, strengths[-1]: best.strength * ratio}.get(best.strength)
        # a strength within is tried at two learning rates, each of them an edge
        return tuple(Setting(further, rate) for rate in RATES) if further else _rates_beyond(best, RATES)

    settings = tuple(Setting(*pair) for pair in product(strengths, RATES))
    return Method(build, settings, Setting(published, RATES[0]), beyond, "λ of CE + λ·penalty")


def _unweighted(build: Callable[[float], list[Weighted]]) -> Method:
    """Eight learning rates in the ratio √3, 1e-3 among them; beyond an edge, two more."""
    rates = [1e-3, *(1e-3 * 3 ** (k / 2) for k in range(-3, 5) if k)]
    settings = tuple(Setting(0.0, rate) for rate in sorted(rates))
    return Method(build, settings, Setting(0.0, 1e-3), lambda best: _rates_beyond(best, rates), "none")


def _radius(epsilon: float, build: Callable[[float], list[Weighted]]) -> Method:
    """1, 1.5 and 2·ε times three learning rates, without the last pair; beyond an edge, two more rates."""
    rates = (1e-3, 3e-3, 9e-3)
    settings = tuple(Setting(*pair) for pair in product([epsilon * k for k in (1, 1.5, 2)], rates))[:-1]
    published = Setting(epsilon, 1e-3)
    return Method(
        build, settings, published, lambda best: _rates_beyond(best, rates), "training radius, in pixels"
    )


def _rates_beyond(best: Setting, rates: Collection[float]) -> tuple[Setting, ...]:
    """At the strength of the best setting, two more learning rates in the ratio √3, if its own is on an edge."""
    power = {min(rates): -0.5, max(rates): 0.5}.get(best.rate)
    return tuple(Setting(best.strength, best.rate * 3 ** (k * power)) for k in (1, 2)) if power else ()


def _penalty(
    matrix: Callable[[], Penalty], solver: Callable[[], Solver | Tracked], strength: float
) -> list[Weighted]:
    """(1 − w)·CE + w·‖vᵀA‖², w = λ/(1 + λ), as the paper weighs them."""
    return penalised([matrix()], solver(), strength / (1 + strength))


JACOBIAN = (1 / 9, 1 / 3, 1.0, 3.0)
"""λ; the last three are the paper's w of 0.25, 0.5 and 0.75."""
HESSIAN = (1 / 3, 1.0, 3.0, 9.0)
SOLVERS: dict[str, Callable[[], Solver | Tracked]] = {
    "tracked": Tracked,
    "hutchinson": partial(Hutchinson, measured=False),
    "lanczos": partial(Lanczos, ITERATIONS, image=True),
    "exact": Exact,
}


def _regularised(matrix: str, solver: str) -> Method:
    kind, strengths = {"jacobian": (Jacobian, JACOBIAN), "hessian": (Hessian, HESSIAN)}[matrix]
    return _spaced(strengths, 1.0, partial(_penalty, kind, SOLVERS[solver]))


def _published(matrix: str) -> Method:
    strengths = {"jacobian": JACOBIAN, "hessian": HESSIAN}[matrix]
    return _spaced(strengths, 1.0, partial(_penalty, partial(Published, matrix, ITERATIONS), Hutchinson))


def methods(epsilon: float) -> dict[str, Method]:
    """All methods by name, those that are wanted first at the front.

    Args:
        epsilon: the radius at which settings are chosen.

    Returns:
        The methods. The Hessian has no ``exact``, which refuses to form its 784×784 matrices.
    """
    return {
        "plain": _unweighted(lambda _: convex()),
        "pgd_at": _radius(epsilon, lambda radius: convex(Adversarial(radius))),
        "jacobian tracked": _regularised("jacobian", "tracked"),
        "jacobian hutchinson": _regularised("jacobian", "hutchinson"),
        "hessian tracked": _regularised("hessian", "tracked"),
        "hessian hutchinson": _regularised("hessian", "hutchinson"),
        "jacobian paper": _published("jacobian"),
        "hessian paper": _published("hessian"),
        "jacobian lanczos": _regularised("jacobian", "lanczos"),
        "hessian lanczos": _regularised("hessian", "lanczos"),
        "jacobian exact": _regularised("jacobian", "exact"),
    }

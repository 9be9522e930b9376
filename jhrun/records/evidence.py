"""What a method rests on: its source, its tests and a small reproduction."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, get_args

F = TypeVar("F", bound=Callable[..., Any])

Mark = Literal["read in code", "read in the paper", "derived", "recalled"]
"""How the source was consulted; derived is a method of our own."""

State = Literal["reproduced", "effect shown", "closed form only", "formula recalled"]
"""How far a method is confirmed: the published figure, its effect, its formula against a test, or nothing yet."""

HALF_RESNET = "a half-width ResNet-18, 16 images, CPU"
"""The network of most costs in ``docs/measurements.md``."""


@dataclass(frozen=True)
class Reproduction:
    """A measurement that shows a method's effect.

    Attributes:
        effect: published or expected.
        ours: what was measured.
        command: that gives it again.
        date: ISO 8601.
        n: examples that it was measured on.
    """

    effect: str
    ours: str
    command: str
    date: str
    n: int


@dataclass(frozen=True)
class Evidence:
    """A method's record, the attribute ``evidence`` of its class or function.

    Attributes:
        source: citation, with year and number or place.
        mark: how the source was consulted.
        closed_form: the test against a known answer, ``tests/FILE::TEST``.
        state: how far the method is confirmed.
        reproduction: what was measured; None for nothing yet.
        cost: of a training step with the method, in plain training steps, a number or a range; None where the
            method has none of its own or it was not measured.
        network: that the cost was measured on.
    """

    source: str
    mark: Mark
    closed_form: str
    state: State
    reproduction: Reproduction | None = None
    cost: float | tuple[float, float] | None = None
    network: str = ""

    def __post_init__(self) -> None:
        """Refuse what contradicts itself.

        Raises:
            ValueError: a word is none of those that there are, or something that belongs to another is missing.
        """
        for name, value, known in (("mark", self.mark, Mark), ("state", self.state, State)):
            if value not in get_args(known):
                raise ValueError(f"{name}={value!r}: must be one of {', '.join(get_args(known))}")
        if self.state in {"reproduced", "effect shown"} and self.reproduction is None:
            raise ValueError(f"state={self.state!r} needs a reproduction")
        if (self.cost is None) != (not self.network):
            raise ValueError("cost and network need each other: name what the cost was measured on")


def state_of(method: object) -> str:
    """How far a method is confirmed, by the evidence that its class carries.

    Args:
        method: any object.

    Returns:
        The state; ``no evidence given`` of a class without any.
    """
    found = getattr(method, "evidence", None)
    return found.state if isinstance(found, Evidence) else "no evidence given"


@dataclass(frozen=True)
class Cited:
    """What a paper says of a method: the attributes ``title`` and ``bibtex`` of its class or function.

    Attributes:
        title: what it is called, in words; the class's name without one.
        bibtex: one BibTeX entry or more, as publishers give them; empty for nothing.
    """

    title: str
    bibtex: str = ""


def cited(method: object) -> Cited:
    """What a paper says of a method.

    Args:
        method: a class, a function or an object of a class.

    Returns:
        Its words; an attribute that is no text counts as none.
    """
    own = method if hasattr(method, "__qualname__") else type(method)
    title, bibtex = (getattr(method, name, "") for name in ("title", "bibtex"))
    name = str(getattr(own, "__qualname__", ""))
    return Cited(title if isinstance(title, str) and title else name, bibtex if isinstance(bibtex, str) else "")


def called(title: str, bibtex: str = "") -> Callable[[F], F]:
    """Give a function the attributes ``title`` and ``bibtex``, which a class has by itself.

    Args:
        title: what it is called, in words.
        bibtex: what a paper cites for it.

    Returns:
        A decorator.
    """

    def give(function: F) -> F:
        vars(function).update(title=title, bibtex=bibtex)
        return function

    return give

"""Train, attack and report on classifiers whose input-Jacobian or input-Hessian is kept small.

Example:
    >>> import jhrun
    >>> hessian = jhrun.penalty("hessian", "lanczos", iterations=4)
    >>> hessian.solver.iterations
    4
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jhrun.library import (
        Attacked,
        Comparison,
        Judged,
        Regularised,
        Run,
        compare,
        evaluate,
        load,
        penalty,
        results,
    )

__version__ = "0.1.0"

__all__ = [
    "Attacked",
    "Comparison",
    "Judged",
    "Regularised",
    "Run",
    "compare",
    "evaluate",
    "load",
    "penalty",
    "results",
]


def __getattr__(name: str) -> Any:
    """What the package offers, imported when it is first asked for: PyTorch takes seconds."""
    if name not in __all__:
        raise AttributeError(f"module 'jhrun' has no attribute '{name}'")
    return getattr(import_module("jhrun.library"), name)


def __dir__() -> list[str]:
    """For completion in a notebook."""
    return [*globals(), *__all__]

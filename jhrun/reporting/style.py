"""Figures look the same everywhere: they need neither the user's backend nor the user's ``matplotlibrc``."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_BACKEND = os.environ.pop("MPLBACKEND", None)
try:
    # Jupyter's backend may be named there, but not be installed here: the import itself would fail
    from matplotlib import rc_context, rcdefaults, rcParams
finally:
    if _BACKEND is not None:
        os.environ["MPLBACKEND"] = _BACKEND
if _BACKEND:
    # a notebook that imports us first shows its own figures still; a name that is none is for matplotlib to tell
    with suppress(ValueError):
        rcParams["backend"] = _BACKEND


@contextmanager
def own_style() -> Iterator[None]:
    """Draw with matplotlib's own defaults; the user's settings come back afterwards.

    A ``matplotlibrc`` may ask for LaTeX, or for fonts that are not there.
    """
    with rc_context():
        rcdefaults()
        yield

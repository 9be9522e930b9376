"""What runs, how much of it is done, and the time left: something moves at least every five seconds."""

import os
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

from tqdm import tqdm

from jhrun.commands.session import tell
from jhrun.errors import JhrunError
from jhrun.reporting.words import duration

TICK = 1.0
"""Seconds between two looks; a bar is drawn anew at each."""

FIRST, RAREST = 5.0, 60.0
"""Seconds to the first line where there is no terminal, and at most between two later ones."""

_COLUMNS, _ROWS = 79, 24
# where the terminal is narrow, its end is cut off
_BAR = "{desc} {percentage:3.0f}%, {remaining} left |{bar:20}| {elapsed}{postfix}"
_CLOCK = "{desc} {elapsed}{postfix}"
"""Where it is not known how much there is to do."""


class Progress:
    """A context in which a terminal shows a bar that a clock moves; a log file or a pipe gets a line now and then.

    Args:
        what: what runs.
        total: how much work there is, in any unit; None where that is not known.
        done: how much was done before.
        look: called at each tick, for work that is done elsewhere; what it cannot read it may raise.
        stays: whether a terminal keeps the bar at the end.
    """

    def __init__(
        self,
        what: str,
        total: float | None = None,
        *,
        done: float = 0,
        look: Callable[["Progress"], None] | None = None,
        stays: bool = False,
    ) -> None:
        """Nothing is shown yet."""
        self.what, self.total, self.done, self.detail = what, total, done, ""
        self._before, self._look, self._stays = done, look, stays
        self._over = threading.Event()

    def __enter__(self) -> Self:
        """Begin."""
        self._begun = time.monotonic()
        self.bar = tqdm(
            desc=self.what,
            total=self.total,
            initial=self.done,
            bar_format=_CLOCK if self.total is None else _BAR,
            disable=None,
            nrows=_ROWS,
            leave=self._stays,
            smoothing=0,
            delay=TICK / 2,
        )
        self._fit()
        self._clock = threading.Thread(target=self._tick, name="progress", daemon=True)
        self._clock.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End."""
        self._over.set()
        self._clock.join()
        self.bar.close()

    def __call__(
        self, done: float, what: str | None = None, *, total: float | None = None, detail: str = ""
    ) -> None:
        """Say how it stands.

        Args:
            done: how much of the total.
            what: runs now, if it is another than before.
            total: how much work there is, if it is another than before.
            detail: how it goes.
        """
        self.what, self.total = what or self.what, total or self.total
        self.done, self.detail = done, detail
        if self.bar.disable:
            return
        self.bar.set_description_str(self.what, refresh=False)
        self.bar.set_postfix_str(detail, refresh=False)
        if total:
            self.bar.total, self.bar.bar_format = total, _BAR
        self.bar.update(done - self.bar.n)

    @property
    def line(self) -> str:
        """How it stands, in words."""
        elapsed, done = time.monotonic() - self._begun, self.done - self._before
        parts = [self.what]
        if self.total is None:
            parts.append(f"{duration(elapsed)} so far")
        else:
            parts.append(f"{100 * self.done / self.total:.0f} % done")
            left = f"{duration(elapsed * (self.total - self.done) / done)} left" if done > 0 else None
            parts.append(left or f"{duration(elapsed)} so far")
        return ", ".join(filter(None, [*parts, self.detail]))

    def _fit(self) -> None:
        """Make the bar as wide as the terminal now is; tqdm shows none where a terminal does not know its size."""
        columns = 0
        with suppress(OSError, ValueError):
            columns = os.get_terminal_size(sys.stderr.fileno()).columns - 1
        self.bar.ncols = columns if columns > 0 else _COLUMNS

    def _tick(self) -> None:
        due = FIRST
        while not self._over.wait(TICK):
            if self._look is not None:
                # a record may be half written, or gone
                with suppress(OSError, JhrunError):
                    self._look(self)
            elapsed = time.monotonic() - self._begun
            if not self.bar.disable:
                self._fit()
                self.bar.refresh()
            elif elapsed >= due:
                due = elapsed + min(elapsed, RAREST)
                tell(self.line)

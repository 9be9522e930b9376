"""What the system or the user says while a run works."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from jhrun.training import Interrupted

MAKE_ROOM = (signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)
"""How schedulers tell a job to make room for another."""


_OURS: list[Callable[[int, Any], None]] = []
"""Handlers that are in place."""


class Preempted(Interrupted):
    """Training was told to make room; everything is saved."""


class Asked:
    """Whether a stop was asked for, and by which signal."""

    def __init__(self) -> None:
        """Nothing was."""
        self.by: int | None = None

    def __call__(self) -> bool:
        """Whether to stop."""
        return self.by is not None

    @property
    def exception(self) -> Interrupted:
        """For the caller, once everything is saved."""
        return Preempted() if self.by in MAKE_ROOM else Interrupted()


@contextmanager
def stop_at_step(then: Callable[[], None] = lambda: None) -> Iterator[Asked]:
    """The first Ctrl-C, SIGTERM or SIGUSR1 asks to stop at a step's end; a second Ctrl-C stops at once.

    Args:
        then: called when it is asked for.

    Yields:
        Whether to stop.
    """
    asked = Asked()

    def ask(number: int, _: Any) -> None:
        asked.by = number
        then()
        if number == signal.SIGINT:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    with _handled((signal.SIGINT, *MAKE_ROOM), ask):
        yield asked


@contextmanager
def preemptible() -> Iterator[None]:
    """SIGTERM and SIGUSR1 end the work at once, but in order, where nothing else is said.

    Yields:
        Nothing.

    Raises:
        Preempted: one of them came.
    """

    def end(*_: Any) -> None:
        raise Preempted

    with _handled(MAKE_ROOM, end):
        yield


@contextmanager
def _handled(numbers: tuple[signal.Signals, ...], handler: Callable[[int, Any], None]) -> Iterator[None]:
    """Signals handled so, if this thread gets them, and then as before."""
    before: dict[signal.Signals, Any] = {}
    if threading.current_thread() is threading.main_thread():
        for number in numbers:
            # submitit requeues through a handler of its own, which stays
            if number == signal.SIGINT or signal.getsignal(number) in {signal.SIG_DFL, *_OURS}:
                before[number] = signal.signal(number, handler)
        _OURS.append(handler)
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)
        if handler in _OURS:
            _OURS.remove(handler)

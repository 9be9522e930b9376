"""What PyTorch cannot do on this machine, told as a failure that the user can mend."""

import logging
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch

from jhrun.config.door import in_plugin
from jhrun.errors import (
    ConfigError,
    JhrunError,
    NumericalError,
    ResourceError,
    nondeterministic,
    out_of_memory,
)
from jhrun.reporting.words import memory
from jhrun.training import Interrupted
from jhrun.training.memory import peak_memory

_ASKED = re.compile(r"llocate ([\d.]+) (bytes|[KMGT]iB)")


@contextmanager
def memory_named(remedy: str) -> Iterator[None]:
    """Memory that runs out is told as such; nothing is tried again with less.

    Args:
        remedy: what would lower it.

    Yields:
        Nothing.

    Raises:
        ResourceError: it ran out.
        RuntimeError: another failure, as it was.
        OSError: likewise.
        MemoryError: never.
    """
    try:
        yield
    except (MemoryError, OSError, RuntimeError) as error:
        if not out_of_memory(error):
            raise
        asked = _ASKED.search(str(error))
        amount = f" when {_said(*asked.groups())} more were asked for" if asked else ""
        raise ResourceError(f"memory ran out{amount}", _peak(error), remedy) from error


@contextmanager
def plugins_named(plugins: Sequence[str]) -> Iterator[None]:
    """Name file and line of an error in a plugin's own code.

    Args:
        plugins: packages that the user trusts in this call.

    Yields:
        Nothing.

    Raises:
        ConfigError: a plugin's code raised an error.
        JhrunError: an error that names its remedy already.
        Interrupted: the work was asked to stop.
        Exception: any error that did not come through a plugin's code.
    """
    try:
        yield
    except (JhrunError, Interrupted):
        raise
    except Exception as error:
        place = in_plugin(error, plugins)
        if place is None or out_of_memory(error) or nondeterministic(error):
            raise
        logging.getLogger("jhrun").debug("a plugin failed", exc_info=error)
        raise ConfigError(f"it raised {type(error).__name__} ({error})", place, "mend it there") from error


@contextmanager
def determinism_named() -> Iterator[None]:
    """An operation that ``deterministic=true`` refuses is told by its name.

    Yields:
        Nothing.

    Raises:
        NumericalError: there was one.
        RuntimeError: any other one, as it was.
    """
    try:
        yield
    except RuntimeError as error:
        name = nondeterministic(error)
        if name is None:
            raise
        remedy = "set deterministic=false in a new run, or use another layer"
        raise NumericalError(
            f"PyTorch's {name} has no deterministic implementation", "deterministic=true", remedy
        ) from error


def _said(amount: str, unit: str) -> str:
    return memory(float(amount)) if unit == "bytes" else f"{amount} {unit}"


def _peak(error: Exception) -> str:
    """What was held at most where it ran out."""
    on_gpu = "CUDA" in str(error) or "CUBLAS" in str(error)
    if on_gpu:
        devices = [torch.device("cuda", number) for number in range(torch.cuda.device_count())]
        return f"peak {memory(max(peak_memory(d) or 0 for d in devices))} of the GPU's tensors" if devices else ""
    peak = peak_memory(torch.device("cpu"))
    return "" if peak is None else f"peak {memory(peak)} of the process"

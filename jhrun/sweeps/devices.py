"""Which GPU a job gets: a free one, or of the busy ones that with the fewest jobs."""

import fcntl
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import torch


@contextmanager
def one_device(device: str) -> Iterator[dict[str, str]]:
    """Take a GPU for a job, among all of this user's jobs on this machine.

    Args:
        device: as configured: auto, cpu, cuda or one by its number.

    Yields:
        What the job's environment needs for it; nothing where it uses none, or names its own.
    """
    found = gpus() if device in {"auto", "cuda"} else []
    if len(found) < 2:
        yield {}
        return
    with ExitStack() as stack:
        taken = stack.enter_context(least_used(found, Path(tempfile.gettempdir()) / f"jhrun-{os.getuid()}"))
        yield {"CUDA_VISIBLE_DEVICES": taken}


def gpus() -> list[str]:
    """The GPUs of this process, as ``CUDA_VISIBLE_DEVICES`` names them; no context is made on them."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    count = torch.cuda.device_count()
    return [part.strip() for part in named.split(",")][:count] if named else [str(i) for i in range(count)]


@contextmanager
def least_used(names: Sequence[str], folder: Path) -> Iterator[str]:
    """One of several devices, so that each has a second job only when all have one.

    Args:
        names: of the devices.
        folder: for the files whose locks say who has what; a lock ends with its holder.

    Yields:
        The device's name.

    Example:
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     where = Path(folder)
        ...     with least_used("01", where) as a, least_used("01", where) as b, least_used("01", where) as c:
        ...         a, b, c
        ('0', '1', '0')
    """
    folder.mkdir(mode=0o700, exist_ok=True)
    jobs = 0
    while True:
        for name in names:
            handle = os.open(
                folder / f"gpu-{name}-{jobs}".replace("/", "_"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
            )
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(handle)
                continue
            try:
                yield name
            finally:
                os.close(handle)
            return
        jobs += 1

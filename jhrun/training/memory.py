"""How much memory a run has taken at most."""

import sys

import torch


def peak_memory(device: torch.device) -> int | None:
    """The most memory that this process has held since it began.

    Args:
        device: where it trains.

    Returns:
        Bytes: on an NVIDIA GPU of PyTorch's tensors there, elsewhere of the whole process (its largest resident
        size); None where the system does not tell.

    Example:
        >>> peak = peak_memory(torch.device("cpu"))
        >>> peak is None or peak > 2**20
        True
    """
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    try:
        import resource  # noqa: PLC0415 - Windows has none
    except ImportError:
        return None
    largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # in bytes on macOS, in KiB elsewhere
    return int(largest) if sys.platform == "darwin" else 1024 * int(largest)

"""Every stream of random numbers is named, and a name gives the same stream again: there is no state to save."""

import hashlib

import torch


def derive(seed: int, *name: str | int) -> int:
    """A seed for one stream.

    Args:
        seed: of the run.
        *name: what the stream is for, and which one of its kind.

    Returns:
        A whole number in [0, 2⁶³), as good as independent of that for another name (BLAKE2b).

    Example:
        >>> derive(0, "order", 1) == derive(0, "order", 1) != derive(0, "order", 2)
        True
    """
    digest = hashlib.blake2b(repr((seed, *name)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def generator(device: torch.device | str, seed: int, *name: str | int) -> torch.Generator:
    """A generator at the beginning of one stream."""
    return torch.Generator(device).manual_seed(derive(seed, *name))


def seed_globally(seed: int) -> None:
    """``torch.manual_seed`` for the CPU and CUDA, without the stack traces that it formats where CUDA is absent.

    Args:
        seed: of the global generators.

    Example:
        >>> seed_globally(3)
        >>> one = torch.rand(2)
        >>> _ = torch.manual_seed(3)
        >>> torch.equal(one, torch.rand(2))
        True
    """
    torch.default_generator.manual_seed(seed)
    if torch.cuda.is_available():
        torch.cuda.manual_seed_all(seed)

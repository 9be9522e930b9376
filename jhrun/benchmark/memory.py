"""Peak memory of tensors, counted: the same figure on every device, and on every call."""

import weakref
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class LiveBytes(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the bytes of the storages that operations make and that are still held.

    What was there before is not counted, nor is the scratch space that an operation frees before it returns.

    Attributes:
        live: bytes held now.
        peak: the most that were ever held.

    Example:
        >>> with LiveBytes() as memory:
        ...     x = torch.ones(1000)
        ...     del x
        ...     y = torch.ones(500)
        >>> memory.live, memory.peak
        (2000, 4000)
    """

    def __init__(self) -> None:
        """Nothing is held yet."""
        super().__init__()  # type: ignore[no-untyped-call]
        self.live = self.peak = 0
        self._held: set[int] = set()

    def __torch_dispatch__(
        self, func: Callable[..., Any], types: Sequence[type], args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        """Make the operation and count what it made."""
        result = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(result):
            if isinstance(leaf, torch.Tensor):
                self._count(leaf.untyped_storage())
        return result

    def _count(self, storage: torch.UntypedStorage) -> None:
        key, size = storage._cdata, storage.nbytes()
        if key in self._held:
            return
        self._held.add(key)
        self.live += size
        self.peak = max(self.peak, self.live)
        weakref.finalize(storage, self._forget, key, size)

    def _forget(self, key: int, size: int) -> None:
        self._held.discard(key)
        self.live -= size


def peak_bytes(step: Callable[[], object]) -> int:
    """The most bytes that a step's tensors take at once, beside what is there before it.

    Args:
        step: made once.

    Returns:
        Bytes.
    """
    with LiveBytes() as memory:
        step()
    peak: int = memory.peak
    return peak

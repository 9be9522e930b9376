"""How far an attack on a batch is, by the passes that the network has made."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from jhrun.attacks import Attack


@contextmanager
def passes_counted(
    model: nn.Module,
    attack: Attack,
    name: str,
    place: tuple[int, int, int],
    progress: Callable[[str, float, int], None],
) -> Iterator[None]:
    """Inside, each pass of a network tells how much of a batch's attack is done.

    Args:
        model: that is attacked.
        attack: whose passes are bounded by ``attack.passes``.
        name: of the attack.
        place: the examples done before the batch, those of the batch, and all.
        progress: told the name, the examples done, and all; the batch's count with the share of its passes.

    Yields:
        Nothing.
    """
    earlier, size, among = place
    seen = 0

    def count(_: nn.Module, __: tuple[Any, ...], outputs: Tensor) -> None:
        nonlocal seen
        # a backward pass follows where gradients are on, and counts as two
        seen += len(outputs) * (3 if torch.is_grad_enabled() else 1)
        bound = size * attack.passes(outputs.shape[-1])
        progress(name, earlier + size * min(seen / max(1, bound), 0.99), among)

    handle = model.register_forward_hook(count)
    try:
        yield
    finally:
        handle.remove()

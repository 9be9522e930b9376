"""What a trainer is told besides its model and data."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class TrainOptions:
    """The loop's own settings.

    Attributes:
        epochs: how many.
        batch_size: examples a step.
        drop_last: leave out an epoch's last batch where it is not full.
        micro_batch: where more than the task is in the loss, examples of a batch that are worked on at once: fewer
            take less memory, and their gradients add up to the same. None for all.
        checkpoint_steps: also save every so many steps; None for at epoch ends alone.
        log_steps: host and device meet every so many steps, to show how it goes and to stop where not finite.
            A term may make them meet at each step as well, as one that decomposes small matrices does.
        bf16: training's forward passes are made in bfloat16.
        compile: steps in which no term differentiates, one backward pass each, go through ``torch.compile``.
        on_nonfinite: what a loss or gradient that is not finite does: ``stop`` ends the run; ``skip`` leaves out
            its whole batch, which then changes neither weights nor buffers nor the terms' memories, and counts
            it. On a GPU the optimizer's own state takes a gradient of 0.
    """

    epochs: int
    batch_size: int
    drop_last: bool = False
    micro_batch: int | None = None
    checkpoint_steps: int | None = None
    log_steps: int = 20
    bf16: bool = False
    compile: bool = False
    on_nonfinite: Literal["stop", "skip"] = "stop"

    def __post_init__(self) -> None:
        """Check the counts.

        Raises:
            ValueError: one is below 1.
        """
        for name in ("epochs", "batch_size", "micro_batch", "checkpoint_steps", "log_steps"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name}={value}: must be a whole number of at least 1")

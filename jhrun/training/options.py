"""What a trainer is told besides its model and data."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from jhrun.linalg import Solver
from jhrun.penalties import Penalty
from jhrun.training.schedules import Schedule


@dataclass(frozen=True)
class Regularizer:
    """What is penalised, how strongly, and how its direction is found.

    Attributes:
        penalties: averaged where there are several; none for ordinary training.
        weight: w in [0, 1], by epoch.
        solver: the solver of an epoch, given its number from 0.
        fraction: share of each batch, drawn at random, that is penalised; the weight stays what it is.
        stages: first epochs of the stages of the run's schedules.
    """

    penalties: Sequence[Penalty]
    weight: Schedule
    solver: Callable[[int], Solver]
    fraction: float = 1.0
    stages: tuple[int, ...] = (0,)


@dataclass(frozen=True)
class TrainOptions:
    """The loop's own settings.

    Attributes:
        epochs: how many.
        batch_size: examples a step.
        drop_last: leave out an epoch's last batch where it is not full.
        micro_batch: under a penalty, examples of a batch that are worked on at once: fewer take less memory, and
            their gradients add up to the same. None for all.
        checkpoint_steps: also save every so many steps; None for at epoch ends alone.
        log_steps: host and device meet every so many steps, to show how it goes and to stop where not finite.
            Exact and Lanczos meet at each step as well: PyTorch's eigensolver waits for the device.
        bf16: training's forward passes are made in bfloat16.
        compile: steps without a penalty, a single backward pass each, go through ``torch.compile``.
        on_nonfinite: what a loss or gradient that is not finite does: ``stop`` ends the run; ``skip`` leaves out
            its whole batch, which then changes neither weights nor buffers nor memories of directions, and counts
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

"""What training writes."""

from dataclasses import dataclass


@dataclass(frozen=True)
class EpochRecord:
    """One line of ``metrics.jsonl``: an epoch of training.

    Attributes:
        epoch: counted from 1.
        steps: parameter updates made so far in the run.
        seconds: wall time of the epoch's training.
        loss: mean of what was minimised, (1 − w)·task loss + w·penalty.
        task_loss: mean of the task's own loss over the epoch's training batches.
        accuracy: on the training batches as they came, augmented and before each update; None without classes.
        penalty: mean of ‖vᵀA‖² over the epoch's examples; None without a penalty.
        residual: mean of the solver's residual, relative to the value it belongs to; None likewise.
        validation_loss: mean task loss on the validation part; None where it is empty.
        validation_accuracy: likewise.
        lr: learning rate at the epoch's last step.
        weight: the penalty's weight w at the epoch's last step.
        iterations: the solver's iterations in this epoch; None without a penalty.
        task: figures of a regression task on the validation part (``jhrun.evaluation.task``); None otherwise.
    """

    epoch: int
    steps: int
    seconds: float
    loss: float
    task_loss: float
    accuracy: float | None
    penalty: float | None
    residual: float | None
    validation_loss: float | None
    validation_accuracy: float | None
    lr: float
    weight: float
    iterations: int | None
    task: dict[str, float] | None = None

"""What every layer reads and writes: frozen dataclasses, plain enough for a line of JSON each."""

import math
from dataclasses import asdict, dataclass
from typing import Any

from torch import Tensor

Z95 = 1.959963984540054
"""The 97.5 % quantile of the standard normal distribution."""


@dataclass(frozen=True)
class Batch:
    """Some examples, augmented and on the device.

    Attributes:
        inputs: images (B, ch, h, w), float32 in [0, 1], or vectors (B, n).
        targets: class numbers (B,), int64, or values (B, m), float32.
        index: which training examples these are, (B,), int64; None where nobody needs to know.
        fresh: whether each example's augmentation was drawn anew, (B,), bool; None likewise.
    """

    inputs: Tensor
    targets: Tensor
    index: Tensor | None = None
    fresh: Tensor | None = None

    def __len__(self) -> int:
        """Number of examples."""
        return len(self.inputs)


@dataclass(frozen=True)
class DataSpec:
    """What a network must know of the data it is made for.

    Attributes:
        shape: of one input, (ch, h, w) for images, (n,) for vectors.
        outputs: how many the network has: classes, or values to be predicted.
        mean: per channel, of pixels in [0, 1]; of a vector's entries, one for all.
        std: likewise.
    """

    shape: tuple[int, ...]
    outputs: int
    mean: tuple[float, ...]
    std: tuple[float, ...]


@dataclass(frozen=True)
class Proportion:
    """A share of n trials, with its 95 % Wilson score interval (E. B. Wilson, JASA 22, 1927).

    Attributes:
        accuracy: the share of successes, in [0, 1].
        n: number of trials.
        ci95: the interval's ends.

    Example:
        >>> Proportion.of(9, 10).ci95
        (0.5958499732047616, 0.9821237869049271)
    """

    accuracy: float
    n: int
    ci95: tuple[float, float]

    @classmethod
    def of(cls, successes: int, n: int) -> "Proportion":
        """From counts.

        Args:
            successes: how many trials succeeded.
            n: how many there were, at least one.

        Returns:
            The share p = successes/n and the interval
            (p + z²/2n ± z·√(p(1−p)/n + z²/4n²)) / (1 + z²/n).

        Raises:
            ValueError: n < 1 or successes outside 0 … n.
        """
        if n < 1 or not 0 <= successes <= n:
            raise ValueError(f"{successes} successes in {n} trials: need n ≥ 1 and 0 ≤ successes ≤ n")
        p, z2 = successes / n, Z95**2
        centre = p + z2 / (2 * n)
        half = Z95 * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n))
        low, high = ((centre + sign * half) / (1 + z2 / n) for sign in (-1, 1))
        return cls(p, n, (max(0.0, low), min(1.0, high)))


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


@dataclass(frozen=True)
class AttackRecord:
    """One attack on a whole test set.

    Attributes:
        robust: share of examples that are classified right clean, at the attack's last and at its worst input;
            None where it saw only what earlier attacks had left, so that the share would mean something else.
        epsilon: radius of the ball, in pixel units (the image's range is [0, 1]).
        norm: of the ball, ``inf`` or ``2``.
        seconds: wall time.
        parameters: the attack's other settings.
        last: share of examples that are right clean and at the last iterate, as is published; None likewise.
        attacked: how many examples it saw; None for all.
    """

    robust: Proportion | None
    epsilon: float
    norm: str
    seconds: float
    parameters: dict[str, Any]
    last: Proportion | None = None
    attacked: int | None = None

    def flat(self) -> dict[str, Any]:
        """The record as ``report.json`` has it, with accuracy, n and ci95 on the first level."""
        record = asdict(self)
        robust: dict[str, Any] | None = record.pop("robust")
        return (robust or {"accuracy": None, "n": self.attacked, "ci95": None}) | record


@dataclass(frozen=True)
class EvaluationRecord:
    """``eval/NAME/results.json``: clean and attacked accuracy of one checkpoint.

    Attributes:
        name: of the evaluation, unique in its run.
        checkpoint: ``last`` or ``best``.
        epoch: how many epochs that checkpoint had been trained for.
        dataset_part: which part was classified, ``test``.
        classes: names of the classes.
        clean: accuracy on it.
        worst_case: share of examples that are right clean and under every attack of one norm.
        attacks: one record for each attack.
        seed: of the attacks' random starts.
        device: where it ran.
        date: when it ended, ISO 8601 with time zone.
        worst_case_norm: the norm of the attacks that the worst case is over; None without an attack.
    """

    name: str
    checkpoint: str
    epoch: int
    dataset_part: str
    classes: tuple[str, ...]
    clean: Proportion
    worst_case: Proportion
    attacks: dict[str, AttackRecord]
    seed: int
    device: str
    date: str
    worst_case_norm: str | None = "inf"

    def flat(self) -> dict[str, Any]:
        """The record as JSON has it."""
        return asdict(self) | {"attacks": {name: a.flat() for name, a in self.attacks.items()}}


@dataclass(frozen=True)
class TaskRecord:
    """``eval/NAME/results.json`` of a regression task.

    Attributes:
        name: of the evaluation, unique in its run.
        checkpoint: ``last`` or ``best``.
        epoch: how many epochs that checkpoint had been trained for.
        dataset_part: which part was predicted, ``test``.
        task: ``mse``, ``skill``, ``n``; where a structure is known ``asymmetry`` or ``off_diagonal``, ``points``.
        seconds: wall time.
        device: where it ran.
        date: when it ended, ISO 8601 with time zone.
    """

    name: str
    checkpoint: str
    epoch: int
    dataset_part: str
    task: dict[str, float]
    seconds: float
    device: str
    date: str


@dataclass(frozen=True)
class Spread:
    """How a quantity is spread over examples.

    Attributes:
        n: how many examples.
        mean: over them; None where it is not finite.
        min: the smallest value.
        p10: the 10 % quantile. A quantile is an observed value: the smallest one that is not below that share of
            all (type 1 of Hyndman and Fan, 1996). None where it is not finite.
        median: the 50 % quantile.
        p90: the 90 % quantile.
        max: the largest value.
    """

    n: int
    mean: float | None
    min: float | None
    p10: float | None
    median: float | None
    p90: float | None
    max: float | None

    @classmethod
    def of(cls, values: Tensor) -> "Spread":
        """Of some values.

        Args:
            values: (N,), at least one.

        Returns:
            Their spread.

        Example:
            >>> import torch
            >>> Spread.of(torch.tensor([3.0, 1.0, 2.0, torch.inf]))
            Spread(n=4, mean=None, min=1.0, p10=1.0, median=2.0, p90=None, max=None)
        """
        ordered = values.double().sort().values
        n = len(ordered)
        places = (0, *(math.ceil(share * n / 100) - 1 for share in (10, 50, 90)), n - 1)
        found = [float(v) for v in (ordered.mean(), *(ordered[i] for i in places))]
        return cls(n, *(v if math.isfinite(v) else None for v in found))


@dataclass(frozen=True)
class CurvatureRecord:
    """``eval/NAME/curvature.json``: Jacobians and Hessians of the examples of an evaluation.

    Attributes:
        n: how many examples.
        tolerance: of the relative residual ‖Hv − θv‖/|θ|.
        most_steps: of Lanczos' method, after which an example was given up.
        missed: how many were: their |θ| is a lower bound of the spectral norm, no more.
        worst_residual: the largest relative residual.
        negative: how many leading eigenvalues are negative.
        groups: the spread of ``sigma_max``, ``lambda_modulus``, ``margin`` and ``first_order_radius`` (not a
            certificate) over ``all`` examples, and over those that ``survived`` every attack, that were
            ``broken`` by one, and that were ``wrong`` without one; a group without members is left out.
        share_of: whose norm the run's penalty estimates, J or H; None where it is of another matrix.
        share: the spread of that estimate, relative to the true value; None likewise.
        warnings: sentences.
        seconds: wall time.
    """

    n: int
    tolerance: float
    most_steps: int
    missed: int
    worst_residual: float
    negative: int
    groups: dict[str, dict[str, Spread]]
    share_of: str | None
    share: Spread | None
    warnings: tuple[str, ...]
    seconds: float

    def flat(self) -> dict[str, Any]:
        """The record as JSON has it."""
        return asdict(self)

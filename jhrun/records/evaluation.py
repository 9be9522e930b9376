"""What evaluations write."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from jhrun.records.statistics import Proportion, Spread


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

    @classmethod
    def from_flat(cls, record: Mapping[str, Any]) -> "AttackRecord":
        """The record that ``flat`` made this of."""
        others = {key: value for key, value in record.items() if key not in {"accuracy", "n", "ci95"}}
        shares = [_proportion(record), _proportion(others.pop("last") or {})]
        return cls(robust=shares[0], last=shares[1], **others)


@dataclass(frozen=True)
class CurveRecord:
    """Robust accuracy against ε, each point by a search of its own on the same examples.

    Attributes:
        attack: which search, in words.
        norm: of the balls, ``inf`` or ``2``.
        parameters: the attack's settings besides ε.
        total: how many examples there are; more than the points' n where only a random part of them was attacked.
        points: ε in pixel units, rising, and the share of examples that are right clean and attacked.
    """

    attack: str
    norm: str
    parameters: dict[str, Any]
    total: int
    points: tuple[tuple[float, Proportion], ...]

    def flat(self) -> dict[str, Any]:
        """The record as JSON has it, each point with epsilon, accuracy, n and ci95 on one level."""
        return asdict(self) | {"points": [{"epsilon": e, **asdict(share)} for e, share in self.points]}


@dataclass(frozen=True)
class EvaluationRecord:
    """``eval/NAME/results.json``: clean and attacked accuracy of one checkpoint.

    Attributes:
        name: of the evaluation, unique in its run.
        checkpoint: ``last`` or ``best``.
        epoch: how many epochs that checkpoint had been trained for.
        dataset_part: which part was classified, ``test``.
        total: how many examples that part has; more than were attacked where a subset was asked for.
        classes: names of the classes.
        clean: accuracy on it.
        worst_case: share of examples that are right clean and under every attack of one norm.
        attacks: one record for each attack.
        seed: of the attacks' random starts.
        device: where it ran.
        date: when it ended, ISO 8601 with time zone.
        worst_case_norm: the norm of the attacks that the worst case is over; None without an attack.
        per_class: for each class that occurs, ``clean`` and ``worst_case``.
        curve: robust accuracy against ε; None where it was not asked for.
        weights: SHA-256 of the checkpoint's weights.
    """

    name: str
    checkpoint: str
    epoch: int
    dataset_part: str
    total: int
    classes: tuple[str, ...]
    clean: Proportion
    worst_case: Proportion
    attacks: dict[str, AttackRecord]
    seed: int
    device: str
    date: str
    worst_case_norm: str | None
    per_class: dict[str, dict[str, Proportion]]
    curve: CurveRecord | None
    weights: str

    def flat(self) -> dict[str, Any]:
        """The record as JSON has it."""
        attacks = {name: a.flat() for name, a in self.attacks.items()}
        return asdict(self) | {"attacks": attacks, "curve": self.curve and self.curve.flat()}


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


def _proportion(record: Mapping[str, Any]) -> Proportion | None:
    if record.get("accuracy") is None:
        return None
    low, high = record["ci95"]
    return Proportion(record["accuracy"], record["n"], (low, high))

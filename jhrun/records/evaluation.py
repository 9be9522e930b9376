"""What evaluations write."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from jhrun.records.evidence import Cited
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
        kind: dotted path of its class; empty in records of old.
        cited: what a paper says of it, by its class; None in records of old.
    """

    robust: Proportion | None
    epsilon: float
    norm: str
    seconds: float
    parameters: Mapping[str, Any]
    last: Proportion | None = None
    attacked: int | None = None
    kind: str = ""
    cited: Cited | None = None

    @property
    def n(self) -> int:
        """How many examples it saw."""
        return self.robust.n if self.robust is not None else self.attacked or 0


@dataclass(frozen=True)
class ClassRecord:
    """The examples of one class.

    Attributes:
        clean: share that is right as it is.
        worst_case: share that is right clean and under every attack of the worst case's norm.
    """

    clean: Proportion
    worst_case: Proportion


@dataclass(frozen=True)
class TaskRecord:
    """How well a regression task was learned.

    Attributes:
        mse: the mean over examples and outputs of (z − y)².
        n: how many examples.
        skill: 1 − mse/Var(y), which is 0 for the best constant and 1 for the truth; None where Var(y) is 0.
        asymmetry: the mean of ‖J − Jᵀ‖_F, where the true Jacobian is symmetric; else None.
        off_diagonal: the mean of Σ_{i≠j} H_ij², where the true Hessian is diagonal; else None.
        points: how many examples had their matrices formed; None where no structure is known.
    """

    mse: float
    n: int
    skill: float | None = None
    asymmetry: float | None = None
    off_diagonal: float | None = None
    points: int | None = None


@dataclass(frozen=True)
class EvaluationRecord:
    """``eval/NAME/results.json``: one checkpoint's accuracy, clean and attacked, or its errors without classes.

    Attributes:
        name: of the evaluation, unique in its run.
        checkpoint: ``last`` or ``best``.
        epoch: how many epochs that checkpoint had been trained for.
        weights: SHA-256 of the checkpoint's weights.
        dataset_part: which part was classified, ``test``.
        total: how many examples that part has; more than were attacked where a subset was asked for.
        seed: of the attacks' random starts.
        device: where it ran.
        date: when it ended, ISO 8601 with time zone.
        seconds: of attacks, or of a regression task's measurement.
        classes: names of the classes; none of a regression task.
        clean: accuracy; None without classes.
        worst_case: share of examples that are right clean and under every attack of one norm; None likewise.
        worst_case_norm: the norm of the attacks that the worst case is over; None without an attack.
        attacks: one record for each attack.
        per_class: for each class that occurs.
        task: of a regression task; None with classes.
    """

    name: str
    checkpoint: str
    epoch: int
    weights: str
    dataset_part: str
    total: int
    seed: int
    device: str
    date: str
    seconds: float
    classes: tuple[str, ...] = ()
    clean: Proportion | None = None
    worst_case: Proportion | None = None
    worst_case_norm: str | None = None
    attacks: Mapping[str, AttackRecord] = field(default_factory=dict)
    per_class: Mapping[str, ClassRecord] = field(default_factory=dict)
    task: TaskRecord | None = None


@dataclass(frozen=True)
class CurvePoint:
    """One ε of a curve.

    Attributes:
        epsilon: radius in pixel units.
        robust: share of examples that are right clean and attacked.
    """

    epsilon: float
    robust: Proportion


@dataclass(frozen=True)
class CurveRecord:
    """Robust accuracy against ε, each point by a search of its own on the same examples.

    Attributes:
        attack: which search, in words.
        norm: of the balls, ``inf`` or ``2``.
        parameters: the attack's settings besides ε.
        total: how many examples there are; more than the points' n where only a random part of them was attacked.
        points: by rising ε.
    """

    attack: str
    norm: str
    parameters: Mapping[str, Any]
    total: int
    points: tuple[CurvePoint, ...]


@dataclass(frozen=True)
class CurvatureRecord:
    """Jacobians and Hessians of the examples of an evaluation.

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
    groups: Mapping[str, Mapping[str, Spread]]
    share_of: str | None
    share: Spread | None
    warnings: tuple[str, ...]
    seconds: float

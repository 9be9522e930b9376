"""``report.json``, typed: the interface of a run for programs (docs/report.md)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jhrun.jsonio import typed
from jhrun.records import (
    AnalysisRecord,
    AttackRecord,
    BackgroundRecord,
    ClassRecord,
    Decision,
    EnvironmentRecord,
    EpochRecord,
    EvaluationRecord,
    Proportion,
    StatusRecord,
    TaskRecord,
    TermRecord,
    Verdict,
)

SCHEMA_VERSION = 2

Node = Mapping[str, Any]
"""A choice of a configuration: its class under ``_target_``, and the arguments."""


@dataclass(frozen=True)
class TrainSetup:
    """How long a run trains.

    Attributes:
        epochs: so many.
        batch_size: examples of a step.
    """

    epochs: int
    batch_size: int


@dataclass(frozen=True)
class Setup:
    """The part of a run's configuration that pages speak of.

    Attributes:
        dataset: the choice of this group; and so for the next six.
        model: likewise.
        objective: likewise.
        regularizer: likewise, with its weight.
        solver: likewise.
        optimizer: likewise.
        averaging: likewise; its class is None for none.
        train: how long.
        seed: of everything random.
        epsilon: ℓ∞ radius, a number or a fraction as text.
        epsilon_l2: ℓ2 radius, likewise.
        paper: of the paper's protocol, its place there; None otherwise.
    """

    dataset: Node
    model: Node
    objective: Node
    regularizer: Node
    solver: Node
    optimizer: Node
    averaging: Node
    train: TrainSetup
    seed: int
    epsilon: float | str | None
    epsilon_l2: float | str | None
    paper: Any = None


@dataclass(frozen=True, kw_only=True)
class Evaluated(EvaluationRecord):
    """An evaluation with what was analysed of it.

    Attributes:
        verdict: whether its figures can be believed; None where that was not analysed.
        analyses: the names of its analyses.
    """

    verdict: Verdict | None = None
    analyses: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Headline:
    """What a run's page is about: one evaluation, or several that make the same claim.

    Attributes:
        evaluation: the one that leads; None where there is none, and then everything else is empty too.
        joined: all of the same claim.
        checkpoint: which one was evaluated.
        verdict: of the one that leads.
        total: how many examples the test set has.
        clean: of the one that leads; None without classes.
        attacks: of the claim, by name, over all that are joined.
        worst_case: over all that are joined.
        worst_case_norm: of the claim.
        per_class: likewise.
        classes: their names.
        task: figures of a regression task.
        analyses: of every evaluation of the same network, without the figures' columns.
        sources: the evaluation of each analysis.
    """

    evaluation: str | None = None
    joined: tuple[str, ...] = ()
    checkpoint: str | None = None
    verdict: Verdict | None = None
    total: int = 0
    clean: Proportion | None = None
    attacks: Mapping[str, AttackRecord] = field(default_factory=dict)
    worst_case: Proportion | None = None
    worst_case_norm: str | None = None
    per_class: Mapping[str, ClassRecord] = field(default_factory=dict)
    classes: tuple[str, ...] = ()
    task: TaskRecord | None = None
    analyses: Mapping[str, AnalysisRecord] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Report(Headline):
    """A run's records in one document.

    Attributes:
        schema_version: of this document.
        run: its folder.
        status: how it stands.
        config: its configuration.
        environment: where it was made.
        background: the sizes of its data, and what a paper cites.
        seconds: of training and of the evaluations that the headline is of.
        pinned: whether the user chose the evaluation.
        terms: of the loss.
        epochs: of training; of very many some.
        decisions: of ``solver=auto``.
        warnings: sentences.
        evaluations: by name, the newest last.
    """

    schema_version: int
    run: str
    status: StatusRecord
    config: Mapping[str, Any]
    environment: EnvironmentRecord
    background: BackgroundRecord
    seconds: float
    pinned: bool
    terms: tuple[TermRecord, ...]
    epochs: tuple[EpochRecord, ...]
    decisions: tuple[Decision, ...]
    warnings: tuple[str, ...]
    evaluations: Mapping[str, Evaluated]

    @property
    def setup(self) -> Setup:
        """What pages say of the configuration."""
        return setup_of(self.config, Path(self.run))


def setup_of(config: Mapping[str, Any], path: Path) -> Setup:
    """The part of a configuration that pages speak of.

    Args:
        config: of a run.
        path: for the message where something is missing.

    Returns:
        The typed part.
    """
    return typed(config, Setup, path / "config.yaml")

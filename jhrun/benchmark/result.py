"""What ``jhrun bench`` writes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jhrun.benchmark.contest import Score


@dataclass(frozen=True)
class BenchRecord:
    """``bench.json``.

    Attributes:
        matrix: class of the penalty.
        model: class of the network.
        run: whose network it is; None for a fresh one.
        shape: of an example.
        batch_size: examples of a step.
        examples: that truth is taken over.
        rounds: that the medians are of.
        device: in words.
        environment: as in ``environment.json`` of a run.
        date: ISO 8601 with time zone.
        scores: of the plain step and of all contenders.
    """

    matrix: str
    model: str
    run: str | None
    shape: tuple[int, ...]
    batch_size: int
    examples: int
    rounds: int
    device: str
    environment: Mapping[str, Any]
    date: str
    scores: tuple[Score, ...]

"""The analyses of an evaluation. Each is kept when it is done; one that takes long tells its time beforehand."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from jhrun.commands.environment import now
from jhrun.commands.progress import Progress
from jhrun.commands.session import say
from jhrun.config import loss
from jhrun.data import Dataset
from jhrun.errors import ConfigError
from jhrun.evaluation.analyses import Analysis, Result, Subject
from jhrun.evaluation.curvature import Estimator
from jhrun.evaluation.store import analyses_in, load_analysis, save_analysis
from jhrun.linalg.auto import solver_named
from jhrun.records import AnalysisRecord, Decision
from jhrun.reporting.words import duration
from jhrun.terms import Spectral

LONG = 20.0
"""Seconds: work that may take longer tells its time before it begins."""


def analyse(folder: Path, subject: Subject, analyses: Mapping[str, Analysis], settings: Mapping[str, Any]) -> None:
    """Make the analyses that an evaluation lacks.

    Args:
        folder: of the evaluation.
        subject: the network and what the attacks did to it.
        analyses: by name, each after those whose records it reads.
        settings: of each, its class and arguments.

    Raises:
        ConfigError: an analysis gives something else than a result, or a figure that cannot be drawn.
    """
    records = {name: load_analysis(folder, name, drawn=False).record for name in analyses_in(folder)}
    left = {name: analysis for name, analysis in analyses.items() if name not in records}
    for name, analysis in left.items():
        own = replace(subject, records=records)
        seconds = analysis.seconds(own)
        if seconds > LONG:
            say(f"{analysis.title}: takes {duration(seconds)} at most")
        begun = time.perf_counter()
        with Progress(analysis.title, 1) as line:
            result = analysis(replace(own, progress=line))
        where = f"analysis {name}: {settings[name]['_target_']}"
        if not isinstance(result, Result):
            what = f"it gave a {type(result).__name__}, and no jhrun.evaluation.analyses.Result"
            raise ConfigError(what, where, "return Result(record, sections, arrays)")
        seconds = time.perf_counter() - begun
        record = AnalysisRecord(name, settings[name], seconds, now(), result.record, result.sections)
        try:
            save_analysis(folder, record, result.arrays)
        except (TypeError, ValueError) as error:
            raise ConfigError(f"its result cannot be kept: {error}", where, "mend the analysis") from error
        records[name] = result.record
        for warning in getattr(result.record, "warnings", ()):
            say(f"warning: {warning}")


def estimator(
    values: Mapping[str, Any],
    data: Dataset,
    plugins: Sequence[str],
    epoch: int,
    decisions: Sequence[Decision] = (),
) -> Estimator | None:
    """How the run's penalty found its directions.

    Args:
        values: the run's configuration.
        data: the run's.
        plugins: packages that the configuration may name.
        epoch: how many epochs were trained; the last one's solver is meant.
        decisions: of ``solver=auto``; what was tracked begins anew, for no test image was met in training.

    Returns:
        The first penalty and the solver; None without a penalty, and for a distance to a target, whose norm is not
        measured and which need not be loaded.
    """
    first = (values["regularizer"].get("penalties") or [])[:1]
    if not first or "target" in first[0]:
        return None
    own = {**values, "regularizer": {**values["regularizer"], "penalties": first}}
    term, follows = loss.regularizer(own, data, plugins)
    if not isinstance(term, Spectral):
        return None
    last = max(epoch - 1, 0)
    for one in follows:
        one.at(last)
    decided = [d for d in decisions if d.penalty == 0 and d.epoch <= last + 1]
    solver = solver_named(decided[-1].solver, decided[-1].n) if decided else term.directions.solver
    return Estimator(term.penalties[0], solver)

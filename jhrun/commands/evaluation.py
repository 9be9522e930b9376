"""The work of an evaluation: attacks, verdict and curvature, each kept in the run as soon as it is there."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn

from jhrun import seeds
from jhrun.attacks import Attack
from jhrun.commands.analysis import LONG, analyse, estimator
from jhrun.commands.environment import device_text, now
from jhrun.commands.failures import memory_named
from jhrun.commands.progress import Progress
from jhrun.commands.remedy import remedy
from jhrun.commands.session import records_read, say
from jhrun.config import loss, objects
from jhrun.data import Dataset, Part
from jhrun.errors import ConfigError, pasteable
from jhrun.evaluation import Evaluation, Unfinished, evaluate, measure, restore, save
from jhrun.evaluation.analyses import Analysis, Subject
from jhrun.evaluation.curvature import Estimator
from jhrun.evaluation.estimate import expected_seconds
from jhrun.evaluation.evaluate import BATCH
from jhrun.evaluation.unfinished import RESULTS
from jhrun.folder import RunFolder
from jhrun.jsonio import as_plain, read_lines, read_record, typed, write_json
from jhrun.records import Decision, EvaluationRecord, Remedy
from jhrun.reporting import Report, headline, verdict_lines, worst_words
from jhrun.reporting.words import duration

CALL = ("attack", "checkpoint", "averaged", "epsilon", "epsilon_l2", "cascade", "subset", "seed")
"""Keys of a call that say what is evaluated: an evaluation that is there keeps them."""

MEMORY = (
    f"no setting makes an evaluation's batches smaller than {BATCH}: free some or take another device, and type "
    "the same again, which goes on after the last attack that was done"
)
"""What helps where it runs out."""


@dataclass(frozen=True)
class Request:
    """What is evaluated, and how.

    Attributes:
        folder: of the run.
        values: the run's configuration.
        model: the network, on its device.
        data: on the same device; its test part is used.
        attacks: by name.
        checkpoint: which one the network is.
        info: what that checkpoint says of itself, with ``epoch``, ``selection`` and ``sha256``.
        seed: of random starts.
        sha256: of the data.
        epsilon: ℓ∞ radius of the claim, in pixel units.
        name: of the evaluation.
        cascade: whether later attacks see only what earlier ones left.
        subset: how many test examples, drawn at random; None for all.
        analyses: by name, each after those whose records it reads.
        settings: of each analysis, its class and arguments.
        call: what to type for the same evaluation.
        twin: an undefended network for the same task.
        twin_run: the folder that it is from.
        plugins: packages that the configuration may name.
        again: the settings to be typed again for a stronger evaluation of the same claim.
    """

    folder: RunFolder
    values: Mapping[str, Any]
    model: nn.Module
    data: Dataset
    attacks: Mapping[str, Attack]
    checkpoint: str
    info: Mapping[str, Any]
    seed: int
    sha256: str
    epsilon: float
    name: str = ""
    cascade: bool = False
    subset: int | None = None
    analyses: Mapping[str, Analysis] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    call: Mapping[str, Any] = field(default_factory=dict)
    twin: nn.Module | None = None
    twin_run: str | None = None
    plugins: Sequence[str] = field(default_factory=list)
    again: Sequence[str] = ()

    @property
    def unfinished(self) -> Unfinished:
        """Where the work is kept while it lasts, known by everything that the figures depend on."""
        attacks = {
            name: [type(attack).__qualname__, attack.epsilon, attack.norm, attack.parameters]
            for name, attack in self.attacks.items()
        }
        request = {
            "checkpoint": self.checkpoint,
            "epoch": self.info["epoch"],
            "sha256": self.info["sha256"],
            "attacks": attacks,
            "seed": self.seed,
            "cascade": self.cascade,
            "subset": self.subset,
            "data": self.sha256,
            "twin": self.twin_run,
        }
        return Unfinished(self.folder.evaluation(self.name), request, self.settings)


def run_evaluation(request: Request) -> None:
    """Attack and analyse a network, or measure what it predicts where there are no classes; keep all in the run.

    Args:
        request: what and how. An evaluation of the same name that was interrupted goes on after the last attack or
            analysis that was done; one that is finished gets the analyses that it lacks.

    Raises:
        RunError: there is another evaluation of that name.
        ConfigError: the subset is larger than the test set.
    """
    part, index = drawn(request.data.test, request.subset)
    unfinished = request.unfinished
    unfinished.begin(request.call)
    with memory_named(MEMORY):
        if unfinished.finished:
            there = read_record(unfinished.folder / RESULTS, EvaluationRecord)
            say(f"evaluation {request.name} gets {', '.join(unfinished.missing)}")
            _analyse(request, part, restore(unfinished.folder, there))
            return
        record = _base(request)
        if request.data.classes:
            evaluation = _attack(request, unfinished, part)
            save(unfinished.folder, evaluation, index)
            _analyse(request, part, evaluation)
            record = replace(
                record,
                date=now(),
                seconds=sum(attack.seconds for attack in evaluation.records.values()),
                classes=tuple(request.data.classes),
                clean=evaluation.clean_accuracy,
                worst_case=evaluation.worst_case,
                worst_case_norm=evaluation.worst_case_norm,
                attacks=evaluation.records,
                per_class=evaluation.per_class(request.data.classes),
            )
        else:
            begun = time.perf_counter()
            task = measure(request.model, part, request.data.structure)
            record = replace(record, date=now(), seconds=time.perf_counter() - begun, task=task)
    write_json(unfinished.folder / RESULTS, as_plain(record))
    unfinished.finish()


def _base(request: Request) -> EvaluationRecord:
    """The record of an evaluation that has no figures yet."""
    return EvaluationRecord(
        name=request.name,
        checkpoint=request.checkpoint,
        epoch=request.info["epoch"],
        weights=request.info["sha256"]["weights.safetensors"],
        dataset_part="test",
        total=len(request.data.test),
        seed=request.seed,
        device=device_text(request.data.test.targets.device),
        date=now(),
        seconds=0.0,
    )


def drawn(part: Part, n: int | None) -> tuple[Part, Tensor]:
    """A random part of a part, the same one every time, so that evaluations of different runs can be compared.

    Args:
        part: of the data.
        n: how many examples; None for all.

    Returns:
        The examples and their places in the whole, (n,), rising.

    Raises:
        ConfigError: there are not so many.
    """
    if n is None:
        return part, torch.arange(len(part))
    if n > len(part):
        raise ConfigError(f"the test set has {len(part)} examples", f"subset={n}", "give fewer, or leave it out")
    index = torch.randperm(len(part), generator=seeds.generator("cpu", 0, "subset"))[:n].sort().values
    return part[index.to(part.targets.device)], index


def say_result(folder: RunFolder, report: Report, own: Report | None = None) -> None:
    """The figures, the verdict if there is one, and where the report is.

    Args:
        folder: of the run.
        report: of the run.
        own: the same with the evaluation that was made in the place of the headline, where that may be another.
    """
    shown = own or report
    lines = ["", pasteable(headline(shown), run=folder.path), *verdict_lines(shown), ""]
    if shown.joined != report.joined:
        lines.append(f"the report's headline, of {', '.join(report.joined)}: {worst_words(report)}")
    say("\n".join([*lines, f"report: {folder.path / 'report.html'}"]))


def _attack(request: Request, unfinished: Unfinished, part: Part) -> Evaluation:
    """What the attacks did before, and what they do now."""
    done = [name for name in request.attacks if unfinished.has(name)]
    if done:
        say(f"going on with evaluation {request.name}: {', '.join(done)} done before")
    left = [attack for name, attack in request.attacks.items() if name not in done]
    seconds = expected_seconds(request.model, part, left)
    if seconds > LONG:
        say(f"the attacks take {duration(seconds)} at most")
    line, progress = progress_of(request.attacks, len(request.data.classes), len(part))
    with line:
        return evaluate(
            request.model,
            part,
            request.attacks,
            seed=request.seed,
            cascade=request.cascade,
            kept=unfinished,
            progress=progress,
        )


def _analyse(request: Request, part: Part, evaluation: Evaluation) -> None:
    """The analyses that are asked for and not there yet."""
    epoch = request.info["epoch"]
    subject = Subject(
        request.model,
        part,
        evaluation,
        request.attacks,
        request.seed,
        request.info["selection"],
        classes=tuple(request.data.classes),
        total=len(request.data.test),
        epsilon=request.epsilon,
        claimed=_claimed(request, len(part)),
        twin=request.twin,
        objective=lambda: loss.objective(request.values, request.plugins, max(epoch - 1, 0)),
        estimator=lambda: _estimator(request),
        remedy=lambda: _remedy(request, part),
    )
    analyse(request.unfinished.folder, subject, request.analyses, request.settings)


def _estimator(request: Request) -> Estimator | None:
    with records_read(request.folder):
        path = request.folder.decisions
        decisions = [typed(line, Decision, path) for line in read_lines(path, Decision.ORDER)]
    return estimator(request.values, request.data, request.plugins, request.info["epoch"], decisions)


def _remedy(request: Request, part: Part) -> Remedy | None:
    epsilon = request.epsilon or objects.radii(request.values)["inf"]
    return remedy(request.model, part, epsilon, request.again)


def _claimed(request: Request, n: int) -> float | None:
    """The clean accuracy that an earlier evaluation of the same network on the same examples found."""
    with records_read(request.folder):
        for place in reversed(request.folder.evaluations()):
            record = read_record(place / RESULTS, EvaluationRecord)
            same = (record.checkpoint, record.epoch) == (request.checkpoint, request.info["epoch"])
            if same and record.clean is not None and record.clean.n == n:
                return record.clean.accuracy
    return None


def progress_of(
    attacks: Mapping[str, Attack], classes: int, n: int
) -> tuple[Progress, Callable[[str, float, int], None]]:
    """A progress line over all attacks, each with the share of its passes in those of all.

    Args:
        attacks: by name.
        classes: so many.
        n: examples.

    Returns:
        The line, and what ``evaluate`` is to tell of its progress.
    """
    passes = {name: attack.passes(classes) for name, attack in attacks.items()}
    total = max(1, n * sum(passes.values()))
    line = Progress("attacks", total)

    def progress(attack: str, done: float, among: int) -> None:
        earlier = n * sum(passes[name] for name in [*passes][: [*passes].index(attack)])
        # of a cascade's later attacks, which see fewer, each counts as much as the first
        line(earlier + n * passes[attack] * (done / among if among else 1), f"attack {attack}")

    return line, progress


def named(request: Request, base: str) -> Request:
    """The request under a name of its own, or that of the same one that was interrupted and can go on.

    Args:
        request: its name does not matter.
        base: what to call it; numbers are appended.

    Returns:
        The same with its name.
    """
    names = (base, *(f"{base}-{i}" for i in range(2, 10_000)))
    return next(r for r in (replace(request, name=name) for name in names) if r.unfinished.fits())

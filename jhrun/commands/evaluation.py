"""The work of an evaluation: attacks, verdict and curvature, each kept in the run as soon as it is there."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn

from jhrun import seeds
from jhrun.attacks import Attack
from jhrun.commands.analysis import run_curvature
from jhrun.commands.environment import device_text, now
from jhrun.commands.failures import memory_named
from jhrun.commands.progress import Progress
from jhrun.commands.remedy import remedy
from jhrun.commands.session import records_read, say
from jhrun.config import objects
from jhrun.data import Dataset, Part
from jhrun.errors import ConfigError, pasteable
from jhrun.evaluation import Evaluation, Unfinished, evaluate, measure, save
from jhrun.evaluation.curve import EPSILONS, robust_curve
from jhrun.evaluation.estimate import expected_seconds
from jhrun.evaluation.evaluate import BATCH
from jhrun.evaluation.verdict import CHECKS, Subject, judge
from jhrun.folder import RunFolder
from jhrun.jsonio import read_json, read_lines, write_json
from jhrun.records import CurveRecord, Decision, EvaluationRecord, TaskRecord, Verdict
from jhrun.reporting import headline, verdict_lines, worst_words
from jhrun.reporting.words import duration

LONG = 20.0
"""Seconds from which on the time that attacks may take is told before they begin."""

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
        probes: whether the verdict's own searches are made.
        curvature: whether every example's Jacobian and Hessian are measured.
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
    probes: bool = True
    curvature: bool = False
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
        }
        return Unfinished(self.folder.evaluation(self.name), request)


def run_evaluation(request: Request) -> None:
    """Attack a network, or measure what it predicts where there are no classes, and keep the results in the run.

    Args:
        request: what and how. An evaluation of the same name that was interrupted goes on after the last attack
            that was done.

    Raises:
        RunError: there is another evaluation of that name.
        ConfigError: the subset is larger than the test set.
    """
    part, index = drawn(request.data.test, request.subset)
    unfinished = request.unfinished
    unfinished.begin()
    with memory_named(MEMORY):
        if request.data.classes:
            record = _attack(request, unfinished, part, index).flat()
        else:
            record = asdict(_measure(request, part))
    write_json(unfinished.folder / "results.json", record)
    unfinished.finish()


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


def say_result(folder: RunFolder, report: dict[str, Any], own: dict[str, Any] | None = None) -> None:
    """The figures, the verdict if there is one, and where the report is.

    Args:
        folder: of the run.
        report: of the run.
        own: the same with the evaluation that was made in the place of the headline, where that may be another.
    """
    shown = own or report
    lines = ["", pasteable(headline(shown), run=folder.path), *verdict_lines(shown), ""]
    if shown["joined"] != report["joined"]:
        lines.append(f"the report's headline, of {', '.join(report['joined'])}: {worst_words(report)}")
    say("\n".join([*lines, f"report: {folder.path / 'report.html'}"]))


def _measure(request: Request, part: Part) -> TaskRecord:
    begun = time.perf_counter()
    figures = measure(request.model, part, request.data.structure)
    seconds, device = time.perf_counter() - begun, device_text(part.targets.device)
    return TaskRecord(
        request.name, request.checkpoint, request.info["epoch"], "test", figures, seconds, device, now()
    )


def _attack(request: Request, unfinished: Unfinished, part: Part, index: Tensor) -> EvaluationRecord:
    """Attacks, curve, verdict and curvature."""
    done = [name for name in request.attacks if unfinished.has(name)]
    if done:
        say(f"going on with evaluation {request.name}: {', '.join(done)} done before")
    left = [attack for name, attack in request.attacks.items() if name not in done]
    seconds = expected_seconds(request.model, part, left)
    if seconds > LONG:
        say(f"the attacks take {duration(seconds)} at most")
    line, progress = _progress(request, len(part))
    with line:
        evaluation = evaluate(
            request.model,
            part,
            request.attacks,
            seed=request.seed,
            cascade=request.cascade,
            kept=unfinished,
            progress=progress,
        )
    save(unfinished.folder, evaluation, index)
    curve = None
    if request.probes and request.epsilon > 0:
        radii = sorted({*EPSILONS, request.epsilon})
        with Progress("robust accuracy against ε", len(radii)) as line:
            curve = robust_curve(
                request.model,
                part,
                radii,
                total=len(request.data.test),
                seed=request.seed,
                progress=lambda number, done, among: line(number + done / among),
            )
    write_json(unfinished.folder / "verdict.json", _judge(request, part, evaluation, curve).flat())
    if request.curvature:
        with records_read(request.folder):
            decisions = [Decision.of(line) for line in read_lines(request.folder.decisions, Decision.ORDER)]
        run_curvature(
            unfinished.folder,
            request.model,
            request.data,
            part,
            evaluation,
            request.values,
            epoch=request.info["epoch"],
            epsilon=request.epsilon,
            seed=request.seed,
            plugins=request.plugins,
            decisions=decisions,
        )
    return EvaluationRecord(
        name=request.name,
        checkpoint=request.checkpoint,
        epoch=request.info["epoch"],
        dataset_part="test",
        total=len(request.data.test),
        classes=request.data.classes,
        clean=evaluation.clean_accuracy,
        worst_case=evaluation.worst_case,
        attacks=evaluation.records,
        seed=request.seed,
        device=device_text(part.targets.device),
        date=now(),
        worst_case_norm=evaluation.worst_case_norm,
        per_class=evaluation.per_class(request.data.classes),
        curve=curve,
        weights=request.info["sha256"]["weights.safetensors"],
    )


def _judge(request: Request, part: Part, evaluation: Evaluation, curve: CurveRecord | None) -> Verdict:
    subject = Subject(
        request.model,
        part,
        evaluation,
        request.attacks,
        request.seed,
        request.info["selection"],
        claimed=_claimed(request, len(part)),
        epsilon=request.epsilon,
        curve=curve,
        twin=request.twin,
    )
    with Progress("checks of the verdict", len(CHECKS)) as line:
        verdict = judge(subject, probes=request.probes, progress=lambda _, done, __: line(done))
    if not verdict.remediable:
        return verdict
    epsilon = request.epsilon or objects.radii(request.values)["inf"]
    return replace(verdict, remedy=remedy(request.model, part, epsilon, request.again))


def _claimed(request: Request, n: int) -> float | None:
    """The clean accuracy that an earlier evaluation of the same network on the same examples found."""
    with records_read(request.folder):
        for place in reversed(request.folder.evaluations()):
            record = read_json(place / "results.json")
            same = (record["checkpoint"], record["epoch"]) == (request.checkpoint, request.info["epoch"])
            if same and record.get("clean") and record["clean"]["n"] == n:
                return float(record["clean"]["accuracy"])
    return None


def _progress(request: Request, n: int) -> tuple[Progress, Callable[[str, float, int], None]]:
    """A progress line over all attacks, each with the share of its passes in those of all."""
    classes = len(request.data.classes)
    passes = {name: attack.passes(classes) for name, attack in request.attacks.items()}
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

"""``jhrun bench``: cost, truth and peak memory of every way to find a direction, on this machine."""

import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig
from torch import nn

from jhrun import seeds
from jhrun.benchmark import BenchRecord, Contender, contest, noise, operator, paper, pass_costs
from jhrun.commands.claim import made, require_empty
from jhrun.commands.environment import device_text, environment, now
from jhrun.commands.failures import determinism_named, memory_named
from jhrun.commands.progress import Progress
from jhrun.commands.session import disk_named, records_read, tell
from jhrun.config import loss, network, objects, stored
from jhrun.config.groups import nearest
from jhrun.config.overrides import typed_keys
from jhrun.config.values import written_as
from jhrun.data import Dataset
from jhrun.errors import ConfigError
from jhrun.folder import RunFolder
from jhrun.linalg import Exact, GolubKahan, GradientAscent, Hutchinson, Lanczos, Power, Solver, Tracked
from jhrun.objectives import Objective
from jhrun.penalties import Hessian, Jacobian, Penalty
from jhrun.records import Batch
from jhrun.reporting.bench import write_bench
from jhrun.reporting.words import counted

ITERATIVE: dict[str, Callable[[int], Solver]] = {
    "lanczos": partial(Lanczos, image=True),
    "lanczos_random": partial(Lanczos, start="random"),
    "power": Power,
    "gradient_ascent": GradientAscent,
    "golub_kahan": GolubKahan,
}
"""Solvers that come at several n; lanczos_random begins at random, and gives the Ritz vector itself."""
ONCE: dict[str, Callable[[], Solver]] = {"hutchinson": partial(Hutchinson, measured=False), "exact": Exact}
CROSS_ENTROPY = {"_target_": "jhrun.objectives.classification.CrossEntropy"}
ALL = ("paper", *ITERATIVE, *ONCE, "start", "tracked")


@determinism_named()
@memory_named("lower batch_size, or leave solvers out: solvers=[…]")
def run(config: DictConfig, overrides: Sequence[str], output: Path) -> Path:
    """Measure as configured.

    Args:
        config: composed from ``conf/bench.yaml``.
        overrides: as typed.
        output: a new folder for the results.

    Returns:
        That folder.
    """
    call = stored.plain(config)
    objects.apply_options(call)
    device = objects.device(call["device"])
    require_empty(output)
    with disk_named(output), made(output):
        return _measure(call, overrides, output, device)


def validate(config: DictConfig, overrides: Sequence[str], output: Path) -> str:
    """Make network, data and matrix, and measure nothing.

    Args:
        config: composed from ``conf/bench.yaml``.
        overrides: as typed.
        output: a new folder for the results.

    Returns:
        What the call would do.
    """
    call = stored.plain(config)
    objects.apply_options(call)
    require_empty(output)
    model, _, penalty, _ = _subject(call, objects.device(call["device"]), overrides)
    return f"measure solvers on the {type(penalty).__name__} of {type(model).__name__}"


def _measure(call: Mapping[str, Any], overrides: Sequence[str], output: Path, device: torch.device) -> Path:
    """Measure, and write the results into a folder."""
    model, data, penalty, objective = _subject(call, device, overrides)
    part = data.test
    size = call["batch_size"]
    batches = list(part[: size * call["batches"]].batches(size))
    batches = [batch for batch in batches if len(batch) == size] or batches[:1]
    with Progress("trying the solvers once") as line:
        contenders = list(_contenders(call, model, objective, penalty, batches))
        rounds = call["rounds"]
        tell(
            f"bench of {counted(len(contenders), 'contender')} in {counted(rounds, 'round')}, on {len(batches)} × "
            f"{len(batches[0])} examples; to shorten it: rounds=1 batches=1 'iterations=[4]' 'solvers=[lanczos]'"
        )
        scores = contest(
            model,
            objective,
            batches,
            penalty,
            contenders,
            rounds=rounds,
            progress=lambda done, total, what: line(done, what, total=total),
        )
    command = " ".join(["jhrun bench", *overrides])
    record = BenchRecord(
        matrix=type(penalty).__name__,
        model=type(model).__name__,
        run=call["run"],
        shape=tuple(batches[0].inputs.shape[1:]),
        batch_size=len(batches[0]),
        examples=sum(map(len, batches)),
        rounds=call["rounds"],
        device=device_text(device),
        environment=environment(device, command, call),
        date=now(),
        scores=tuple(scores),
    )
    costs = pass_costs(type(penalty).__name__, scores)
    table = write_bench(output, record, costs)
    tell(f"{table}\n\nfigure: {output / 'bench.svg'}")
    if costs:
        told = ", ".join(f"{kind} {cost:g}" for kind, cost in costs.items())
        key = shlex.quote(f"solver.costs={output / 'costs.json'}")
        tell(f"costs of this machine ({told}), for auto: {key}")
    tell(str(output))
    return output


def _subject(
    call: Mapping[str, Any], device: torch.device, overrides: Sequence[str]
) -> tuple[nn.Module, Dataset, Penalty, Objective]:
    """Network, data, matrix and loss: a run's, or fresh ones on noise."""
    plugins = call["plugins"]
    if call["run"] is None:
        data = noise(call["shape"], call["classes"], call["batch_size"] * call["batches"], call["seed"]).to(device)
        values, objective = dict(call), loss.objective({"objective": CROSS_ENTROPY}, plugins)
        model = network.model(values, data, plugins)
    else:
        folder = RunFolder.existing(str(call["run"]))
        values = stored.read(folder.config, plugins)
        data = objects.dataset(values, plugins).to(device)
        with records_read(folder):
            model = network.of_run(str(call["run"]), data, plugins)
        objective = loss.objective(values, plugins)
        if any(key.split(".")[0] == "regularizer" for key in typed_keys(list(overrides))):
            values["regularizer"] = call["regularizer"]
    penalties = loss.matrices(values, data, plugins)
    if len(penalties) != 1:
        raise ConfigError(
            f"there are {len(penalties)} matrices", "jhrun bench", "choose one: regularizer=jacobian"
        )
    return model, data, penalties[0], objective


def _contenders(
    call: Mapping[str, Any], model: nn.Module, objective: Objective, penalty: Penalty, batches: Sequence[Batch]
) -> Iterator[Contender]:
    """Every solver that was asked for and that the matrix admits."""
    for wanted in call["solvers"]:
        if wanted not in ALL:
            where = f"solvers={written_as(call['solvers'])}"
            raise ConfigError(f"there is no solver '{wanted}'", where, nearest(wanted, ALL))

    def way(solver: Solver) -> Callable[[Batch], Any]:
        random = seeds.generator(batches[0].inputs.device, call["seed"], "direction")
        return lambda batch: penalty(model, objective, batch, solver, random, preflight=False)

    kind = {Jacobian: "jacobian", Hessian: "hessian"}.get(type(penalty))
    random = seeds.generator(batches[0].inputs.device, call["seed"], "paper")
    for name in call["solvers"]:
        if name == "paper" and kind:
            for n in call["iterations"]:
                yield Contender(
                    name, n, partial(lambda batch, n: paper(kind, model, objective, batch, n, random), n=n)
                )
        elif name in ITERATIVE:
            for n in call["iterations"]:
                yield Contender(name, n, way(ITERATIVE[name](n)))
        elif name in ONCE:
            solver = ONCE[name]()
            try:
                way(solver)(batches[0])
            except ValueError as error:
                tell(f"left out: {error}")
                continue
            yield Contender(name, None, way(solver))
        elif name == "start" and penalty.start(operator(model, objective, penalty, batches[0])) is not None:
            yield Contender(name, None, way(Tracked()))
        elif name == "tracked":
            memory = Tracked().over(sum(map(len, batches)))
            yield Contender(name, None, way(memory), memory)

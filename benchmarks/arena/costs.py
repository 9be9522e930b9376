"""What a pass of each kind costs, in plain steps: measured once, kept in a file, and never looked up on a clock.

A plain step is one of ordinary training, everything included: ``forward`` + ``weights-1`` + ``update`` = 1, so
that ``update`` is what the other two leave: optimizer, batch, and records. What a method does between passes, such
as a small eigenproblem or a look into its memory, is not counted: ``arena.py --measure`` shows how much it is.
"""

import json
import statistics
import time
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from arena.passes import Passes
from arena.records import environment
from jhrun.autodiff import twice_differentiable
from jhrun.files import write_aside
from jhrun.records import Batch
from jhrun.training import Trainer

FILE = Path(__file__).parent / "costs.json"
"""The table that all comparisons share."""

Costs = Mapping[str, float]


def spent(counts: Mapping[str, float], costs: Costs) -> float:
    """Passes in plain steps.

    Args:
        counts: by kind.
        costs: of a pass of each kind.

    Returns:
        Σ count·cost.

    Raises:
        ValueError: the table lacks a kind.
    """
    if unknown := counts.keys() - costs.keys():
        raise ValueError(f"no cost is known of passes {', '.join(sorted(unknown))}: add them to arena/costs.py")
    return sum(count * costs[kind] for kind, count in counts.items())


def read(name: str, path: Path = FILE) -> dict[str, float]:
    """The costs for a data set and its network.

    Args:
        name: of the data set.
        path: of the table.

    Returns:
        Costs by kind of pass.

    Raises:
        SystemExit: the table lacks the data set.
    """
    table = json.loads(path.read_text()) if path.exists() else {}
    if name not in table:
        raise SystemExit(f"{path}: has no costs for {name}: python benchmarks/arena.py --measure --data {name} …")
    costs: dict[str, float] = table[name]["costs"]
    return costs


def write(name: str, measured: Mapping[str, Any], path: Path = FILE) -> None:
    """Put a data set's costs into the table."""
    table = json.loads(path.read_text()) if path.exists() else {}
    write_aside(path, json.dumps({**table, name: measured}, indent=1, sort_keys=True) + "\n")


def measure(trainer: Trainer, rounds: int = 201) -> dict[str, Any]:
    """Time passes, in turns, by the process's own processor time.

    Args:
        trainer: about to make plain steps; its network is trained a little on the way.
        rounds: how often each is timed.

    Returns:
        ``costs`` by kind, the ``seconds`` of a plain step, the quartiles of each sequence's ratio to it, date and
        machine.
    """
    trainer.model.train()
    batches = list(trainer.dataset.epoch(0, trainer.options.batch_size, seed=0, drop_last=True))
    sequences = _sequences(trainer)
    ratios: dict[str, list[float]] = {name: [] for name in sequences}
    plain = []
    for number in range(rounds + 2):
        batch = batches[number % len(batches)]
        took = {"plain": _seconds(lambda b=batch: trainer.take_step(b))}
        # whoever goes first changes from round to round
        names = list(sequences)[:: 1 if number % 2 else -1]
        took |= {name: _seconds(lambda n=name, b=batch: sequences[n](b)) for name in names}
        if number >= 2:
            plain.append(took["plain"])
            for name, each in ratios.items():
                each.append(took[name] / took["plain"])
    middle = {name: statistics.median(each) for name, each in ratios.items()}
    quartiles = {name: statistics.quantiles(each, n=4) for name, each in ratios.items()}
    return {
        "costs": {kind: round(cost, 4) for kind, cost in _differences(middle).items()},
        "seconds": round(statistics.median(plain), 5),
        "quartiles of the sequences": {name: [round(q, 4) for q in each] for name, each in quartiles.items()},
        "rounds": rounds,
        "batch": trainer.options.batch_size,
        "date": date.today().isoformat(),
        "machine": environment()["machine"],
    }


def compared(trainers: Mapping[str, Trainer], costs: Costs, rounds: int = 41) -> dict[str, tuple[float, float]]:
    """Steps as they are counted, against the processor time that they take, in turns.

    Args:
        trainers: about to make steps of some kinds, ``plain`` among them.
        costs: of a pass of each kind.
        rounds: how many steps of each are timed.

    Returns:
        By kind of step its counted cost and the median of its time, both in plain steps.
    """
    ratios: dict[str, list[float]] = {name: [] for name in trainers}
    counted = {}
    for number in range(rounds + 2):
        took = {}
        for name in list(trainers)[:: 1 if number % 2 else -1]:
            trainer = trainers[name]
            trainer.model.train()
            batch = next(trainer.dataset.epoch(number, trainer.options.batch_size, seed=0))
            if not number:
                passes = Passes(trainer.options.batch_size)
                with passes.counted([trainer.model, *trainer.copies.values()], trainer.optimizer):
                    trainer.take_step(batch)
                counted[name] = spent(passes.counts, costs)
            took[name] = _seconds(lambda t=trainer, b=batch: t.take_step(b))
        if number >= 2:
            for name, each in ratios.items():
                each.append(took[name] / took["plain"])
    return {name: (counted[name], statistics.median(each)) for name, each in ratios.items()}


def _differences(of: Mapping[str, float]) -> dict[str, float]:
    """From the costs of sequences to those of single passes."""
    costs = {
        "forward": of["call"],
        "inputs-1": of["vjp"] - of["call"],
        "others-2": of["jvp"] - of["vjp"],
        "inputs-2": of["hvp"] - of["vjp"] - (of["vjp"] - of["call"]),
        "weights-1": of["backward"] - of["call"],
        "weights-2": of["backward of vjp"] - of["vjp"] - (of["backward"] - of["call"]),
        "weights-3": of["backward of hvp"] - of["hvp"] - (of["backward of vjp"] - of["vjp"]),
    }
    # never negative, however small and noisy
    costs = {kind: max(0.0, cost) for kind, cost in costs.items()}
    costs["update"] = max(0.0, 1 - costs["forward"] - costs["weights-1"])
    return costs


def _sequences(trainer: Trainer) -> dict[str, Callable[[Batch], object]]:
    """What is timed; each but the first consists of another one and a further pass."""
    model, objective = trainer.model, trainer.objective

    def call(batch: Batch) -> Tensor:
        return objective(model(batch.inputs), batch.targets)

    def leaves(batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        x = batch.inputs.detach().requires_grad_()
        with twice_differentiable():
            outputs = model(x)
        return x, outputs, objective(outputs, batch.targets)

    def vjp(batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        x, outputs, _ = leaves(batch)
        u = torch.randn_like(outputs).requires_grad_()
        (row,) = torch.autograd.grad(outputs, x, u.view_as(u), create_graph=True)
        return x, u, row

    def jvp(batch: Batch) -> None:
        _, u, row = vjp(batch)
        torch.autograd.grad(row, u, torch.randn_like(row))

    def gradient(batch: Batch, *, graph: bool) -> Tensor:
        x, _, losses = leaves(batch)
        (first,) = torch.autograd.grad(losses.sum(), x, create_graph=True)
        (second,) = torch.autograd.grad(first, x, torch.randn_like(first), create_graph=graph)
        return second

    return {
        "call": call,
        "backward": lambda batch: call(batch).sum().backward(),
        "vjp": vjp,
        "jvp": jvp,
        "backward of vjp": lambda batch: vjp(batch)[2].square().sum().backward(),
        "hvp": lambda batch: gradient(batch, graph=True),
        "backward of hvp": lambda batch: gradient(batch, graph=True).square().sum().backward(),
    }


def _seconds(work: Callable[[], object]) -> float:
    """Of the process's own processor time."""
    begun = time.process_time()
    work()
    return time.process_time() - begun

"""Peak memory and time of a penalised step by micro-batches: python benchmarks/memory.py --help.

The step is ``Trainer.take_step`` itself. Peaks are bytes of tensors beside network and batch, over a plain step's;
times are processor seconds, medians in turns, over a plain step's.
"""

import argparse
import statistics
import time
from dataclasses import replace

import torch

from jhrun.benchmark import noise
from jhrun.benchmark.memory import peak_bytes
from jhrun.linalg import Exact, Lanczos, Solver, Tracked
from jhrun.models import resnet18
from jhrun.objectives import CrossEntropy
from jhrun.penalties import Hessian, Jacobian, Penalty
from jhrun.terms import penalised
from jhrun.training import Trainer, TrainOptions


def trainer(width: int, batch: int, penalties: list[Penalty], solver: Solver, micro_batch: int | None) -> Trainer:
    """About to make a step on noise, with a learning rate of 0."""
    data = noise([3, 32, 32], 10, batch, 0)
    torch.manual_seed(0)
    model = resnet18(width=width, **vars(data.spec))
    return Trainer(
        model,
        replace(data, validation=data.train[:0]),
        CrossEntropy(),
        penalised(penalties, solver, 0.25),
        torch.optim.Adam(model.parameters(), lr=0.0),
        lambda _: 0.0,
        TrainOptions(epochs=1, batch_size=batch, micro_batch=micro_batch),
        seed=0,
    )


def main() -> None:
    """Read the arguments, measure, print a table."""
    parser = argparse.ArgumentParser(description="Peak memory and time of a penalised step by micro-batches.")
    parser.add_argument("--width", type=int, default=32, help="of ResNet-18's first stage; the paper's is 64")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    cases: dict[str, Trainer] = {"plain": trainer(arguments.width, arguments.batch, [], Exact(), None)}
    methods: dict[str, tuple[Penalty, Solver]] = {
        "Hessian, lanczos 5": (Hessian(), Lanczos(5, image=True)),
        "Hessian, tracked": (Hessian(), Tracked()),
        "Jacobian, exact": (Jacobian(), Exact()),
    }
    for name, (penalty, solver) in methods.items():
        for parts in (1, 2, 4):
            size = arguments.batch // parts if parts > 1 else None
            cases[f"{name}, {parts} part{'s' * (parts > 1)}"] = trainer(
                arguments.width, arguments.batch, [penalty], solver, size
            )
    times: dict[str, list[float]] = {name: [] for name in cases}
    batches = {name: next(iter(case.dataset.epoch(0, arguments.batch, seed=0))) for name, case in cases.items()}
    for number in range(arguments.rounds + 1):
        for name, case in cases.items():
            begun = time.process_time()
            case.take_step(batches[name])
            if number:
                times[name].append(time.process_time() - begun)
    peaks = {
        name: peak_bytes(lambda case=case, name=name: case.take_step(batches[name]))
        for name, case in cases.items()
    }
    print(f"{'step':32} {'time':>6} {'peak':>6}")
    for name in cases:
        cost = statistics.median(times[name]) / statistics.median(times["plain"])
        print(f"{name:32} {cost:6.2f} {peaks[name] / peaks['plain']:6.2f}")


if __name__ == "__main__":
    main()

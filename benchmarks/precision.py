"""Training steps in float32, in bfloat16 and compiled: python benchmarks/precision.py --help.

The step is ``Trainer.take_step`` itself, of ResNet-18 on noise. Times are processor seconds, medians in turns, and
the medians of their ratios to the float32 step of the same kind in the same turn. Beside them the cosine between a
step's gradient and the float32 one, and the first call's seconds by the clock, compilation included.
"""

import argparse
import statistics
import time
from dataclasses import replace

import torch
from torch import Tensor

from jhrun.benchmark import noise
from jhrun.linalg import Exact, Lanczos, Solver
from jhrun.models import resnet18
from jhrun.objectives import CrossEntropy
from jhrun.penalties import Hessian, Jacobian, Penalty
from jhrun.terms import penalised
from jhrun.training import Trainer, TrainOptions

METHODS: dict[str, tuple[list[Penalty], Solver]] = {
    "plain": ([], Exact()),
    "Jacobian, exact": ([Jacobian()], Exact()),
    "Hessian, lanczos 4": ([Hessian()], Lanczos(4, image=True)),
}


def trainer(
    width: int, batch: int, penalties: list[Penalty], solver: Solver, device: str, **options: bool
) -> Trainer:
    """About to make a step on noise, with a learning rate of 0."""
    data = noise([3, 32, 32], 10, batch, 0).to(torch.device(device))
    torch.manual_seed(0)
    model = resnet18(width=width, **vars(data.spec)).to(device)
    return Trainer(
        model,
        replace(data, validation=data.train[:0]),
        CrossEntropy(),
        penalised(penalties, solver, 0.25),
        torch.optim.Adam(model.parameters(), lr=0.0),
        lambda _: 0.0,
        TrainOptions(epochs=1, batch_size=batch, **options),
        seed=0,
    )


def gradient(case: Trainer) -> Tensor:
    """Of the last step, in one piece."""
    return torch.cat([p.grad.double().flatten() for p in case.model.parameters() if p.grad is not None])


def main() -> None:
    """Read the arguments, measure, print a table."""
    parser = argparse.ArgumentParser(description="Training steps in float32, in bfloat16 and compiled.")
    parser.add_argument("--width", type=int, default=32, help="of ResNet-18's first stage; the paper's is 64")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    cases: dict[str, tuple[str, Trainer]] = {}
    for kind, (penalties, solver) in METHODS.items():
        ways = {"": {}, ", bf16": {"bf16": True}}
        if not penalties:
            ways |= {", compiled": {"compile": True}, ", bf16, compiled": {"bf16": True, "compile": True}}
        for way, options in ways.items():
            made = trainer(arguments.width, arguments.batch, penalties, solver, arguments.device, **options)
            cases[kind + way] = kind, made
    times: dict[str, list[float]] = {name: [] for name in cases}
    first: dict[str, float] = {}
    for number in range(arguments.rounds + 1):
        for name, (_, case) in cases.items():
            batch = next(iter(case.dataset.epoch(0, arguments.batch, seed=0)))
            # a device's own time passes while the host waits
            clock = time.process_time if number and arguments.device == "cpu" else time.perf_counter
            begun = clock()
            case.take_step(batch)
            case.ledger.columns.totals.tolist()
            seconds = clock() - begun
            case.step = 0
            case.ledger.clear()
            if number:
                times[name].append(seconds)
            else:
                first[name] = seconds
    print(f"{'step':32} {'ms':>8} {'ratio':>6} {'quartiles':>11} {'cosine':>7} {'first call, s':>14}")
    for name, (kind, case) in cases.items():
        low, middle, high = statistics.quantiles(
            (t / base for t, base in zip(times[name], times[kind], strict=True)), n=4
        )
        cosine = torch.cosine_similarity(gradient(case), gradient(cases[kind][1]), 0).item()
        ms = 1000 * statistics.median(times[name])
        print(f"{name:32} {ms:8.0f} {middle:6.2f} {low:5.2f}-{high:5.2f} {cosine:7.3f} {first[name]:14.1f}")


if __name__ == "__main__":
    main()

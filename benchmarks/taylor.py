"""Whole training steps, by nested reverse mode and by Taylor mode: python benchmarks/taylor.py --help.

A step is the forward pass, the direction's search, the penalty and one backward pass to the parameters; the
optimiser's own time is left out. All kinds of step alternate in one process, so that a slow spell of the machine
meets them alike; medians are compared, and the ratio's quartiles are given.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from jhrun.autodiff.taylor import HessianForm, JacobianForm, autograd_forms, taylor_forms
from jhrun.linalg import Exact, Hutchinson, Lanczos, Solver
from jhrun.models import resnet18
from jhrun.objectives import CrossEntropy
from jhrun.penalties import Hessian, Jacobian, Penalty
from jhrun.records import Batch

Step = Callable[[], Tensor]


def steps(model: nn.Module, batch: Batch) -> dict[str, Step]:
    """Each makes a scalar to be differentiated.

    Args:
        model: the network.
        batch: of images.

    Returns:
        Steps by name.
    """
    loss = CrossEntropy()
    shape = batch.inputs[0].numel()
    u = torch.randn(len(batch), 10, device=batch.inputs.device)
    v, w = (torch.nn.functional.normalize(torch.randn(len(batch), shape, device=u.device)) for _ in range(2))

    def penalised(penalty: Penalty, solver: Solver, taylor: bool) -> Tensor:
        made = penalty(model, loss, batch, solver, torch.Generator(u.device).manual_seed(0), taylor=taylor)
        return (made.losses + made.values).mean()

    def form(function: Callable[..., object], wanted: JacobianForm | HessianForm) -> Tensor:
        made = function(model, batch.inputs, [wanted], loss, batch.targets)
        return (made.losses + made.values[0]).mean()  # type: ignore[attr-defined,no-any-return]

    cases: dict[str, Step] = {"plain": lambda: loss(model(batch.inputs), batch.targets).mean()}
    for name, wanted in {
        "uᵀJv": JacobianForm(u, v), "vᵀHv": HessianForm(v, v), "wᵀHv": HessianForm(w, v),
    }.items():  # fmt: skip
        cases[f"{name}, nested"] = partial(form, autograd_forms, wanted)
        cases[f"{name}, Taylor"] = partial(form, taylor_forms, wanted)
    solvers: dict[str, tuple[Penalty, Solver]] = {
        "Jacobian, hutchinson": (Jacobian(), Hutchinson(measured=False)),
        "Jacobian, lanczos 2": (Jacobian(), Lanczos(2)),
        "Jacobian, exact": (Jacobian(), Exact()),
        "Hessian, hutchinson": (Hessian(), Hutchinson(measured=False)),
        "Hessian, lanczos 2": (Hessian(), Lanczos(2)),
        "Hessian, lanczos 8": (Hessian(), Lanczos(8)),
    }
    for name, (penalty, solver) in solvers.items():
        cases[f"{name}, nested"] = partial(penalised, penalty, solver, False)
        cases[f"{name}, Taylor"] = partial(penalised, penalty, solver, True)
    return cases


def measure(
    model: nn.Module, cases: dict[str, Step], rounds: int
) -> tuple[dict[str, list[float]], dict[str, int]]:
    """Seconds of each step in each round, after one that is not counted, and on a GPU its peak memory.

    Args:
        model: whose gradients are made.
        cases: the steps.
        rounds: how many.

    Returns:
        Seconds, and bytes above what lay there before.
    """
    cuda = next(model.parameters()).is_cuda
    times: dict[str, list[float]] = {name: [] for name in cases}
    peaks: dict[str, int] = {}
    for number in range(rounds + 1):
        for name, step in cases.items():
            model.zero_grad(set_to_none=True)
            if cuda:
                torch.cuda.synchronize()
                torch.cuda.reset_peak_memory_stats()
                before = torch.cuda.memory_allocated()
            start = time.perf_counter()
            step().backward()  # type: ignore[no-untyped-call]
            if cuda:
                torch.cuda.synchronize()
                peaks[name] = torch.cuda.max_memory_allocated() - before
            if number:
                times[name].append(time.perf_counter() - start)
    return times, peaks


def main() -> None:
    """Read the arguments, measure, print a table."""
    parser = argparse.ArgumentParser(description="Training steps by nested reverse mode and by Taylor mode.")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--width", type=int, default=32, help="of ResNet-18's first stage; the paper's is 64")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--only", default="", help="cases whose name contains this, and the plain step")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    data = {"shape": (3, 32, 32), "outputs": 10, "mean": [0.49, 0.48, 0.45], "std": [0.25, 0.24, 0.26]}
    model = resnet18(width=arguments.width, **data).to(arguments.device)
    inputs = torch.rand(arguments.batch, 3, 32, 32).to(arguments.device)
    batch = Batch(inputs, torch.randint(0, 10, (arguments.batch,)).to(arguments.device))
    cases = {n: s for n, s in steps(model, batch).items() if n == "plain" or arguments.only in n}
    times, peaks = measure(model, cases, arguments.rounds)
    print(f"{'step':32} {'ms':>8} {'/plain':>7} {'quartiles':>13} {'/nested':>8} {'peak MiB':>9}")
    for name, seconds in times.items():
        ratios = [s / p for s, p in zip(seconds, times["plain"], strict=True)]
        low, middle, high = statistics.quantiles(ratios, n=4)
        twin = times.get(name.replace("Taylor", "nested"), seconds)
        against = statistics.median(s / t for s, t in zip(seconds, twin, strict=True))
        peak = f"{peaks[name] / 2**20:9.0f}" if name in peaks else ""
        ms = 1000 * statistics.median(seconds)
        print(f"{name:32} {ms:8.0f} {middle:7.2f} {low:6.2f}-{high:6.2f} {against:8.2f} {peak}")


if __name__ == "__main__":
    main()

"""Two ways to do the same, in turns, on a whole training step or on the small problem itself."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from gpu import steps
from gpu.costs import compared, in_turns, take
from gpu.part import Part, Row, run
from gpu.steps import Case
from jhrun.linalg import Tracked

Step = Callable[[], object]


def squared(matrix: Tensor, times: int = 20) -> Tensor:
    """The top eigenvector of positive semidefinite matrices by repeated squaring, without a look by the host.

    M ← M²/‖M²‖ leaves the rank-one matrix vvᵀ, whose longest column is v: (λ₂/λ₁) is raised to 2^times.

    Args:
        matrix: (B, n, n).
        times: squarings.

    Returns:
        (B, n), of length 1.
    """
    for _ in range(times):
        matrix = matrix @ matrix
        matrix = matrix / matrix.square().sum((1, 2), keepdim=True).sqrt()
    longest = matrix.square().sum(1).argmax(1)
    v = matrix.gather(2, longest[:, None, None].expand(-1, matrix.shape[1], 1))[:, :, 0]
    return v / v.square().sum(1, keepdim=True).sqrt()


def eigenproblems(batch: int, side: int, device: torch.device) -> dict[str, Step]:
    """The small symmetric eigenproblems of ``exact`` and ``lanczos``, three ways."""
    random = torch.randn(batch, side, 2 * side, generator=torch.Generator().manual_seed(0)).to(device)
    gram = random @ random.mT

    def host() -> Tensor:
        return torch.linalg.eigh(gram.cpu())[1].to(device)

    return {"device": lambda: torch.linalg.eigh(gram)[1], "host": host, "squaring": lambda: squared(gram)}


def optimizer(**options: bool) -> Callable[..., torch.optim.Optimizer]:
    """Adam in a variant."""
    return partial(torch.optim.Adam, **options)


def with_benchmark(step: Step, wanted: bool) -> Step:
    """The step under ``cudnn.benchmark`` or without it."""

    def call() -> None:
        before = torch.backends.cudnn.benchmark
        torch.backends.cudnn.benchmark = wanted
        try:
            step()
        finally:
            torch.backends.cudnn.benchmark = before

    return call


def pairs(part: Part) -> dict[str, tuple[Step, Step]]:
    """Name of each pair, as ``what: a against b``, with its two steps."""
    given, device = part.order.arguments, part.device
    data = steps.images(given["shape"], given["batch"], device)
    first = next(data.epoch(0, given["batch"], seed=0))

    def step(row: str = "hessian tracked", made: Callable[..., torch.optim.Optimizer] = torch.optim.Adam) -> Step:
        case = Case(row, "tf32", "channels_last")
        case.apply()
        return take(steps.trainer(case, data, given["width"], given["batch"], made), first)

    def tracked(limit: float) -> Step:
        case = Case("hessian tracked", "tf32", "channels_last")
        return take(steps.trainer(case, data, given["width"], given["batch"], solver=Tracked(limit=limit)), first)

    small = {side: eigenproblems(given["batch"], side, device) for side in (2, 10, 16)}
    foreach, plain = optimizer(foreach=True), step("plain")
    found = {
        "Adam: fused against foreach": (step(made=optimizer(fused=True)), step(made=foreach)),
        "Adam: one by one against foreach": (step(made=optimizer(foreach=False)), step(made=foreach)),
        "kept directions: pinned host memory against the device": (tracked(1), tracked(1e12)),
    }
    for name, made in (("plain", plain), ("Hessian tracked", step())):
        found[f"cudnn.benchmark, {name}: on against off"] = with_benchmark(made, True), with_benchmark(made, False)
    for side, ways in small.items():
        for other in ("host", "squaring"):
            found[f"eigenproblems of {side}×{side}: {other} against the device"] = (ways[other], ways["device"])
    return found


def work(part: Part) -> str:
    """Each pair, until the time is up."""
    for name, (a, b) in pairs(part).items():
        if part.known(pair=name):
            continue
        if part.left <= 0:
            return "part"

        def measure(a: Step = a, b: Step = b) -> Row:
            return compared(*in_turns([a, b], part.order.arguments["rounds"], part.device))

        part.measured({"pair": name}, measure)
    return "done"


if __name__ == "__main__":
    run(work)

"""Products with H and J, four ways: python benchmarks/searches.py --help.

With PyTorch's convolutions and with lean ones, in float32 and in bfloat16, and the rows of J one by one and in one
batched call. Times are processor seconds, medians in turns, over a plain step's; each graph is made anew.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from contextlib import nullcontext
from copy import deepcopy
from functools import partial

import torch
from torch import Tensor, nn

from jhrun.autodiff import HessianOperator, JacobianOperator, LeanConvolutions
from jhrun.linalg import DenseOperator, Exact
from jhrun.models import resnet18
from jhrun.objectives import CrossEntropy

PRODUCTS = 4


def graph(model: nn.Module, x: Tensor, lean: bool) -> tuple[Tensor, Tensor]:
    """Inputs and outputs of a forward pass."""
    inputs = x.to(next(model.parameters()).dtype).requires_grad_()
    with LeanConvolutions() if lean else nullcontext():
        return inputs, model(inputs)


def products(model: nn.Module, x: Tensor, y: Tensor, lean: bool, matrix: str) -> Tensor:
    """The last of four products H v or J v."""
    inputs, outputs = graph(model, x, lean)
    operator = (
        HessianOperator(CrossEntropy()(outputs.float(), y), inputs)
        if matrix == "H"
        else JacobianOperator(outputs, inputs)
    )
    v = torch.ones(operator.shape[0], operator.shape[2], dtype=inputs.dtype)
    with torch.no_grad():
        return [operator.mv(v) for _ in range(PRODUCTS)][-1]


def rows(model: nn.Module, x: Tensor, batched: bool) -> Tensor:
    """All rows of J."""
    # a batched call is vmap's business, which lean convolutions leave to PyTorch
    inputs, outputs = graph(model, x, not batched)
    if not batched:
        with torch.no_grad():
            return JacobianOperator(outputs, inputs).dense()
    units = torch.eye(outputs.shape[1], dtype=outputs.dtype)[:, None].expand(-1, *outputs.shape)
    return torch.autograd.grad(outputs, inputs, units, is_grads_batched=True)[0]


def main() -> None:
    """Read the arguments, measure, print a table."""
    parser = argparse.ArgumentParser(description="Products with H and J over a plain training step.")
    parser.add_argument("--width", type=int, default=32, help="of ResNet-18's first stage; the paper's is 64")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = resnet18(width=arguments.width, shape=(3, 32, 32), outputs=10, mean=[0.5] * 3, std=[0.3] * 3)
    half = deepcopy(model).bfloat16()
    x, y = torch.rand(arguments.batch, 3, 32, 32), torch.randint(10, (arguments.batch,))
    cases: dict[str, Callable[[], object]] = {
        "plain step": lambda: CrossEntropy()(model(x), y).mean().backward(),
        "rows of J, one by one": partial(rows, model, x, False),
        "rows of J, one batched call": partial(rows, model, x, True),
        "rows of J, one by one, bfloat16": partial(rows, half, x, False),
    }
    for matrix in "HJ":
        name = f"{PRODUCTS} products {matrix} v"
        cases[f"{name}, PyTorch's convolutions"] = partial(products, model, x, y, False, matrix)
        cases[f"{name}, lean"] = partial(products, model, x, y, True, matrix)
        cases[f"{name}, lean, bfloat16"] = partial(products, half, x, y, True, matrix)
    times: dict[str, list[float]] = {name: [] for name in cases}
    for number in range(arguments.rounds + 1):
        for name, case in cases.items():
            begun = time.process_time()
            case()
            if number:
                times[name].append(time.process_time() - begun)
    plain = statistics.median(times["plain step"])
    for name, seconds in times.items():
        print(f"{name:44} {statistics.median(seconds) / plain:6.2f}")
    exact, rough = (DenseOperator(rows(m, x, False).float()) for m in (model, half))
    reached = exact.rmv(Exact()(rough).vector).norm(dim=1) / torch.linalg.matrix_norm(exact.matrix, ord=2)
    print(f"truth of J's top direction found in bfloat16: {reached.mean():.4f}")


if __name__ == "__main__":
    main()

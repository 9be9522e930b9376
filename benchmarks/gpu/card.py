"""The card and its ceilings: how fast it copies, and how fast it multiplies matrices."""

import importlib.util
import platform
import shutil
import statistics
import subprocess
import time
from collections.abc import Callable
from functools import partial

import torch
import torchvision

from gpu.part import Part, run

NEEDED = ["yaml", "numpy", "PIL", "safetensors", "matplotlib", "scipy", "sklearn", "jinja2", "tqdm", "pytest"]
"""Packages without which the parts fail: ``--pack`` brings the pure Python ones alone."""
PRECISIONS = {"float32": (torch.float32, False), "TF32": (torch.float32, True), "bf16": (torch.bfloat16, False)}


def machine(device: torch.device) -> dict[str, object]:
    """Names and versions."""
    cuda = device.type == "cuda"
    return {
        "card": torch.cuda.get_device_name(device) if cuda else f"CPU, {platform.machine()}",
        "memory": torch.cuda.get_device_properties(device).total_memory if cuda else None,
        "driver": _driver(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "torchvision": torchvision.__version__,
        "cuda": torch.version.cuda if cuda else None,
        "cudnn": torch.backends.cudnn.version() if cuda else None,
        "missing": [name for name in NEEDED if importlib.util.find_spec(name) is None],
    }


def _driver() -> str | None:
    if shutil.which("nvidia-smi") is None:
        return None
    query = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    return subprocess.run(query, capture_output=True, text=True, check=False).stdout.strip() or None


def seconds(step: Callable[[], object], device: torch.device, calls: int = 10) -> float:
    """Median seconds of a call, each waited for, after three that are not counted."""
    times = []
    for number in range(calls + 3):
        begun = time.perf_counter()
        step()
        if device.type == "cuda":
            torch.cuda.synchronize()
        if number >= 3:
            times.append(time.perf_counter() - begun)
    return statistics.median(times)


def work(part: Part) -> str:
    """The machine, a copy's bandwidth, and each precision's rate."""
    device, side, numbers = part.device, part.order.arguments["side"], part.order.arguments["numbers"]
    part.row(what="machine", **machine(device))
    source = torch.zeros(numbers, device=device)
    target = torch.empty_like(source)
    taken = seconds(partial(target.copy_, source), device)
    # bytes read and written
    part.row(what="copy", bytes=2 * source.nbytes, seconds=taken, rate=2 * source.nbytes / taken)
    del source, target
    for name, (dtype, tf32) in PRECISIONS.items():
        torch.backends.cuda.matmul.allow_tf32 = tf32
        a, b = (torch.randn(side, side, device=device, dtype=dtype) for _ in range(2))
        taken = seconds(partial(torch.matmul, a, b), device)
        part.row(what=f"matrix product, {name}", side=side, seconds=taken, rate=2 * side**3 / taken)
    return "done"


if __name__ == "__main__":
    run(work)

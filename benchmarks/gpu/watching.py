"""What a step does besides taking time: memory, waits of the host for the device, and the share of each phase."""

import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from torch.autograd import DeviceType

from jhrun.benchmark.memory import peak_bytes
from jhrun.training import Trainer
from jhrun.training import trainer as trainer_module

ROOT = Path(__file__).parents[2]
Step = Callable[[], object]


def peak(step: Step, device: torch.device) -> int:
    """Bytes that a step holds at most, beside what lay there before it: PyTorch's allocator's, or counted."""
    if device.type != "cuda":
        return peak_bytes(step)
    step()
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    step()
    torch.cuda.synchronize()
    return int(torch.cuda.max_memory_allocated() - before)


def waits(step: Step, device: torch.device) -> dict[str, int]:
    """How often the host waits for the device in a step, by the line that waits.

    Args:
        step: made once, after one that warms up.
        device: on the CPU there is nobody to wait for.

    Returns:
        Counts by ``file:line``; of PyTorch's own lines where no line of ours is the nearest.
    """
    step()
    with warnings.catch_warnings(record=True) as seen, _told_of_waits(device):
        warnings.simplefilter("always")
        step()
    found = [w for w in seen if "synchroniz" in str(w.message)]
    return dict(Counter(f"{_short(w.filename)}:{w.lineno}" for w in found))


@contextmanager
def _told_of_waits(device: torch.device) -> Iterator[None]:
    if device.type != "cuda":
        yield
        return
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("warn")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode("default")


def _short(name: str) -> str:
    path = Path(name)
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else "/".join(path.parts[-2:])


def phases(trainer: Trainer, step: Step, device: torch.device) -> dict[str, dict[str, float]]:
    """The share of each phase in a step's time, and how much of it the device computes.

    Host and device meet at the borders of phases here, so that the profiler's kernels fall into the phase that
    launched them. The step is a little slower than without.

    Args:
        trainer: whose step it is.
        step: made once, after one that warms up.
        device: where.

    Returns:
        By phase: ``share`` of the step's time; ``busy``, the share of the phase in which a kernel ran (None on the
        CPU). ``rest`` is what no other phase holds: the penalty's own differentiation, above all.
    """
    step()
    spans: dict[str, list[tuple[float, float]]] = {}

    def timed(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            begun = _now(device)
            try:
                with torch.profiler.record_function(f"phase {name}"):
                    made = function(*args, **kwargs)
                    _now(device)
                    return made
            finally:
                spans.setdefault(name, []).append((begun, _now(device)))

        return call

    kinds = [torch.profiler.ProfilerActivity.CPU]
    if device.type == "cuda":
        kinds.append(torch.profiler.ProfilerActivity.CUDA)
    with ExitStack() as stack:
        wrap = [(trainer.model, "forward", "forward"), (torch.Tensor, "backward", "backward")]
        wrap += [(trainer_module, "finite_step", "update")]
        penalties = [p for one in trainer.terms for p in getattr(one.term, "penalties", ())]
        wrap += [(penalty, "direction", "search") for penalty in penalties]
        for owner, attribute, name in wrap:
            stack.enter_context(patch.object(owner, attribute, timed(name, getattr(owner, attribute))))
        with torch.profiler.profile(activities=kinds) as profile:
            timed("step", step)()
    whole = sum(end - begun for begun, end in spans.pop("step"))
    shares = {name: sum(end - begun for begun, end in its) / whole for name, its in spans.items()}
    shares["rest"] = max(0.0, 1 - sum(shares.values()))
    busy = _busy(profile) if device.type == "cuda" else {}
    return {name: {"share": share, "busy": busy.get(name)} for name, share in shares.items()}


def _busy(profile: torch.profiler.profile) -> dict[str, float]:
    """Of each phase, the share in which a kernel ran."""
    events = profile.events() or []
    ranges = [e for e in events if e.name.startswith("phase ") and e.device_type == DeviceType.CPU]
    kernels = [
        e.time_range for e in events if e.device_type == DeviceType.CUDA and not e.name.startswith("phase ")
    ]
    inside: Counter[str] = Counter()
    lengths: Counter[str] = Counter()
    for event in ranges:
        name, span = event.name.removeprefix("phase "), event.time_range
        lengths[name] += span.end - span.start
        inside[name] += sum(k.end - k.start for k in kernels if span.start <= k.start < span.end)
    for count in (inside, lengths):
        count["rest"] = count.pop("step", 0) - sum(count.values())
    return {name: inside[name] / length for name, length in lengths.items() if length > 0}


def _now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()

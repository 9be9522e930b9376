"""On what machine, with which versions: what is written down of it, and whether a run goes on as it began."""

import os
import platform
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

import jhrun
from jhrun.config.plugins import code_reader


def environment(device: torch.device, command: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """On what machine and with which versions: ``environment.json``.

    Args:
        device: where the work is done.
        command: as typed.
        values: the configuration, with ``threads`` and ``plugins``.

    Returns:
        The record.
    """
    return {
        "command": command,
        "jhrun": jhrun.__version__,
        "commit": _commit(),
        "code": code_reader()(values),
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "torchattacks": version("torchattacks"),
        "cuda": torch.version.cuda if device.type == "cuda" else None,
        "device": device_text(device),
        "platform": f"{platform.system()} {platform.machine()}",
        "threads": values["threads"] or torch.get_num_threads(),
    }


def device_text(device: torch.device) -> str:
    """A device in words."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    name = platform.processor() or "CPU"
    with suppress(OSError, StopIteration):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        name = next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return f"{name}, {os.cpu_count()} cores"


def now() -> str:
    """The time, ISO 8601 with its zone."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _commit() -> str | None:
    """Of the source, where it is a git checkout."""
    source = Path(__file__).parents[2]
    if not (source / ".git").exists():
        return None
    command = ["git", "-C", str(source), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None


def changes(before: Mapping[str, Any], here: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """What differs between the environment of a run so far and the one at hand.

    Args:
        before: ``environment.json``, with what was added when the run went on.
        here: of this process.

    Returns:
        What keeps a run from going on; and what is allowed all the same, another device after a CPU.
    """
    last = {**before, **(before.get("resumed") or [{}])[-1]}
    names = {"code": "code of jhrun and plugins", "torch": "PyTorch"}
    different = [f"{n}: {last[key]} → {here[key]}" for key, n in names.items() if last[key] != here[key]]
    moved = [f"device: {last['device']} → {here['device']}"] if last["device"] != here["device"] else []
    return ([*different, *moved], []) if last["cuda"] else (different, moved)


def resumed(before: Mapping[str, Any], here: Mapping[str, Any], **what: Any) -> dict[str, Any]:
    """``environment.json`` of a run that goes on.

    Args:
        before: as it is.
        here: of this process.
        **what: more that is to be noted.

    Returns:
        The same with one more entry in ``resumed``.
    """
    again = {key: here[key] for key in ("command", "code", "torch", "cuda", "device")} | what | {"date": now()}
    return {**before, "resumed": [*before.get("resumed", []), again]}

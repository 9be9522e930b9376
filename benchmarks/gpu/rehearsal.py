"""The rehearsal: every kind of part on the CPU with small sizes, one killed, one stopped and gone on with."""

import math
import signal
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from gpu import cifar, state
from gpu.call import Call
from gpu.jobs import Job

Rows = list[dict[str, Any]]
FILES = ["tests/training/test_memory.py", "tests/sweeps/test_devices.py"]
"""With tests marked ``cuda``, which are left out here."""


def pictures(folder: Path, shape: tuple[int, int, int] = (8, 8, 3)) -> Path:
    """Two classes of noise as a folder of images, packed as CIFAR-10 is; gives the folder of the archive."""
    random = np.random.default_rng(0)
    for part, n in (("train", 12), ("test", 4)):
        for name in ("cat", "dog"):
            place = folder / "images" / part / name
            place.mkdir(parents=True)
            for i in range(n):
                Image.fromarray(random.integers(0, 256, shape, dtype=np.uint8)).save(place / f"{i:02}.png")
    (folder / "data").mkdir()
    cifar.pack(folder / "images", folder / "data" / cifar.ARCHIVE, test=3)
    with tarfile.open(folder / "data" / cifar.ARCHIVE) as archive:
        assert len(archive.getnames()) == 2 * (12 + 3)
    return folder


def rehearse(call: Call, jobs: list[Job]) -> list[str]:
    """Run everything small.

    Args:
        call: of a rehearsal, with data of ``pictures``.
        jobs: of the queue; each module has one with ``rehearse``.

    Returns:
        What is wrong, in lines; none if all is right.
    """
    wrong: list[str] = []

    def expect(condition: bool, what: str) -> None:
        if not condition:
            wrong.append(what)

    small = {job.name: job for job in jobs if job.rehearse is not None}
    expect(
        {job.module for job in jobs} == {job.module for job in small.values()}, "a module has no job to rehearse"
    )
    call.part("card", "card", 60, {"side": 64, "numbers": 1 << 16})
    call.part("tests", "suite", 60, {"files": FILES})
    killed = call.job(small["costs"], signal_at=(1, signal.SIGKILL))
    expect(killed["state"] == "killed" and len(killed["rows"]) >= 1, f"a killed part: {told(killed)}")
    others = {name: part for name, part in call.parts.items() if name != "costs"}
    expect(all(part["state"] == "done" for part in others.values()), "a part beside a killed one is not done")
    again = call.job(small["costs"], known=killed["rows"])
    expect(again["rows"][: len(killed["rows"])] == killed["rows"], "rows of a killed part were measured again")
    for job in small.values():
        if job.name != "costs":
            stop = (2, signal.SIGTERM) if job.keeps_state else None
            result = call.job(job, signal_at=stop)
            if job.keeps_state:
                gone_on(call, job, result, expect)
    for name, check in CHECKS.items():
        for part in (part for part in call.parts.values() if module(part["name"], jobs) == name):
            expect(part["state"] == "done", f"{part['name']} is not done: {told(part)}")
            wrong.extend(f"{part['name']}: {what}" for what in check(part["rows"]))
    files = list(call.out.iterdir())
    expect(len(files) <= call.files, f"{len(files)} files in {call.out}")
    expect(all(file.stat().st_size <= call.file_limit for file in files), f"a file in {call.out} is too large")
    return wrong


def gone_on(call: Call, job: Job, first: Mapping[str, Any], expect: Callable[[bool, str], None]) -> None:
    """A part that was stopped leaves its state; the next call goes on from it."""
    expect(first["state"] == "part", f"a stopped part: {told(first)}")
    kept = state.read(job.name, call.out)
    expect(kept is not None and kept.info["steps_done"] > 0, f"{job.name} left no state")
    second = call.job(job, state=call.out, known=first["rows"])
    numbers = [row["epoch"] for row in second["rows"] if row["what"] == "epoch"]
    expect(numbers == list(range(1, 1 + len(numbers))), f"{job.name} went on with epochs {numbers}")


def told(part: Mapping[str, Any]) -> str:
    """A part in words."""
    return f"{part['state']}, {len(part['rows'])} rows, {part.get('error', '')}"


def module(name: str, jobs: list[Job]) -> str:
    """Whose part it is."""
    known = {"card": "card", "tests": "suite", **{job.name: job.module for job in jobs}}
    return known[name]


def of_card(rows: Rows) -> list[str]:
    """Ceilings are there, and above 0."""
    rates = [row["rate"] for row in rows if "rate" in row]
    return [] if len(rates) == 4 and min(rates) > 0 else [f"rates {rates}"]


def of_suite(rows: Rows) -> list[str]:
    """Each test has a row."""
    single = [row for row in rows if row["test"] != "all"]
    return [] if len(single) >= 2 and all(row["outcome"] == "skipped" for row in single) else [f"tests {rows}"]


def of_costs(rows: Rows) -> list[str]:
    """Each figure of each row."""
    wrong = [f"{row['row']}: {row['error']}" for row in rows if "error" in row]
    good = [row for row in rows if "error" not in row and row["what"] == "step"]
    for row in good:
        finite = [row["seconds"], row["ratio"], *row["quartiles"], row["peak"], row["base_peak"]]
        if not all(math.isfinite(value) and value > 0 for value in finite):
            wrong.append(f"{row['row']}: {finite}")
        if "taylor" in row["row"]:
            continue
        if abs(sum(phase["share"] for phase in row["phases"].values()) - 1) > 0.01:
            wrong.append(f"{row['row']}: phases {row['phases']}")
        wanted = {"forward", "backward", "update", "rest"}
        if row["row"] != "plain" and "paper" not in row["row"]:
            wanted.add("search")
        if row["phases"].keys() != wanted:
            wrong.append(f"{row['row']}: phases {list(row['phases'])}")
        if row["row"] != "plain" and not 0 < row["truth"] <= 1.001:
            wrong.append(f"{row['row']}: truth {row['truth']}")
    exact = [row["truth"] for row in good if row["row"] == "jacobian exact"]
    return wrong if all(value > 0.999 for value in exact) else [*wrong, f"exact: truth {exact}"]


def of_training(rows: Rows) -> list[str]:
    """Epochs and an attack."""
    attacks = [row for row in rows if row["what"] == "attack"]
    if len(attacks) != 1 or not attacks[0]["worst_case"]["accuracy"] <= attacks[0]["clean"]["accuracy"]:
        return [f"attacks {attacks}"]
    return [] if any(row["what"] == "epoch" for row in rows) else ["no epoch"]


def of_variants(rows: Rows) -> list[str]:
    """Each pair has a ratio."""
    wrong = [f"{row['pair']}: {row.get('error', row.get('ratio'))}" for row in rows if not row.get("ratio", 0) > 0]
    return wrong if len(rows) > 5 else [*wrong, f"{len(rows)} pairs"]


CHECKS: dict[str, Callable[[Rows], list[str]]] = {
    "card": of_card,
    "suite": of_suite,
    "costs": of_costs,
    "training": of_training,
    "variants": of_variants,
}

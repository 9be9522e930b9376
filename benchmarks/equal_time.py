"""Robustness at equal training time: python benchmarks/equal_time.py --help.

Every run trains the same network on 10,000 MNIST images for the same number of seconds of its own processor time,
on one thread, so that a busy machine takes little from it; the learning rate falls to 0 over that time, so that
every method ends annealed. A method that spends more on a step makes fewer of them. The methods take turns within
each weight and each seed. How many steps fit is a matter of the machine: the figures repeat in kind, not bit for
bit.

A finished run is a line of the ``--out`` file at once; a run that is there already is not made again.
"""

import argparse
import json
import multiprocessing
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from equal_run import METHODS, Job, prepare, run
from equal_table import picture, report


def programme(count: int, weights: Mapping[str, list[float]], seconds: float, test: int) -> list[Job]:
    """All runs, methods innermost, so that a slow spell of the machine meets all of them."""
    jobs = []
    for seed in range(count):
        jobs.append(Job(seed, None, "normal", 0.0, seconds, test))
        for place in range(max(map(len, weights.values()))):
            jobs += [
                Job(seed, matrix, name, weights[matrix][place], seconds, test)
                for matrix in weights
                if place < len(weights[matrix])
                for name, method in METHODS.items()
                if matrix in method.penalties
            ]
    return jobs


def known(path: Path) -> dict[Job, dict[str, Any]]:
    """The runs in a file."""
    lines = path.read_text().splitlines() if path.exists() else []
    records = [json.loads(line) for line in lines]
    return {Job(**{name: record[name] for name in Job.__dataclass_fields__}): record for record in records}


def work(jobs: list[Job], arguments: argparse.Namespace) -> None:
    """Make the runs that the file lacks, and append each when it is done."""
    there = known(arguments.out)
    missing = [job for job in jobs if job not in there]
    print(f"{len(missing)} of {len(jobs)} runs to make", file=sys.stderr)
    if not missing:
        return
    context = multiprocessing.get_context("spawn")
    with context.Pool(arguments.jobs, prepare) as pool, arguments.out.open("a") as out:
        for done, record in enumerate(pool.imap_unordered(partial(run, root=arguments.root), missing), 1):
            print(json.dumps(record), file=out, flush=True)
            named = f"seed {record['seed']}, {record['matrix']}, {record['method']}, w = {record['weight']:g}"
            print(f"{done}/{len(missing)}: {named}: {record['test_part']}", file=sys.stderr)


def main() -> None:
    """Read the arguments, make what is missing, print the table."""
    parser = argparse.ArgumentParser(description="Clean and robust accuracy of every method at equal time.")
    parser.add_argument("--root", default="data", help="folder that holds MNIST/raw")
    parser.add_argument("--seconds", type=float, default=30, help="of processor time that each run trains for")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--jacobian", type=float, nargs="+", default=[0.2, 0.5, 0.8], help="values of w")
    parser.add_argument("--hessian", type=float, nargs="+", default=[0.5, 0.8, 0.95], help="values of w")
    parser.add_argument("--test", type=int, default=1250, help="test images, of 10,000")
    parser.add_argument("--jobs", type=int, default=2, help="runs at a time, each on one thread")
    parser.add_argument("--out", type=Path, default=Path("equal_time.jsonl"), help="a line for each finished run")
    parser.add_argument("--table", action="store_true", help="make no run: print what the file has")
    parser.add_argument("--figure", type=Path, help="draw the trade-off here: .svg or .png")
    arguments = parser.parse_args()
    weights = {"jacobian": arguments.jacobian, "hessian": arguments.hessian}
    jobs = programme(arguments.seeds, weights, arguments.seconds, arguments.test)
    if not arguments.table:
        work(jobs, arguments)
    there = known(arguments.out)
    records = [there[job] for job in jobs if job in there]
    print(report(records))
    if arguments.figure:
        arguments.figure.write_bytes(picture(records, arguments.figure.suffix[1:]))


if __name__ == "__main__":
    main()

"""What a training step costs under one commit against another: processor time, in alternation, with its interval.

    python benchmarks/step_cost.py BEFORE AFTER [--rounds 21] [--steps 8]

Each commit is checked out into a folder of its own and has a process of its own, which makes a few steps when
asked. The table has the median ratio of processor times AFTER/BEFORE, and the 95 % interval of the mean of its
logarithm.
"""

import argparse
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from scipy import stats

KINDS = {
    "plain": ["regularizer=none"],
    **{
        f"jacobian {s}": ["regularizer=jacobian", f"solver={s}"]
        for s in ("exact", "lanczos", "tracked", "hutchinson")
    },
    **{f"hessian {s}": ["regularizer=hessian", f"solver={s}"] for s in ("lanczos", "tracked", "hutchinson")},
    "hessian tracked, a quarter": ["regularizer=hessian", "solver=tracked", "regularizer.fraction=0.25"],
    "jacobian tracked, micro-batches": ["regularizer=jacobian", "solver=tracked", "train.micro_batch=16"],
    "combined tracked": ["regularizer=combined", "solver=tracked"],
}
ALWAYS = ["device=cpu", "threads=1", "dataset=digits", "train.batch_size=64", "train.epochs=1000"]


def work() -> None:
    """Make steps of the kinds that are asked for, and say how much processor time they took."""
    import torch  # noqa: PLC0415 - the commit's own, after its folder leads the path

    from jhrun.commands.prepare import prepared  # noqa: PLC0415
    from jhrun.config import stored  # noqa: PLC0415
    from jhrun.config.compose import complete  # noqa: PLC0415

    made: dict[str, tuple[Any, list[Any]]] = {}
    for line in sys.stdin:
        kind, steps = line.rsplit(" ", 1)
        if kind not in made:
            values = stored.plain(complete("train", [*ALWAYS, *KINDS[kind]])[0])
            trainer = prepared(values, torch.device("cpu"), [])
            trainer.model.train()
            made[kind] = trainer, list(trainer.dataset.epoch(0, 64, seed=0))[:4]
        trainer, batches = made[kind]
        begun = time.process_time()
        for number in range(int(steps)):
            trainer.take_step(batches[number % len(batches)])
        print(time.process_time() - begun, flush=True)


@contextmanager
def worker(commit: str) -> Iterator[Any]:
    """A process with a commit's code."""
    root = Path(__file__).parents[1]
    git = ["git", "-C", str(root), "worktree"]
    with tempfile.TemporaryDirectory() as place:
        tree = Path(place) / "tree"
        subprocess.run([*git, "add", "--quiet", "--detach", str(tree), commit], check=True)
        environment = {**os.environ, "PYTHONPATH": str(tree), "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-W", "ignore", str(Path(__file__).resolve()), "--work"]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "bufsize": 1}
        try:
            with subprocess.Popen(command, cwd=tree, env=environment, **pipes) as process:

                def ask(kind: str, steps: int) -> float:
                    process.stdin.write(f"{kind} {steps}\n")
                    return float(process.stdout.readline())

                yield ask
                process.stdin.close()
        finally:
            subprocess.run([*git, "remove", "--force", str(tree)], check=True)


def main() -> None:
    """Measure, and print a row for each kind of step."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("commits", nargs="*", metavar="COMMIT", help="the one before, and the one after")
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--kinds", nargs="*", default=[], metavar="WORD", help="those whose names hold a word")
    parser.add_argument("--work", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.work:
        work()
        return
    if len(chosen.commits) != 2:
        parser.error("name two commits")
    print(f"{'step':34} {'ms before':>9} {'ratio':>6} {'95 %':>14}")
    with worker(chosen.commits[0]) as before, worker(chosen.commits[1]) as after:
        for kind in [k for k in KINDS if not chosen.kinds or any(word in k for word in chosen.kinds)]:
            before(kind, chosen.steps)
            after(kind, chosen.steps)
            logs, times = [], []
            for number in range(chosen.rounds):
                # whoever goes first changes from round to round
                pair = [before, after] if number % 2 else [after, before]
                took = {ask: ask(kind, chosen.steps) for ask in pair}
                logs.append(math.log(took[after] / took[before]))
                times.append(1000 * took[before] / chosen.steps)
            half = stats.t.ppf(0.975, len(logs) - 1) * statistics.stdev(logs) / math.sqrt(len(logs))
            middle = statistics.mean(logs)
            low, high = math.exp(middle - half), math.exp(middle + half)
            ratio = math.exp(statistics.median(logs))
            print(f"{kind:34} {statistics.median(times):9.2f} {ratio:6.3f}  {low:5.3f} – {high:5.3f}", flush=True)


if __name__ == "__main__":
    main()

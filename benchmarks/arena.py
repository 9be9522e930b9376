"""All methods on one budget, by one protocol (docs/protocol.md): python benchmarks/arena.py --help.

    python benchmarks/arena.py --root DATA --out RESULTS          # make the missing runs, write the page
    python benchmarks/arena.py --out RESULTS --page               # make none: the page of what is there
    python benchmarks/arena.py --root DATA --measure              # once on an idle machine: what passes cost

A finished run is a line of RESULTS/runs.jsonl at once, and is not made again: the same command goes on where it
was interrupted, and loses the run that was under way. The budget is counted in passes, never in seconds, so that
other work on the machine changes no figure.
"""

import argparse
import shlex
import signal
import sys
import time
from pathlib import Path

# neither this folder nor jhrun itself need be installed
sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1])]

from arena import costs, data, page, runs, training, tuning  # noqa: E402
from arena.methods import Method, Setting, methods  # noqa: E402
from arena.records import Store, environment  # noqa: E402

from jhrun.training import Trainer  # noqa: E402


def arguments() -> argparse.Namespace:
    """What was typed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0], allow_abbrev=False)
    parser.add_argument("--root", default="data", help="folder that holds MNIST/raw (data)")
    parser.add_argument("--data", default="mnist-10k", choices=data.SOURCES, help="what is learned (mnist-10k)")
    parser.add_argument("--budget", type=float, default=tuning.BUDGET, help="B, in plain steps (2000)")
    parser.add_argument("--seeds", type=int, default=5, help="0 to N - 1 (5)", metavar="N")
    parser.add_argument("--methods", nargs="+", metavar="NAME", help="those alone; all without it")
    parser.add_argument("--out", type=Path, default=Path("arena"), help="folder of runs and page")
    parser.add_argument("--costs", type=Path, default=costs.FILE, help="table of the passes' costs")
    parser.add_argument("--page", action="store_true", help="make no run")
    parser.add_argument("--measure", action="store_true", help="write --costs as of this machine")
    return parser.parse_args()


def programme(given: argparse.Namespace) -> tuning.Programme:
    """The runs that the command line asks for."""
    source = data.SOURCES[given.data]
    known = methods(source.selected_at)
    if unknown := set(given.methods or ()) - known.keys():
        raise SystemExit(f"--methods: there is no {min(unknown)}: choose among {', '.join(map(repr, known))}")
    chosen = {name: method for name, method in known.items() if name in (given.methods or known)}
    return tuning.Programme(given.data, source, chosen, given.budget, range(given.seeds))


def work(wanted: tuning.Programme, store: Store, root: str, table: costs.Costs) -> None:
    """Make the missing runs, one after the other."""
    parts = data.cut(wanted.source, wanted.source.load(root))
    here = {"environment": environment()}
    for job in wanted.missing(store.records):
        begun = time.monotonic()
        what = f"{job.method}, strength {job.strength:.3g}, rate {job.rate:.3g}, seed {job.seed}, {job.part}"
        figures = runs.run(job, wanted.methods[job.method], wanted.source, parts, table)
        store.add(job, figures | here)
        told = " ".join(f"{name}: {100 * share:.1f}" for name, share in figures["accuracy"].items())
        seconds = f"{time.monotonic() - begun:.0f} s"
        print(f"{wanted.count(store.records)} left; {what}: {told}; {seconds}", file=sys.stderr, flush=True)


def measure(given: argparse.Namespace, wanted: tuning.Programme) -> None:
    """Measure and write the costs, and hold each method's counted step against the clock."""
    dataset = data.cut(wanted.source, wanted.source.load(given.root)).dataset

    def trainer(method: Method) -> Trainer:
        return training.trainer(method.terms(method.published.strength), dataset, Setting(0.0, 1e-3), 0)

    measured = costs.measure(trainer(wanted.methods["plain"]))
    costs.write(given.data, measured, given.costs)
    print(measured["costs"], f"{'step':24} counted  by the clock", sep="\n")
    trainers = {name: trainer(method) for name, method in wanted.methods.items()}
    for name, (counted, clock) in costs.compared(trainers, measured["costs"]).items():
        print(f"{name:24} {counted:7.2f}  {clock:7.2f}")


def main() -> None:
    """Read the arguments, make what is missing, write table and page."""
    given = arguments()
    # what the batch system sends: the run under way is lost, and no other
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    runs.prepare()
    wanted = programme(given)
    if given.measure:
        measure(given, wanted)
        return
    store = Store(given.out / "runs.jsonl")
    interrupted = False
    if not given.page:
        table = costs.read(given.data, given.costs)
        try:
            with store.alone():
                work(wanted, store, given.root, table)
        except KeyboardInterrupt:
            interrupted = True
    typed = [word for word in sys.argv[1:] if word != "--page"]
    command = shlex.join(["python", "benchmarks/arena.py", *typed])
    for path in page.write(given.out, wanted, store.records, command):
        print(path)
    if interrupted:
        left = f"{wanted.count(store.records)} runs are missing"
        print(f"interrupted: {left}; the same command goes on", file=sys.stderr)
        raise SystemExit(130)


if __name__ == "__main__":
    main()

"""One command for a GPU: the card, the tests that need one, and the most worthy measurements that are left.

Each part is a process with a time of its own. Its figures are in ``OUT/results.json`` and ``OUT/summary.md`` at
once. How to call this, and how to go on from its results: ``benchmarks/gpu/README.md``.
"""

import argparse
import os
import signal
import sys
import tempfile
from pathlib import Path

# neither this folder nor jhrun itself need be installed
sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1])]

from gpu import packing  # noqa: E402


def arguments() -> argparse.Namespace:
    """What was typed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0], allow_abbrev=False)
    what = parser.add_argument_group("to measure")
    what.add_argument("--minutes", type=positive, help="of the whole call")
    what.add_argument("--out", type=Path, help="new or empty folder for results.json, summary.md and state")
    what.add_argument("--data", type=Path, help="folder that --pack made; with --pack, where CIFAR-10 lies")
    what.add_argument("--files", type=int, default=8, help="how many files --out may hold (8); at least 3")
    what.add_argument("--file-limit", type=positive, default=16.0, metavar="MIB", help="of each of them (16)")
    what.add_argument("--rehearse", action="store_true", help="all of it in small, on the CPU")
    travel = parser.add_argument_group("to pack for a machine without a network")
    travel.add_argument("--pack", type=Path, metavar="DIR", help="new folder for packages, images and state")
    travel.add_argument("--limit", type=positive, metavar="MIB", help="of the folder")
    travel.add_argument("--state", type=Path, metavar="OUT", help="of an earlier call, to go on from")
    given = parser.parse_args()
    if given.pack and given.limit is None:
        parser.error("--pack needs --limit MIB")
    if not given.pack and (given.out is None or given.minutes is None):
        parser.error("--minutes M and --out DIR are needed, or --pack DIR --limit MIB")
    if not given.pack and given.state:
        parser.error("--state goes with --pack: a call takes the state that was packed")
    if given.files < 3:
        parser.error(f"--files {given.files}: at least 3: results.json, summary.md and one file of state")
    for name in ("data", "state"):
        path = getattr(given, name)
        if path and not path.exists():
            parser.error(f"--{name} {path}: there is no such folder")
    return given


def positive(text: str) -> float:
    """A number above 0."""
    value = float(text)
    if not 0 < value < float("inf"):
        raise ValueError
    return value


def pack(given: argparse.Namespace) -> int:
    """Write the folder that travels."""
    images = given.data
    if images and images.is_dir() and not (images / "train").is_dir():
        known = [p for p in (images / "cifar10", *sorted(images.glob("cifar10*.tar.*"))) if p.exists()]
        images = known[0] if known else images
    try:
        lines = packing.pack(given.pack, int(given.limit * 2**20), images, given.state)
    except FileExistsError:
        print(f"error: {given.pack} exists, choose a new folder or remove it", file=sys.stderr)
        return 2
    except (packing.TooLargeError, FileNotFoundError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print("\n".join(lines))
    return 0


def measure(given: argparse.Namespace) -> int:
    """Run a call, or a rehearsal."""
    out: Path = given.out
    if out.exists() and any(out.iterdir()):
        print(f"error: {out} is not empty, choose another --out", file=sys.stderr)
        return 2
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="gpu-call-") as folder:
        work = Path(folder)
        packages = packing.unpack(given.data / "wheels", work / "packages") if given.data else None
        if packages is not None:
            sys.path.insert(0, str(packages))
        # these need packages that may have come packed
        import torch  # noqa: PLC0415
        from gpu import jobs, rehearsal  # noqa: PLC0415
        from gpu.call import Call  # noqa: PLC0415

        if not given.rehearse and not torch.cuda.is_available():
            print(f"error: PyTorch {torch.__version__} sees no NVIDIA GPU, use --rehearse", file=sys.stderr)
            return 2
        data = rehearsal.pictures(work / "rehearsal") if given.rehearse else given.data
        data = data.absolute() if data else None
        limit = int(given.file_limit * 2**20)
        call = Call(out.absolute(), work, given.minutes, data, given.files, limit, given.rehearse, packages)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, call.end)
        queue = jobs.load()
        if given.rehearse:
            wrong = rehearsal.rehearse(call, queue)
            print("\n".join(f"wrong: {line}" for line in wrong) or "the rehearsal went well")
            return int(bool(wrong))
        return run(call, queue)


def run(call, queue) -> int:
    """Card, tests, then jobs until nothing fits any more."""
    from gpu.jobs import choose  # noqa: PLC0415

    told(call.part("card", "card", 40, {"side": 8192, "numbers": 1 << 28}))
    told(call.part("tests", "suite", 80, {}))
    tried: set[str] = set()
    images = call.data is not None and any((call.data / "data").glob("*.tar.xz"))
    while job := choose(queue, call.left, tried=tried, data=images, files=call.files_left):
        tried.add(job.name)
        told(call.job(job))
    return 0


def told(result) -> None:
    """One line for each part."""
    print(f"{result['name']}: {result['state']}, {len(result['rows'])} rows, {result['seconds']} s", flush=True)


def main() -> int:
    """Read what was typed, and do it."""
    given = arguments()
    os.environ.setdefault("PYTHONHASHSEED", "0")
    return pack(given) if given.pack else measure(given)


if __name__ == "__main__":
    sys.exit(main())

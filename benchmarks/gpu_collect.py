"""From a GPU call to the repository: results, the queue's states, and the tables of docs/measurements.md.

``python benchmarks/gpu_collect.py OUT`` after a call; without a folder, the tables are made anew from the results.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1])]

from gpu import jobs  # noqa: E402
from gpu.part import save  # noqa: E402
from gpu.summary import section  # noqa: E402

PAGE = "docs/measurements.md"
BEGIN, END = "<!-- benchmarks/gpu_collect.py writes from here -->", "<!-- to here -->"
OTHERS = ("card", "tests")
"""Parts of every call. The newest result of each is kept."""


def collect(out: Path, root: Path = jobs.ROOT) -> list[str]:
    """Take a call's results into the repository.

    Args:
        out: of the call.
        root: of the repository.

    Returns:
        What was taken, in lines.

    Raises:
        ValueError: the call was a rehearsal.
    """
    record = json.loads((out / "results.json").read_text())
    if record["rehearsal"]:
        raise ValueError("a rehearsal's figures are no measurements")
    queue = root / "benchmarks/gpu/queue.yaml"
    known = {job.name: job for job in jobs.load(queue)}
    states, told = {}, []
    for name, result in record["parts"].items():
        if not result["rows"] or (name not in known and name not in OTHERS):
            continue
        path = root / (known[name].result if name in known else f"benchmarks/gpu/results/{name}.json")
        save(path, result)
        if name in known:
            states[name] = "done" if result["state"] == "done" else "part"
        told.append(f"{name}: {len(result['rows'])} rows, {states.get(name, result['state'])}")
    jobs.mark(states, queue)
    write_tables(root)
    return told


def write_tables(root: Path = jobs.ROOT) -> None:
    """Put the tables of all results between the marks of the page.

    Args:
        root: of the repository.
    """
    folder = root / "benchmarks/gpu/results"
    order = [*OTHERS, *(job.name for job in jobs.load(root / "benchmarks/gpu/queue.yaml"))]
    found = {path.stem: json.loads(path.read_text()) for path in folder.glob("*.json")}
    lines: list[str] = []
    for name in (name for name in order if name in found):
        lines += ["", f"### {name}", "", about(found[name]), "", *section(found[name])]
    page = root / PAGE
    before, _, rest = page.read_text().partition(BEGIN)
    after = rest.partition(END)[2]
    body = "\n".join(lines or ["", "No figure yet: no GPU was there."])
    page.write_text(f"{before}{BEGIN}\n{body}\n\n{END}{after}")


def about(result: dict[str, Any]) -> str:
    """Card, date and state of a result."""
    ended = "" if result["state"] == "done" else ", not finished"
    return f"{result.get('card') or 'card unknown'}, {result['date']}{ended}."


def main() -> int:
    """Read the arguments, collect, say what was taken."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("out", type=Path, nargs="?", help="of a call of benchmarks/gpu.py")
    given = parser.parse_args()
    try:
        print("\n".join(collect(given.out)) if given.out else "the tables were made anew")
        write_tables()
    except (OSError, ValueError) as error:
        print(f"error: {given.out}: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())

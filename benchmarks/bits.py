"""Whether two commits train the same networks, bit for bit: weights and metrics of some hundred tiny runs.

    python benchmarks/bits.py BEFORE AFTER [--cases WORDS]

Each commit is checked out into a folder of its own and run there, on one thread, by the interpreter at hand. A
case is a regularizer with a solver, plain or with everything else at once: a fraction, micro-batches, held
augmentation, schedules, memories in half precision. Each is interrupted in the middle of an epoch, saved, and
resumed by objects that are made anew.
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from itertools import product
from pathlib import Path
from typing import Any

REGULARIZERS = (
    "none", "jacobian", "hessian", "combined", "jacobian_target", "hessian_target",
    "jacobian_symmetry", "jacobian_diagonality", "hessian_diagonality",
)  # fmt: skip
SOLVERS = ("exact", "lanczos", "tracked", "auto", "hutchinson")
SQUARE = {"jacobian_symmetry", "jacobian_diagonality"}
"""Those of a square Jacobian."""
STEPS = 5
"""Done when a case is interrupted: in the middle of the second epoch."""
DIGITS = ["dataset=digits", "train.examples=64", "dataset.validation=0.05"]
FIELD = [
    "dataset=conservative_field", "dataset.dimension=3", "dataset.examples=64", "objective=squared_error",
    "epsilon=0.1",
]  # fmt: skip
ALWAYS = ["device=cpu", "threads=1", "model=mlp", "model.widths=[16]", "train.batch_size=16", "seed=3"]
"""Four steps an epoch."""
CNN = ["model=cnn", "model.widths=[4]", "model.hidden=8", "dataset.crop=1", "dataset.flip=true", "dataset.hold=2"]
CHANGING = {"lanczos": ["solver.iterations={0: 2, 1: 3}"], "tracked": ["solver.products={0: 0, 1: 1}"]}
HALF = {"tracked", "auto"}
"""Solvers whose memories may be in half precision."""


def cases() -> Iterator[tuple[str, list[str]]]:
    """Name and overrides of each case."""
    for regularizer, solver in product(REGULARIZERS, SOLVERS):
        data = FIELD if regularizer in SQUARE else DIGITS
        chosen = [*ALWAYS, *data, f"regularizer={regularizer}", f"solver={solver}", "train.epochs=2"]
        if "target" in regularizer:
            chosen.append("regularizer.target=0.5")
        yield f"{regularizer} {solver}", chosen
        everything = [
            "train.micro_batch=6", "regularizer.fraction=0.6", "regularizer.weight={interpolate: {0: 0, 2: 0.4}}",
            "optimizer.lr={cosine: {start: 1e-2}}", "train.on_nonfinite=skip", *CHANGING.get(solver, ()),
        ]  # fmt: skip
        if solver in HALF:
            everything.append("solver.dtype=float16")
        if data is DIGITS:
            # of batch norm's third derivative PyTorch has none
            everything += [*CNN, f"model.normalisation={'batch' if 'jacobian' in regularizer else 'none'}"]
        if regularizer != "none":
            yield f"{regularizer} {solver} everything", chosen + everything


def trained(overrides: Sequence[str], work: Path) -> dict[str, Any]:
    """Train, interrupt, save, resume by new objects, and finish.

    Args:
        overrides: of ``jhrun train``.
        work: where the checkpoint is kept.

    Returns:
        SHA-256 of the weights, and the records without times.
    """
    import torch  # noqa: PLC0415 - the commit's own, after its folder leads the path

    from jhrun.commands.prepare import prepared  # noqa: PLC0415
    from jhrun.config import stored  # noqa: PLC0415
    from jhrun.config.compose import complete  # noqa: PLC0415
    from jhrun.training import Checkpoint, Interrupted  # noqa: PLC0415

    values = stored.plain(complete("train", list(overrides))[0])
    records: list[Any] = []
    saved: dict[str, Checkpoint] = {}

    def made() -> Any:
        return prepared(values, torch.device("cpu"), values["plugins"])

    def run(trainer: Any, stop: Callable[[], bool]) -> None:
        trainer.run(save=saved.__setitem__, record=records.append, stop=stop)

    first = made()
    try:
        run(first, lambda: first.steps_done == STEPS)
    except Interrupted:
        saved["last"].save(work / "last")
        second = made()
        second.restore(Checkpoint.load(work / "last"))
        run(second, lambda: False)
        first = second
    digest = hashlib.sha256()
    for name, tensor in sorted(first.model.state_dict().items()):
        digest.update(name.encode() + tensor.contiguous().numpy().tobytes())
    return {"weights": digest.hexdigest(), "records": [plain(asdict(record)) for record in records]}


def plain(record: dict[str, Any]) -> dict[str, Any]:
    """A record's figures, wherever it keeps them, without those of time and memory and without empty ones."""
    figures = {
        key.removeprefix("regularizer."): value for key, value in (record.pop("figures", None) or {}).items()
    }
    kept = {**record, **figures}
    return {
        key: value
        for key, value in sorted(kept.items())
        if value is not None and key not in {"seconds", "memory", "task_weight"}
    }


def inside(wanted: Sequence[str], out: Path) -> None:
    """Run the cases with the commit whose folder this is."""
    found = {}
    with tempfile.TemporaryDirectory() as work:
        for number, (name, overrides) in enumerate(cases()):
            if all(word in name for word in wanted):
                try:
                    found[name] = trained(overrides, Path(work) / str(number))
                except Exception as error:  # what one commit refuses the other must refuse too
                    found[name] = {"weights": f"{type(error).__name__}: {error}", "records": []}
    out.write_text(json.dumps(found), encoding="utf-8")


def of_commit(commit: str, wanted: Sequence[str], place: Path) -> dict[str, Any]:
    """What a commit makes of the cases."""
    root = Path(__file__).parents[1]
    tree, out = place / "tree", place / "out.json"
    git = ["git", "-C", str(root), "worktree"]
    subprocess.run([*git, "add", "--quiet", "--detach", str(tree), commit], check=True)
    try:
        # the conf of this script's cases; its own text is not the commit's
        command = [sys.executable, "-W", "ignore", str(Path(__file__).resolve()), "--inside", str(out)]
        environment = {**os.environ, "PYTHONPATH": str(tree), "OMP_NUM_THREADS": "1"}
        subprocess.run([*command, "--cases", *wanted], check=True, cwd=tree, env=environment)
    finally:
        subprocess.run([*git, "remove", "--force", str(tree)], check=True)
    found: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
    return found


def main() -> int:
    """Compare two commits.

    Returns:
        0 if every case is the same bit for bit, else 1.
    """
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("commits", nargs="*", metavar="COMMIT", help="the one before, and the one after")
    parser.add_argument("--cases", nargs="*", default=[], metavar="WORD", help="those whose names hold all words")
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.inside:
        inside(chosen.cases, chosen.inside)
        return 0
    if len(chosen.commits) != 2:
        parser.error("name two commits")
    made = []
    for commit in chosen.commits:
        with tempfile.TemporaryDirectory() as place:
            made.append(of_commit(commit, chosen.cases, Path(place)))
    before, after = made
    different = [name for name in before if before[name] != after.get(name)]
    for name in different:
        print(f"{name}: different")
        for key in ("weights", "records"):
            print(f"  {key}: {before[name][key]}\n  {' ' * len(key)}→ {(after.get(name) or {}).get(key)}")
    refused = sum(not entry["records"] for entry in before.values())
    print(
        f"{len(before)} cases ({refused} refused by both): {len(before) - len(different)} equal bit for bit, "
        f"{len(different)} different"
    )
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())

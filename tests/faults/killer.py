"""Kills a training at chosen calls and resumes it: forked from one process that has loaded everything.

``python killer.py PART PARTS POINTS`` works in the current folder and prints a line of JSON for each point.
"""

import hashlib
import io
import json
import os
import shutil
import signal
import sys
import threading
from pathlib import Path
from types import ModuleType

import torch
from tqdm import tqdm

from jhrun.cli import main
from jhrun.commands import train
from jhrun.reporting import picture

TINY = [
    *("model=mlp", "model.widths=[4]", "solver=tracked", "train.examples=64", "train.batch_size=32"),
    *("train.epochs=2", "checkpoint.steps=1", "evaluate=false", "threads=1"),
]
OF_FILES = {"write", "truncate", "flush", "close"}
OF_THE_SYSTEM = {
    *("fsync", "rename", "replace", "unlink", "remove", "mkdir", "rmdir", "ftruncate", "flock"),
    "serialize_file",
}


def writes(function) -> bool:
    """Whether a built-in function changes something on disk: not a string, or a file in memory."""
    owner, name = getattr(function, "__self__", None), function.__name__
    if isinstance(owner, io.IOBase):
        return name in OF_FILES and not isinstance(owner, io.StringIO | io.BytesIO)
    return (owner is None or isinstance(owner, ModuleType)) and name in OF_THE_SYSTEM


def forked(work) -> int:
    """Do something in a child that says nothing; gives its wait status."""
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1]
    silence = os.open("said.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    # tqdm's own is shared between forks: whoever is killed with it in hand would keep it for ever
    tqdm.set_lock(threading.RLock())
    code = 70
    try:
        code = work()
    finally:
        os._exit(code)


def calls_of_training(watch) -> None:
    """Have every call of a built-in function from the training's beginning on told to ``watch``.

    It is given how many of them there were, and how many that write, this one included, and the function.
    """
    run = train.run

    def profiled(*arguments):
        calls = writing = 0

        def profile(frame, event, function):
            nonlocal calls, writing
            if event == "c_call":
                calls += 1
                writing += writes(function)
                watch(calls, writing, function)

        sys.setprofile(profile)
        try:
            return run(*arguments)
        finally:
            sys.setprofile(None)

    train.run = profiled


def counted() -> int:
    """Train undisturbed, and write down how many calls there are, and how many of them write."""
    numbers = 0, 0

    def watch(calls, writing, _):
        nonlocal numbers
        numbers = calls, writing

    calls_of_training(watch)
    code = main(["train", *TINY, "hydra.run.dir=undisturbed"])
    Path("counted.json").write_text(json.dumps(numbers))
    return code


def killed(kind: str, number: int) -> int:
    """Train, and die before a call."""

    def watch(calls, writing, function):
        if (writing == number and writes(function)) if kind == "write" else calls == number:
            os.kill(os.getpid(), signal.SIGKILL)

    calls_of_training(watch)
    return main(["train", *TINY, "hydra.run.dir=run"])


def trained(folder: Path) -> dict:
    """Everything that does not hang on the clock: weights, state and records."""
    files = sorted(folder.glob("checkpoints/*/*.safetensors"))
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    timeless = [
        {k: v for k, v in line.items() if k not in {"seconds", "memory", "cost", "checksum"}} for line in lines
    ]
    hashes = {str(f.relative_to(folder)): hashlib.sha256(f.read_bytes()).hexdigest() for f in files}
    return {"files": hashes, "records": timeless}


def left(folder: Path) -> list[str]:
    """What a run that has ended should not have left."""
    found = [*folder.rglob(".*"), *(p for p in folder.glob("checkpoints/*") if p.name not in {"last", "best"})]
    return [str(path.relative_to(folder)) for path in found]


def chosen(points: int) -> list[tuple[str, int]]:
    """Half of the points among the calls that write, half among all."""
    calls, writing = json.loads(Path("counted.json").read_text())
    half = points // 2
    among = [("write", 1 + i * writing // half) for i in range(half)]
    return among + [("call", 1 + i * calls // half) for i in range(half)]


def attempt(kind: str, number: int, expected: dict) -> dict:
    """One point: kill, resume, and compare."""
    shutil.rmtree("run", ignore_errors=True)
    status = forked(lambda: killed(kind, number))
    begun = Path("run/config.yaml").is_file()
    code = os.waitstatus_to_exitcode(forked(lambda: main(["train", "resume=run"])))
    same = begun and code == 0 and trained(Path("run")) == expected
    state = json.loads(Path("run/status.json").read_text())["state"] if begun else None
    return {
        **{"point": [kind, number], "killed": os.WIFSIGNALED(status), "begun": begun, "code": code, "same": same},
        **{"state": state, "left": left(Path("run")) if begun else []},
    }


if __name__ == "__main__":
    part, parts, points = map(int, sys.argv[1:])
    torch.set_num_threads(1)
    # drawing writes nothing, and most of the time and of the calls would go there
    picture.render = lambda *_: picture.Rendering(b"<svg></svg>", b"%PDF-", None)
    # everything is imported here, once
    main(["train", *TINY, "hydra.run.dir=first"])
    assert forked(counted) == 0
    expected = trained(Path("undisturbed"))
    for point in chosen(points)[part::parts]:
        print("point", json.dumps(attempt(*point, expected)), flush=True)

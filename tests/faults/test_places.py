"""Folders that cannot be written to, and those with long and strange names."""

import json
import sys
from pathlib import Path

import forked
import pytest
from mounts import MAY_NOT

TINY = ["model=mlp", "model.widths=[4]", "solver=tracked", "train.examples=64", "train.epochs=1", "evaluate=false"]

READ_ONLY = """
import sys
from mounts import mount_own
from jhrun.cli import main
mount_own(["--bind", "closed", "closed"], ["-o", "remount,ro,bind", "closed"])
print("CODE", main(["train", *sys.argv[1:]]))
for arguments in (["train", "resume=closed/run"], ["eval", "run=closed/run"], ["report", "closed/run"]):
    print("CODE", main(arguments))
"""


def test_a_read_only_folder_is_told_before_training(jhrun):
    Path("closed").mkdir()
    assert jhrun("train", *TINY, "hydra.run.dir=closed/run")[0] == 0
    before = {p: p.read_bytes() for p in Path("closed").rglob("*") if p.is_file()}
    done = forked.run([sys.executable, "-c", READ_ONLY, *TINY, "hydra.run.dir=closed/new"])
    if done.returncode == MAY_NOT:
        pytest.skip("nobody may mount a disk here")
    codes = [line for line in done.stdout.splitlines() if line.startswith("CODE ")]
    assert codes == ["CODE 6"] * 4, done.stdout + done.stderr
    errors = done.stderr.splitlines()
    assert len(errors) == 4, done.stderr
    for error in errors:
        assert "Read-only file system" in error
        assert "closed/" in error
        assert "choose a" in error
    assert {p: p.read_bytes() for p in Path("closed").rglob("*") if p.is_file()} == before


@pytest.mark.parametrize("name", ["with spaces and 'quotes'", "Übung-数据-🎲", "x" * 200, "deep/" * 30 + "run"])
def test_a_run_may_lie_anywhere(jhrun, name):
    code, out, err = jhrun("train", *TINY, f"hydra.run.dir={name}")
    assert code == 0, err
    assert out.splitlines()[-1] == str(Path(name).absolute())
    for call in (["eval", f"run={name}", "attack=fgsm", "subset=10", "analysis=quick_verdict"], ["report", name]):
        code, _, err = jhrun(*call)
        assert code == 0, err
    code, _, err = jhrun("train", f"resume={name}", "train.epochs=2")
    assert code == 0, err


def test_a_name_that_no_system_takes_is_told(jhrun):
    code, _, err = jhrun("train", *TINY, "hydra.run.dir=" + "x" * 300)
    assert (code, err.count("\n")) == (4, 1)
    assert "File name too long" in err


def test_a_killed_report_leaves_the_old_one_whole(jhrun):
    """Killed at each of its writes, in children that have everything loaded."""
    assert jhrun("train", *TINY, "hydra.run.dir=run")[0] == 0
    done = forked.run([sys.executable, "-c", KILLED_REPORT])
    assert done.returncode == 0, done.stderr
    killed, mixed = json.loads(done.stdout.splitlines()[-1])
    assert killed >= 2 * len(["report.json", "report.md", "report.html", "training.svg", "training.csv"])
    assert mixed == []
    assert not list(Path("run").rglob("*.tmp"))


KILLED_REPORT = """
import json, os, signal
from pathlib import Path
from jhrun.cli import main
from jhrun.jsonio import read_json, write_json

def report():
    names = [*Path("run").glob("report.*"), *Path("run/figures").iterdir()]
    return {str(path): path.read_bytes() for path in names if not path.name.endswith(".tmp")}

main(["report", "run"])
old = report()
# the new one says something else
status = read_json(Path("run/status.json"))
write_json(Path("run/status.json"), status | {"error": "another"})
fsync = os.fsync
killed, mixed = 0, []
while True:
    pid = os.fork()
    if not pid:
        count = 0
        def counting(handle):
            global count
            count += 1
            if count == killed + 1:
                os.kill(os.getpid(), signal.SIGKILL)
            fsync(handle)
        os.fsync = counting
        os._exit(main(["report", "run"]))
    if not os.WIFSIGNALED(os.waitpid(pid, 0)[1]):
        break
    killed += 1
    found = report()
    # each file is the old or the new one, to its end
    mixed += [n for n, c in found.items() if c != old[n] and not c.strip().endswith((b">", b"}", b"`", b"."))]
assert report() != old
print(json.dumps([killed, mixed]))
"""

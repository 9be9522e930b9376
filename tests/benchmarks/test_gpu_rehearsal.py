"""All of a GPU call on the CPU, and what is left of one that is killed."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from forked import Forked
from gpu import jobs

ROOT = jobs.ROOT
SCRIPT = str(ROOT / "benchmarks/gpu.py")
CODE = f"import runpy, sys; sys.argv[0] = {SCRIPT!r}; runpy.run_path({SCRIPT!r}, run_name='__main__')"
COMMAND = [sys.executable, "-c", CODE, "--rehearse", "--minutes", "2", "--out"]


def begun(out, said=subprocess.DEVNULL):
    """A call whose parts are processes that begin warm: each new interpreter would take five seconds of a core."""
    paths = os.pathsep.join([str(ROOT / "benchmarks"), str(ROOT)])
    # the hash seed is that of the process which they are forked from
    environment = os.environ | {"FORKED_JOBS": "gpu.call", "PYTHONPATH": paths, "PYTHONHASHSEED": ""}
    return Forked([*COMMAND, str(out)], env=environment, stdout=said, stderr=said, start_new_session=True)


def parts(out):
    path = out / "results.json"
    return json.loads(path.read_text())["parts"] if path.is_file() else {}


def test_the_rehearsal_goes_well_and_after_each_part_its_results_are_on_disk(tmp_path):
    """A copy of the folder at a moment is what a kill at that moment leaves."""
    out, copies = tmp_path / "out", {}
    log = tmp_path / "log"
    with log.open("w") as said:
        process = begun(out, said)
    while process.poll() is None:
        time.sleep(0.2)
        ended = frozenset(name for name, part in parts(out).items() if part["state"] == "done")
        if ended and ended not in copies:
            copies[ended] = shutil.copytree(out, tmp_path / f"copy {len(copies)}")
    assert log.read_text() == "the rehearsal went well\n"
    assert process.returncode == 0
    assert len(copies) >= 5
    before: frozenset[str] = frozenset()
    for ended, copy in copies.items():
        found, summary = parts(copy), (copy / "summary.md").read_text()
        assert all(found[name]["rows"] for name in ended)
        # the page for people follows the rows: a copy may fall between the two
        assert all(f"| {name} | done |" in summary for name in ended & before)
        before = ended
    # no file is left aside, and the two of the results come with one state
    names = sorted(path.name for path in out.iterdir())
    assert names[1:] == ["results.json", "summary.md"]
    assert names[0].startswith("cifar10_jacobian.36.")


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="children are found through /proc")
def test_a_call_that_is_killed_leaves_its_rows_and_no_process(tmp_path):
    out = tmp_path / "out"
    process = begun(out)
    until = time.monotonic() + 240
    while not parts(out).get("tests", {}).get("rows") and time.monotonic() < until and process.poll() is None:
        time.sleep(0.05)
    children = [int(pid) for pid in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]
    process.send_signal(signal.SIGKILL)
    process.wait()
    found = parts(out)
    assert found["card"]["state"] == "done"
    assert len(found["card"]["rows"]) == 5
    assert found["tests"]["rows"]
    assert "## tests" in (out / "summary.md").read_text()
    until = time.monotonic() + 30
    while any(map(alive, children)) and time.monotonic() < until:
        time.sleep(0.1)
    assert not any(map(alive, children))

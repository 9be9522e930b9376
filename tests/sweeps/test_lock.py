import json
import os
import socket
import sys
import time

import pytest
from forked import Forked

from jhrun.errors import RunError
from jhrun.folder import LOCK
from jhrun.sweeps import Lock

HOLD = "import sys, jhrun.sweeps as s\nwith s.Lock(sys.argv[1]): print('locked', flush=True); input()"


@pytest.fixture
def other(tmp_path):
    with Forked([sys.executable, "-c", HOLD, tmp_path], stdin=-1, stdout=-1, text=True) as process:
        process.stdout.readline()
        yield process
        process.kill()


def test_one_process_has_it_and_the_others_learn_who(tmp_path, other):
    assert Lock.holder(tmp_path)["pid"] == other.pid
    with pytest.raises(RunError, match=f"process {other.pid} on {socket.gethostname()}"), Lock(tmp_path):
        pass


def test_a_dead_holder_has_it_no_more(tmp_path, other):
    other.kill()
    other.wait()
    assert (tmp_path / LOCK).is_file()
    assert Lock.holder(tmp_path) is None
    with Lock(tmp_path):
        assert Lock.holder(tmp_path)["pid"] == os.getpid()
    assert not (tmp_path / LOCK).exists()


def test_a_holder_on_another_host_is_believed(tmp_path):
    (tmp_path / LOCK).write_text(json.dumps({"host": "elsewhere", "pid": 1, "slurm": None}))
    assert Lock.holder(tmp_path)["host"] == "elsewhere"
    with pytest.raises(RunError, match=r"process 1 on elsewhere.*if it is gone, remove"), Lock(tmp_path):
        pass


def test_a_requeued_slurm_job_takes_its_own_lock_over(tmp_path, monkeypatch):
    (tmp_path / LOCK).write_text(json.dumps({"host": "elsewhere", "pid": 1, "slurm": "17_3"}))
    monkeypatch.setenv("SLURM_ARRAY_JOB_ID", "17")
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "4")
    assert Lock.holder(tmp_path)
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "3")
    with Lock(tmp_path):
        assert Lock.holder(tmp_path)["slurm"] == "17_3"


def test_a_torn_lock_file_is_nobodys(tmp_path):
    (tmp_path / LOCK).write_text('{"host": "else')
    assert Lock.holder(tmp_path) is None
    with Lock(tmp_path):
        assert Lock.holder(tmp_path)["pid"] == os.getpid()


def test_a_holder_on_another_host_that_gives_no_sign_of_life_is_dead(tmp_path):
    (tmp_path / LOCK).write_text(json.dumps({"host": "elsewhere", "pid": 1, "slurm": None}))
    assert Lock.holder(tmp_path)
    os.utime(tmp_path / LOCK, (0, time.time() - 601))
    assert Lock.holder(tmp_path) is None
    with Lock(tmp_path):
        assert time.time() - (tmp_path / LOCK).stat().st_mtime < 60

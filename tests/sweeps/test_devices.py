import subprocess
import sys
from contextlib import ExitStack

import pytest
import torch
from forked import Forked

from jhrun.sweeps.devices import gpus, least_used, one_device

HOLD = """
import sys
from pathlib import Path
from jhrun.sweeps.devices import least_used
with least_used(["a", "b"], Path(sys.argv[1])) as name:
    print(name, flush=True)
    input()
"""


def test_jobs_of_several_processes_share_evenly(tmp_path):
    processes = []
    with ExitStack() as stack:
        for expected in "abab":
            process = Forked(
                [sys.executable, "-c", HOLD, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
            stack.enter_context(process)
            stack.callback(process.kill)
            assert process.stdout.readline().strip() == expected
            processes.append(process)
        # one that has gone, however it went, has left its place
        processes[1].kill()
        processes[1].wait()
        with least_used(["a", "b"], tmp_path) as name:
            assert name == "b"


def test_the_cpu_and_a_named_gpu_need_nothing():
    for device in ("cpu", "cuda:1"):
        with one_device(device) as environment:
            assert environment == {}


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_the_gpus_are_those_that_may_be_seen(monkeypatch):
    assert gpus() == [str(i) for i in range(torch.cuda.device_count())]

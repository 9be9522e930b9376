"""Memory that runs out in a process that may have no more: said once, with the peak and what would lower it."""

import json
import re
import sys
from pathlib import Path

import forked
import pytest
import torch

from jhrun.commands.failures import memory_named
from jhrun.errors import ResourceError

LIMITED = """
import resource, sys
import torch._dynamo
import jhrun.commands.eval, jhrun.commands.train
from jhrun.cli import main

held = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (held + 450 * 2**20,) * 2)
sys.exit(main(sys.argv[1:]))
"""
"""``jhrun`` with 450 MiB more than it has once everything is imported; a thread reserves 64 to 128 of them."""

WIDE = ["model=mlp", "regularizer=none", "train.batch_size=1293", "evaluate=false", "hydra.run.dir=run"]


def read(path):
    return json.loads(Path(path).read_text())


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()}


@pytest.fixture
def limited():
    """Call the command line in a process of little memory; gives (exit code, standard output, standard error)."""

    def call(*argv):
        command = [sys.executable, "-c", LIMITED, *argv]
        done = forked.run(command)
        return done.returncode, done.stdout, done.stderr

    return call


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is Linux's")
def test_memory_that_runs_out_in_training_is_told_and_the_run_goes_on_with_more(jhrun, limited):
    assert jhrun("train", *WIDE, "model.widths=[40000]", "train.epochs=1")[0] == 0
    before = contents("run/checkpoints")
    code, out, err = limited("train", "resume=run", "train.epochs=2")
    assert (code, err.count("\n")) == (6, 1), err
    assert re.match(
        r"error: memory ran out when \d+ MiB more were asked for, peak [\d,]+ MiB of the process, ", err
    )
    assert ", lower train.micro_batch (under a penalty) or train.batch_size in a new run; or" in err
    assert err.endswith(f", then go on with resume={Path('run').absolute()}\n")
    status = read("run/status.json")
    assert (status["state"], status["exit_code"], status["error"]) == ("failed", 6, err[7:-1])
    assert contents("run/checkpoints") == before
    assert "Traceback" in Path("run/run.log").read_text()
    assert "Traceback" not in out + err
    # it was not tried again with less
    assert "batch_size: 1293" in Path("run/config.yaml").read_text()
    assert len(Path("run/metrics.jsonl").read_text().splitlines()) == 1
    assert jhrun("train", "resume=run", "train.epochs=2")[0] == 0
    assert read("run/status.json")["state"] == "finished"


@pytest.fixture
def greedy(network_that):
    """A network that asks for more than any machine has."""
    return network_that("return torch.empty(2**50)")


@pytest.mark.parametrize("where", ["made", "forward", "first derivative", "second derivative"])
def test_wherever_it_runs_out_before_training_that_is_told_and_nothing_is_left(where, greedy, jhrun):
    """In the preflight as well: no layer is to blame."""
    code, _, err = jhrun("train", *greedy, f"+model.where='{where}'", "hydra.run.dir=run")
    assert (code, err.count("\n")) == (6, 1)
    assert err.startswith("error: memory ran out when 4,194,304.0 GiB more were asked for, peak ")
    # it ran out before there was a run
    assert not Path("run").exists()


@pytest.mark.parametrize("flag", ["now", "in float64"])
def test_in_an_evaluation_no_setting_is_named_that_would_not_help(flag, greedy, jhrun):
    """In the verdict's checks in float64 as well, which are not left out for it."""
    code, _, err = jhrun("train", *greedy, "train.epochs=1", "attack=fgsm", "subset=50", "hydra.run.dir=run")
    assert code == 0, err
    before = contents("run")
    Path(flag).touch()
    code, _, err = jhrun("eval", "run=run", "attack=pgd20", "subset=50", greedy[-1])
    assert (code, err.count("\n")) == (6, 1)
    assert "no setting makes an evaluation's batches smaller than 250" in err
    assert "train." not in err
    after = contents("run")
    assert {path for path in before if after[path] != before[path]} == {Path("run.log")}
    Path(flag).unlink()
    assert jhrun("eval", "run=run", "attack=pgd20", "subset=50", greedy[-1])[0] == 0


def test_a_checkpoint_for_which_there_is_no_room_is_not_taken_for_one_that_does_not_fit(greedy, jhrun):
    assert jhrun("train", *greedy, "train.epochs=1", "evaluate=false", "hydra.run.dir=run")[0] == 0
    before = contents("run")
    Path("restored").touch()
    code, _, err = jhrun("train", "resume=run", "train.epochs=2", greedy[-1])
    assert (code, err.count("\n")) == (6, 1)
    after = contents("run")
    assert {path for path in after if after[path] != before.get(path)} == {Path("run.log")}


def test_a_benchmark_too_names_what_would_lower_it(greedy, jhrun):
    Path("now").touch()
    code, _, err = jhrun("bench", *greedy, "hydra.run.dir=bench")
    assert (code, err.count("\n")) == (6, 1)
    assert err.endswith(", lower batch_size, or leave solvers out: solvers=[…]\n")


@pytest.mark.parametrize(
    "said",
    [
        "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: you tried …",
        "[enforce fail at alloc_cpu.cpp:81] . DefaultCPUAllocator: not enough memory: you tried to allocate …",
        "CUDA out of memory. Tried to allocate 20.00 MiB. GPU 0 has a total capacity of 79.10 GiB",
        "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
        "std::bad_alloc",
    ],
)
def test_pytorchs_ways_to_say_it_are_known_and_nothing_else_is_caught(said):
    with pytest.raises(ResourceError), memory_named("free some"):
        raise RuntimeError(said)
    with pytest.raises(RuntimeError, match="mat1 and mat2"), memory_named("free some"):
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied (8x64 and 32x8)")


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")
def test_memory_that_runs_out_on_a_gpu_is_told_likewise(jhrun):
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(2**29 / torch.cuda.get_device_properties(0).total_memory)
    try:
        code, _, err = jhrun("train", *WIDE, "model.widths=[80000]", "device=cuda")
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert (code, err.count("\n")) == (6, 1), err
    assert re.match(r"error: memory ran out when [\d.]+ MiB more were asked for, peak \d+ MiB of the GPU's", err)
    assert read("run/status.json")["exit_code"] == 6

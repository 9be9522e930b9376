"""The peak of a process's memory."""

import resource

import pytest
import torch

from jhrun.training.memory import peak_memory


def test_the_peak_is_the_processs_own_and_never_falls():
    before = peak_memory(torch.device("cpu"))
    held = torch.ones(50_000_000)
    after = peak_memory(torch.device("cpu"))
    del held
    assert after - before > 0 or after > 200e6
    assert peak_memory(torch.device("cpu")) >= after >= before
    assert 0 <= resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - after < 1e8


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")
def test_on_a_gpu_it_is_that_of_the_tensors():
    device = torch.device("cuda")
    x = torch.ones(1_000_000, device=device)
    assert peak_memory(device) >= x.nbytes

"""Operations whose results may differ from run to run, where ``deterministic=true`` refuses them."""

from pathlib import Path

import pytest
import torch

SHORT = ["train.epochs=1", "evaluate=false"]


@pytest.fixture
def odd(network_that, monkeypatch):
    # what deterministic=true sets for the whole process is put back
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    yield network_that(
        "return x + 0 * x.flatten().kthvalue(1).values if x.is_cuda else "
        "x.clone().put_(torch.tensor([0]), torch.zeros(1, dtype=x.dtype))"
    )
    torch.use_deterministic_algorithms(False)


@pytest.mark.parametrize(
    ("where", "regularizer"),
    [("forward", "none"), ("forward", "hessian"), ("first derivative", "none"), ("second derivative", "jacobian")],
)
def test_the_operation_is_named(where, regularizer, odd, jhrun):
    """By the preflight too, which could blame a layer for it."""
    call = ["train", *odd, *SHORT, f"+model.where='{where}'", f"regularizer={regularizer}"]
    code, _, err = jhrun(*call, "deterministic=true", "hydra.run.dir=run")
    assert (code, err.count("\n")) == (5, 1)
    assert err == (
        "error: PyTorch's put_ has no deterministic implementation, deterministic=true, "
        "set deterministic=false in a new run, or use another layer\n"
    )
    assert not Path("run").exists()
    code, _, err = jhrun(*call, "hydra.run.dir=without")
    assert code == 0, err


def test_so_it_is_in_an_evaluation(odd, jhrun):
    assert jhrun("train", *odd, *SHORT, "deterministic=true", "hydra.run.dir=run")[0] == 0
    Path("now").touch()
    code, _, err = jhrun("eval", "run=run", "attack=fgsm", odd[-1])
    assert (code, err.count("\n")) == (5, 1)
    assert "PyTorch's put_ has no deterministic implementation" in err


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")
def test_on_a_gpu_the_operation_is_named(odd, jhrun):
    code, _, err = jhrun(
        "train", *odd, "train.epochs=1", "+model.where=forward", "deterministic=true", "device=cuda"
    )
    assert (code, err.count("\n")) == (5, 1)
    assert "PyTorch's kthvalue" in err

"""Operations whose results may differ from run to run, where ``deterministic=true`` refuses them."""

import json
from pathlib import Path

import pytest
import torch

ODD = '''
from pathlib import Path

import torch
from torch import nn
from jhrun.models import MLP

def changed(x):
    return x.clone().put_(torch.tensor([0]), torch.zeros(1, dtype=x.dtype))

class Odd(torch.autograd.Function):
    """Whose first or second derivative is odd."""

    @staticmethod
    def forward(ctx, x, order):
        ctx.order = order
        return x.clone()

    @staticmethod
    def backward(ctx, gradient):
        return (changed(gradient) if ctx.order == 1 else Odd.apply(gradient, 1)), None

class Layer(nn.Module):
    def __init__(self, order):
        super().__init__()
        self.order = order

    def forward(self, x):
        return Odd.apply(x, self.order)

class Net(MLP):
    def __init__(self, where="nowhere", **options):
        super().__init__(**options)
        self.where = where
        if where in {"first", "second"}:
            self.insert(-1, Layer(1 if where == "first" else 2))

    def forward(self, x):
        if self.where == "forward" or Path("now").exists():
            x = changed(x)
        if self.where == "cuda":
            x = x + 0 * x.flatten().kthvalue(1).values
        return super().forward(x)
'''


@pytest.fixture
def odd(tmp_path, monkeypatch):
    (tmp_path / "odd_nets.py").write_text(ODD)
    monkeypatch.syspath_prepend(tmp_path)
    # what deterministic=true sets for the whole process is put back
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    yield ["model=mlp", "model.widths=[8]", "model._target_=odd_nets.Net", "plugins=[odd_nets]", "train.epochs=1"]
    torch.use_deterministic_algorithms(False)


@pytest.mark.parametrize(
    ("where", "regularizer"),
    [("forward", "none"), ("forward", "hessian"), ("first", "none"), ("second", "jacobian")],
)
def test_the_operation_is_named(where, regularizer, odd, jhrun):
    """By the preflight too, which could blame a layer for it."""
    call = ["train", *odd, f"+model.where={where}", f"regularizer={regularizer}", "evaluate=false"]
    code, _, err = jhrun(*call, "deterministic=true", "hydra.run.dir=run")
    assert (code, err.count("\n")) == (5, 1)
    assert err == (
        "error: PyTorch's put_ has no deterministic implementation, deterministic=true, "
        "set deterministic=false in a new run, or use another layer\n"
    )
    status = json.loads(Path("run/status.json").read_text())
    assert (status["state"], status["exit_code"], status["error"]) == ("failed", 5, err[7:-1])
    assert "Traceback" in Path("run/run.log").read_text()
    assert not Path("run/checkpoints").exists()
    code, _, err = jhrun(*call, "hydra.run.dir=without")
    assert code == 0, err


def test_so_it_is_in_an_evaluation(odd, jhrun):
    assert jhrun("train", *odd, "evaluate=false", "deterministic=true", "hydra.run.dir=run")[0] == 0
    Path("now").touch()
    code, _, err = jhrun("eval", "run=run", "attack=fgsm", "plugins=[odd_nets]")
    assert (code, err.count("\n")) == (5, 1)
    assert "PyTorch's put_ has no deterministic implementation" in err


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")
def test_on_a_gpu_the_operation_is_named(odd, jhrun):
    code, _, err = jhrun("train", *odd, "+model.where=cuda", "deterministic=true", "device=cuda")
    assert (code, err.count("\n")) == (5, 1)
    assert "PyTorch's kthvalue" in err

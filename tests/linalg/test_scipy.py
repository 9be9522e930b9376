"""Our Lanczos against ARPACK's, on a real Hessian: a digit enlarged to 28×28 under a trained network, 784×784."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.sparse.linalg import LinearOperator, eigsh

from jhrun.autodiff import HessianOperator
from jhrun.data.digits import digits
from jhrun.linalg import Lanczos
from jhrun.models import CNN


@pytest.fixture(scope="module")
def trained():
    """A cnn after two epochs on the enlarged digits, and a digit of the test part that it has not seen."""
    data = digits()

    def enlarged(part):
        return F.interpolate(part.inputs.float() / 255, size=28, mode="bilinear"), part.targets

    torch.manual_seed(0)
    model = CNN(shape=(1, 28, 28), outputs=10, mean=data.mean, std=data.std)
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    x, y = enlarged(data.train)
    for some in [*torch.randperm(len(x)).split(64)] * 2:
        optimizer.zero_grad()
        F.cross_entropy(model(x[some]), y[some]).backward()
        optimizer.step()
    x, y = enlarged(data.test)
    assert (model(x).argmax(1) == y).float().mean() > 0.8
    return model.double(), x[:1].double(), y[:1]


def test_lanczos_and_eigsh_find_the_same_eigenvalue(trained):
    model, x, y = trained
    x = x.requires_grad_()
    operator = HessianOperator(F.cross_entropy(model(x), y, reduction="none"), x)
    assert operator.shape == (1, 784, 784)

    def product(v):
        with torch.no_grad():
            return operator.mv(torch.from_numpy(np.ascontiguousarray(v)).reshape(1, -1))[0].numpy()

    (theirs,) = eigsh(LinearOperator((784, 784), matvec=product, dtype=np.float64), k=1, which="LM")[0]
    ours = Lanczos(iterations=60)(operator, generator=torch.Generator().manual_seed(0))
    assert ours.value.item() == pytest.approx(theirs, rel=1e-4)
    assert ours.residual.item() < 1e-4 * abs(theirs)

import torch

from jhrun.linalg import Lanczos
from jhrun.models import MLP
from jhrun.objectives import CrossEntropy
from jhrun.penalties import Jacobian
from jhrun.records import Batch


def test_linear_network_is_penalised_by_its_weights():
    """f(x) = W (x − mean)/std + b has the Jacobian W/std at every x, whatever the target."""
    model = MLP(shape=(1, 2, 2), outputs=3, mean=[0.3], std=[0.5], widths=[])
    x = torch.rand(5, 1, 2, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    model.double()
    batch = Batch(x, torch.tensor([0, 1, 2, 0, 1]))
    result = Jacobian()(model, CrossEntropy(), batch, Lanczos(3), torch.Generator().manual_seed(0))
    weight = model[-1].weight
    top = torch.linalg.matrix_norm(weight / 0.5, ord=2) ** 2
    # Lanczos' (100 + 10·3)·eps·‖W‖², and a few roundings of the products
    assert ((result.values - top).abs() <= 200 * torch.finfo(torch.float64).eps * top).all()
    (gradient,) = torch.autograd.grad(result.values.mean(), weight)
    (expected,) = torch.autograd.grad(top, weight)
    assert (gradient - expected).norm() <= 1e-10 * expected.norm()

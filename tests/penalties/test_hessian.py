import torch

from jhrun.linalg import Lanczos
from jhrun.models import MLP
from jhrun.objectives import CrossEntropy
from jhrun.penalties import Hessian
from jhrun.records import Batch


def test_linear_network_is_penalised_by_its_gauss_newton_matrix():
    """With f(x) = W (x − mean)/std + b, J = W/std and p = softmax f: H = Jᵀ(diag p − p pᵀ)J at any target."""
    model = MLP(shape=(1, 2, 2), outputs=3, mean=[0.3], std=[0.5], widths=[]).double()
    x = torch.rand(5, 1, 2, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    batch = Batch(x, torch.tensor([0, 1, 2, 0, 1]))
    result = Hessian()(model, CrossEntropy(), batch, Lanczos(4), torch.Generator().manual_seed(0))
    jacobian = (model[-1].weight / 0.5).detach()
    p = model(x).softmax(1).detach()
    hessian = jacobian.T @ (torch.diag_embed(p) - p[:, :, None] * p[:, None]) @ jacobian
    top = torch.linalg.matrix_norm(hessian, ord=2)
    # Lanczos' (100 + 10·4)·eps·‖H‖ and a few roundings of the products, whose scale is ‖J‖²/2
    allowed = 200 * torch.finfo(torch.float64).eps * torch.linalg.matrix_norm(jacobian, ord=2) ** 2
    assert ((result.direction.value - top).abs() <= allowed).all()
    assert ((result.values - top**2).abs() <= 2 * top * allowed).all()

"""Every matrix against its dense twin, its penalty's gradient against the true top eigenvalue's, in float64."""

import pytest
import torch
from torch import nn

from jhrun.linalg import Exact, GolubKahan, GradientAscent, Hutchinson, Lanczos, Power
from jhrun.objectives import CrossEntropy
from jhrun.penalties import (
    Constant,
    Forward,
    Hessian,
    HessianDiagonality,
    HessianTarget,
    Jacobian,
    JacobianDiagonality,
    JacobianSymmetry,
    JacobianTarget,
    Teacher,
)
from jhrun.records import Batch

B, N = 2, 5
MATRIX = torch.randn(N, N, dtype=torch.float64, generator=torch.Generator().manual_seed(7))


def network(outputs=N, seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(N, 7), nn.Tanh(), nn.Linear(7, outputs)).double()


def batch():
    random = torch.Generator().manual_seed(1)
    return Batch(torch.randn(B, N, dtype=torch.float64, generator=random), torch.tensor([0, 2]))


def jacobian(model, x, y):
    return torch.stack([torch.autograd.functional.jacobian(model, row, create_graph=True) for row in x])


def hessian(model, x, y):
    def loss(row, target):
        return CrossEntropy()(model(row)[None], target[None])[0]

    def gradient(row, target):
        leaf = row if row.requires_grad else row.clone().requires_grad_()
        return torch.autograd.grad(loss(leaf, target), leaf, create_graph=True)[0]

    return torch.stack(
        [
            torch.autograd.functional.jacobian(lambda r, t=t: gradient(r, t), row, create_graph=True)
            for row, t in zip(x, y, strict=True)
        ]
    )


def diagonality(a):
    return a - torch.diag_embed(a.sum(2))


TEACHER = network(seed=9)
CASES = {
    "jacobian": (Jacobian(), jacobian),
    "hessian": (Hessian(), hessian),
    "symmetry": (JacobianSymmetry(), lambda *a: jacobian(*a) - jacobian(*a).mT),
    "jacobian diagonality": (JacobianDiagonality(), lambda *a: diagonality(jacobian(*a))),
    "hessian diagonality": (HessianDiagonality(), lambda *a: diagonality(hessian(*a))),
    "jacobian - matrix": (JacobianTarget(Constant(MATRIX)), lambda *a: jacobian(*a) - MATRIX),
    "hessian - number": (
        HessianTarget(Constant(torch.tensor(0.3, dtype=torch.float64))),
        lambda *a: hessian(*a) - 0.3 * torch.eye(N).double(),
    ),
    "hessian - matrix": (HessianTarget(Constant(MATRIX)), lambda *a: hessian(*a) - MATRIX),
    "jacobian - teacher": (
        JacobianTarget(Teacher(TEACHER)),
        lambda m, x, y: jacobian(m, x, y) - jacobian(TEACHER, x, y),
    ),
    "hessian - teacher": (
        HessianTarget(Teacher(TEACHER)),
        lambda m, x, y: hessian(m, x, y) - hessian(TEACHER, x, y),
    ),
}
ANTISYMMETRIC = {"symmetry"}


def forward(model, examples):
    x = examples.inputs.detach().requires_grad_()
    outputs = model(x)
    return Forward(x, outputs, CrossEntropy()(outputs, examples.targets), examples.targets, CrossEntropy())


@pytest.mark.parametrize("case", CASES)
def test_operator_is_its_dense_twin(case):
    penalty, dense = CASES[case]
    model, examples = network(), batch()
    operator = penalty.operator(forward(model, examples))
    twin = dense(model, examples.inputs, examples.targets)
    v = torch.randn(B, N, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    tolerance = {"rtol": 1e-10, "atol": 1e-13}
    for grad in (False, True):
        with torch.set_grad_enabled(grad):
            torch.testing.assert_close(operator.mv(v), torch.einsum("bmn,bn->bm", twin, v), **tolerance)
            torch.testing.assert_close(operator.rmv(v), torch.einsum("bmn,bm->bn", twin, v), **tolerance)
    if operator.symmetric:
        torch.testing.assert_close(twin, twin.mT, **tolerance)


@pytest.mark.parametrize("case", CASES)
def test_gradient_is_that_of_the_true_top_eigenvalue(case):
    """Central differences of σ²_max along random directions in parameter space, relative error below 1e-6.

    The step h = 1e-5 leaves about h² of truncation and eps/h of rounding, 1e-10 both, times the third derivative.
    """
    penalty, dense = CASES[case]
    model, examples = network(), batch()
    out = penalty(model, CrossEntropy(), examples, Exact())
    out.values.sum().backward()
    parameters = list(model.parameters())
    gradient = [torch.zeros_like(p) if p.grad is None else p.grad.clone() for p in parameters]

    def total():
        return (torch.linalg.matrix_norm(dense(model, examples.inputs, examples.targets), 2) ** 2).sum().item()

    torch.testing.assert_close(out.values.sum().item(), total(), rtol=1e-10, atol=0)
    random, h = torch.Generator().manual_seed(3), 1e-5
    for _ in range(3):
        step = [torch.randn(p.shape, dtype=p.dtype, generator=random) for p in parameters]
        totals = []
        for sign in (1, -2):
            with torch.no_grad():
                for p, s in zip(parameters, step, strict=True):
                    p.add_(s, alpha=sign * h)
            totals.append(total())
        with torch.no_grad():
            for p, s in zip(parameters, step, strict=True):
                p.add_(s, alpha=h)
        difference = (totals[0] - totals[1]) / (2 * h)
        slope = sum((g * s).sum() for g, s in zip(gradient, step, strict=True)).item()
        assert slope == pytest.approx(difference, rel=1e-6, abs=1e-8 * abs(total()))


def test_every_vector_of_an_antisymmetric_pairs_plane_has_the_same_gradient():
    """J − Jᵀ has its largest singular value twice; v in any rotation of that plane is as good."""
    model, examples = network(), batch()

    class Fixed:
        def __init__(self, angle):
            self.angle = angle

        def __call__(self, operator, start=None, generator=None):
            found = Exact()(operator)
            with torch.no_grad():
                u, w = found.vector, operator.rmv(found.vector)
                w = w / w.norm(dim=1, keepdim=True)
                angle = torch.tensor(self.angle).double()
                return found._replace(vector=angle.cos() * u + angle.sin() * w)

    gradients = []
    for angle in (0.0, 0.4, 1.1, 2.5):
        model.zero_grad()
        JacobianSymmetry()(model, CrossEntropy(), examples, Fixed(angle)).values.sum().backward()
        gradients.append(torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None]))
    for other in gradients[1:]:
        torch.testing.assert_close(other, gradients[0], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize(
    "solver", [Lanczos(N), GolubKahan(N + 1), Exact(), Power(300), GradientAscent(2000, 10.0), Hutchinson()],
    ids=lambda s: type(s).__name__,
)  # fmt: skip
def test_every_matrix_runs_under_every_solver_and_they_agree(case, solver):
    """Complete solvers find σ²_max; iterations stay below it; a probe is finite."""
    penalty, dense = CASES[case]
    model, examples = network(), batch()
    out = penalty(model, CrossEntropy(), examples, solver, torch.Generator().manual_seed(5))
    true = torch.linalg.matrix_norm(dense(model, examples.inputs, examples.targets), 2).detach() ** 2
    assert out.values.isfinite().all()
    assert out.passes > 2
    if isinstance(solver, Hutchinson):
        return
    assert (out.values <= true * (1 + 1e-10)).all()
    assert (out.values >= true * ((1 - 1e-10) if not isinstance(solver, Power | GradientAscent) else 0.9)).all()


@pytest.mark.parametrize("case", [c for c in CASES if "-" not in c])
def test_a_zero_matrix_gives_a_zero_gradient(case):
    penalty, _ = CASES[case]
    model = network()
    with torch.no_grad():
        for p in model.parameters():
            p.zero_()
    for solver in (Lanczos(3), GolubKahan(3), Exact(), Power(3), GradientAscent(3)):
        out = penalty(model, CrossEntropy(), batch(), solver)
        (out.losses.mean() + out.values.mean()).backward()
        assert (out.values == 0).all()
        assert all(p.grad.isfinite().all() for p in model.parameters())


@pytest.mark.parametrize("n", [1, 2, 6])
@pytest.mark.parametrize("kind", ["random", "rows that cancel", "rows that are level", "diagonal"])
def test_theorem_1(n, kind):
    """(1/N)‖A − D(A1)‖_F² ≤ Σ_{i≠j} A_ij² ≤ ‖A − D(A1)‖_F², with equality where it is claimed."""
    a = torch.randn(20, n, n, dtype=torch.float64, generator=torch.Generator().manual_seed(n))
    off = ~torch.eye(n, dtype=torch.bool)
    if kind == "rows that are level":
        a = torch.where(off, a[:, :, :1], a)
    if kind == "rows that cancel" and n > 1:
        mean = (a * off).sum(2, keepdim=True) / (n - 1)
        a = torch.where(off, a - mean, a)
    if kind == "diagonal":
        a = a * ~off
    between, b = (a * off).square().sum((1, 2)), diagonality(a).square().sum((1, 2))
    slack = 1e-12 * (1 + b)
    assert (b / n <= between + slack).all()
    assert (between <= b + slack).all()
    if kind == "rows that cancel" or n == 1:
        assert ((between - b).abs() <= slack).all()
    if kind == "rows that are level":
        assert ((between - b / n).abs() <= slack).all()
    if n == 1 or kind == "diagonal":
        assert (b <= slack).all()


def test_a_jacobian_that_is_not_square_is_refused_with_both_shapes():
    for penalty in (JacobianSymmetry(), JacobianDiagonality()):
        with pytest.raises(ValueError, match=r"J is 3×5 and Jᵀ is 5×3"):
            penalty.operator(forward(network(outputs=3), batch()))


def test_a_hessian_of_several_outputs_is_refused():
    with pytest.raises(ValueError, match="has 5"):
        Hessian("output").operator(forward(network(), batch()))
    with pytest.raises(ValueError, match="loss, output"):
        Hessian("logit")


def test_a_teacher_is_frozen_and_receives_no_gradient():
    teacher = network(seed=4)
    model = network()
    out = JacobianTarget(Teacher(teacher))(model, CrossEntropy(), batch(), Lanczos(3))
    out.values.mean().backward()
    assert all(p.grad is None and not p.requires_grad for p in teacher.parameters())
    assert any(p.grad is not None for p in model.parameters())


def test_a_network_that_equals_its_teacher_has_no_penalty():
    for penalty in (JacobianTarget(Teacher(network())), HessianTarget(Teacher(network()))):
        out = penalty(network(), CrossEntropy(), batch(), Lanczos(4))
        assert (out.values < 1e-25).all()

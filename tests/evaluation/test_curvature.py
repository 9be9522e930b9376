"""Every example's σ_max(J), eigenvalue, margin and share, against dense derivatives and closed forms."""

import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.func import functional_call, jacrev, vmap

from jhrun.attacks import FGSM
from jhrun.data import Part
from jhrun.errors import NumericalError
from jhrun.evaluation import Evaluation
from jhrun.evaluation import curvature as module
from jhrun.evaluation.analyses.curvature import CurvatureAnalysis, record
from jhrun.evaluation.curvature import BATCH, TOLERANCE, Estimator, curvature, double, logit_margin
from jhrun.evaluation.evaluate import OUTCOMES, evaluate
from jhrun.evaluation.store import load_analysis, save_analysis
from jhrun.evaluation.subject import Subject
from jhrun.jsonio import typed
from jhrun.linalg import Direction, Exact, Lanczos
from jhrun.objectives import CrossEntropy, SquaredError
from jhrun.penalties import Hessian, HessianDiagonality, Jacobian
from jhrun.records import AnalysisRecord, AttackRecord, CurvatureRecord, Spread

EPS = torch.finfo(torch.float64).eps


def images(n, seed=0):
    pixels = torch.randint(0, 256, (n, 1, 3, 4), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))
    return Part(pixels, torch.arange(n) % 4)


def network(*layers, seed=0):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(nn.Flatten(), *[layer() for layer in layers])


def smooth(seed=0):
    return network(lambda: nn.Linear(12, 10), lambda: nn.Softplus(8), lambda: nn.Linear(10, 4), seed=seed)


def curved(seed=0):
    """With weights so large that the network's own second derivatives outweigh the convex Gauss-Newton part."""
    made = network(lambda: nn.Linear(12, 30), nn.Tanh, lambda: nn.Linear(30, 4), seed=seed)
    with torch.no_grad():
        made[1].weight *= 4
    return made


def linear(weight, bias=None):
    layer = nn.Linear(weight.shape[1], weight.shape[0])
    with torch.no_grad():
        layer.weight.copy_(weight)
        layer.bias.copy_(torch.zeros(len(weight)) if bias is None else bias)
    return nn.Sequential(nn.Flatten(), layer)


def dense(model, part):
    """Jacobians (N, C, D) and Hessians of the cross-entropy (N, D, D), by torch.func."""
    precise = double(model)
    parameters = dict(precise.named_parameters())
    x = next(part.batches(len(part))).inputs.double().flatten(1)

    def logits(one):
        return functional_call(precise, parameters, (one[None],))[0]

    def loss(one, target):
        return torch.nn.functional.cross_entropy(logits(one), target)

    return vmap(jacrev(logits))(x), vmap(jacrev(jacrev(loss)))(x, part.targets)


def leading(matrices):
    values = torch.linalg.eigvalsh(matrices)
    return values.gather(1, values.abs().argmax(1, keepdim=True))[:, 0]


@pytest.mark.parametrize("make", [smooth, curved])
def test_every_example_agrees_with_dense_derivatives(make):
    part, model = images(BATCH + 22), make()
    found = curvature(model, CrossEntropy(), part, seed=0)
    jacobians, hessians = dense(model, part)
    sigma = torch.linalg.matrix_norm(jacobians, ord=2)
    # ‖vᵀJ‖ at an eigenvector with an error of √(n·eps) of JJᵀ is off by n·eps relatively, n being C·D terms
    assert ((found.sigma_max - sigma).abs() <= 4 * 12 * 4 * EPS * sigma).all()
    truth = leading(hessians)
    assert found.eigenvalue.reached.all()
    assert ((found.eigenvalue.value - truth).abs() <= TOLERANCE * truth.abs()).all()
    assert record(found, torch.zeros(len(part), dtype=torch.int64)).negative == (truth < 0).sum()
    if make is curved:
        assert (truth < 0).any()
        assert (truth > 0).any()


def test_a_linear_network_has_known_curvature():
    """J = W, and H = Wᵀ(diag p − ppᵀ)W."""
    w = torch.randn(4, 12, generator=torch.Generator().manual_seed(1))
    part, model = images(20), linear(w)
    found = curvature(model, CrossEntropy(), part, seed=0)
    w = w.double()
    assert torch.allclose(found.sigma_max, torch.linalg.matrix_norm(w, ord=2).expand(20), rtol=1e-12)
    x = next(part.batches(20)).inputs.double().flatten(1)
    p = (x @ w.T).softmax(1)
    h = w.T @ (torch.diag_embed(p) - p[:, :, None] * p[:, None]) @ w
    truth = torch.linalg.eigvalsh(h)[:, -1]
    assert ((found.eigenvalue.value - truth).abs() <= TOLERANCE * truth).all()


def test_of_class_distributions_the_labels_alone_count():
    part = images(6)
    soft = Part(part.inputs, torch.full((6, 4), 0.25), part.labels)
    model = linear(torch.randn(4, 12, generator=torch.Generator().manual_seed(3)))
    of_labels, of_soft = (curvature(model, SquaredError(), some, seed=0) for some in (part, soft))
    assert torch.equal(of_soft.margin, of_labels.margin)
    assert torch.equal(of_soft.eigenvalue.value, of_labels.eigenvalue.value)


def test_confident_examples_need_float64():
    """Two classes, z₁ = −z₀ = a: H = p₀p₁·4wwᵀ with p₀ of 1e-9, which float32 loses to rounding."""
    w = torch.full((12,), 0.5)
    part = Part(torch.full((1, 1, 3, 4), 255, dtype=torch.uint8), torch.tensor([1]))
    scale = 20.0 / (2 * 6)
    model = linear(torch.stack([-w, w]) * scale)
    found = curvature(model, CrossEntropy(), part, seed=0)
    z = 2 * 6 * float(torch.tensor(0.5 * scale)) / 0.5
    p0 = 1 / (1 + math.exp(z))
    truth = p0 * (1 - p0) * 4 * 12 * float(torch.tensor(0.5 * scale)) ** 2
    assert p0 < 1e-8
    assert abs(found.eigenvalue.value.item() - truth) <= TOLERANCE * truth
    assert found.eigenvalue.reached


def test_a_network_of_zeros_has_none():
    found = curvature(linear(torch.zeros(4, 12)), CrossEntropy(), images(5), seed=0)
    for values in (found.sigma_max, found.eigenvalue.value, found.eigenvalue.residual, found.margin, found.radius):
        assert not values.any()
    assert found.eigenvalue.reached.all()


def test_a_network_that_ignores_its_input_keeps_its_answer_everywhere():
    part = images(8)
    found = curvature(linear(torch.zeros(4, 12), torch.tensor([0.0, 3.0, 1.0, 0.0])), CrossEntropy(), part, seed=0)
    assert found.margin.tolist() == [-3.0, 2.0, -2.0, -3.0] * 2
    assert found.radius.tolist() == [0.0, math.inf, 0.0, 0.0] * 2
    kept = record(found, torch.tensor([2, 0, 2, 2] * 2))
    assert kept.groups["survived"]["first_order_radius"].median is None
    assert kept.groups["wrong"]["first_order_radius"].max == 0


@pytest.mark.parametrize(
    ("coefficients", "leading_value"), [((0, 5, 1), 10), ((0, -5, 1), -10), ((0, 5, -5), 10), ((3, 0, 0), 0)]
)
def test_known_hessians_whose_gradient_is_orthogonal_to_the_top_eigenvector(coefficients, leading_value):
    """ℓ = x₀ + Σ cᵢxᵢ² at a point with x₁ = x₂ = 0: its gradient (1 + 2c₀x₀, 0, 0, …) has nothing of e₁ and e₂."""
    level = 0 if coefficients[0] == 0 else 255
    pixels = torch.zeros(1, 1, 3, 4, dtype=torch.uint8)
    pixels[0, 0, 0, 0] = level
    c = torch.tensor(coefficients, dtype=torch.float64)

    def objective(outputs, targets):
        linear_part = outputs[:, 0] if coefficients[0] == 0 else 0 * outputs[:, 0]
        return linear_part + (c[1:] * outputs[:, 1:3].square()).sum(1)

    found = curvature(nn.Sequential(nn.Flatten()), objective, Part(pixels, torch.tensor([0])), seed=0)
    assert found.eigenvalue.reached
    value = found.eigenvalue.value.item()
    if coefficients[1] == -coefficients[2] != 0:
        value = abs(value)  # ±10 are equally large: either will do
    assert abs(value - leading_value) <= TOLERANCE * 10


def test_the_margin_is_that_of_the_runner_up():
    logits = torch.tensor([[3.0, 1.0, 2.0], [3.0, 1.0, 2.0], [1.0, 1.0, 1.0]])
    assert logit_margin(logits, torch.tensor([0, 1, 2])).tolist() == [1.0, -2.0, 0.0]


def test_the_radius_of_opposite_logits_is_the_distance_of_the_boundary():
    """z = ±wᵀx: σ_max = √2‖w‖, the boundary lies at margin/(2‖w‖) = margin/(√2·σ_max); margin/σ_max is too far."""
    w = torch.randn(12, generator=torch.Generator().manual_seed(2))
    part = Part(images(40).inputs, torch.arange(40) % 2)
    found = curvature(linear(torch.stack([w, -w])), CrossEntropy(), part, seed=0)
    right = found.margin > 0
    distance = found.margin[right] / (2 * w.double().norm())
    assert right.any()
    assert torch.allclose(found.radius[right], distance, rtol=1e-12)
    assert (found.margin[right] / found.sigma_max[right] > distance).all()
    assert not found.radius[~right].any()


def test_the_radius_of_a_linear_network_never_reaches_the_boundary():
    w = torch.randn(4, 12, generator=torch.Generator().manual_seed(3))
    part = images(200)
    found = curvature(linear(w), CrossEntropy(), part, seed=0)
    w = w.double()
    z = next(part.batches(200)).inputs.double().flatten(1) @ w.T
    y = part.targets
    gaps = z.gather(1, y[:, None]) - z
    slopes = (w[y][:, None] - w).norm(dim=2)
    distance = (gaps / slopes).masked_fill(nn.functional.one_hot(y, 4).bool(), torch.inf).amin(1)
    right = found.margin > 0
    assert right.any()
    assert (found.radius[right] <= distance[right] * (1 + 1e-12)).all()


class Fixed:
    """A solver that always says e₀."""

    def __call__(self, operator, start=None, generator=None):
        v = torch.zeros(operator.shape[:2], dtype=operator.dtype)
        v[:, 0] = 1
        return Direction(v, None, None, 0)


@pytest.mark.parametrize(("penalty", "matrix"), [(Jacobian(), "J"), (Hessian(), "H")])
def test_the_share_is_that_of_the_penalty_and_solver_given(penalty, matrix):
    part, model = images(30), curved()
    found = curvature(model, CrossEntropy(), part, estimator=Estimator(penalty, Fixed()), seed=0)
    jacobians, hessians = dense(model, part)
    true = torch.linalg.matrix_norm(jacobians, ord=2) if matrix == "J" else leading(hessians).abs()
    rows = (jacobians if matrix == "J" else hessians)[:, 0].norm(dim=1)
    assert found.matrix == matrix
    # numerators in float32, and |θ| within the tolerance
    assert torch.allclose(found.share, rows / true, rtol=TOLERANCE, atol=1e-5)
    kept = record(found, torch.zeros(30, dtype=torch.int64))
    assert kept.share_of == matrix
    assert abs(kept.share.mean - found.share.mean().item()) < 1e-12
    assert kept.share.p10 == np.quantile(found.share.numpy(), 0.1, method="inverted_cdf")


@pytest.mark.parametrize("penalty", [Jacobian(), Hessian()])
def test_the_exact_solver_s_share_is_everything(penalty):
    found = curvature(smooth(), CrossEntropy(), images(30), estimator=Estimator(penalty, Exact()), seed=0)
    assert (found.share - 1).abs().max() <= TOLERANCE
    weak = curvature(smooth(), CrossEntropy(), images(30), estimator=Estimator(penalty, Lanczos(1)), seed=0)
    assert weak.share.median() < 0.95


@pytest.mark.parametrize("penalty", [HessianDiagonality(), Hessian("output")])
def test_of_another_matrix_the_share_is_not_known(penalty):
    found = curvature(smooth(), CrossEntropy(), images(3), estimator=Estimator(penalty, Exact()), seed=0)
    assert found.share is None
    kept = record(found, torch.zeros(3, dtype=torch.int64))
    assert kept.share is None
    assert kept.share_of is None


def test_a_share_of_nothing_is_left_out():
    model = linear(torch.zeros(4, 12))
    found = curvature(model, CrossEntropy(), images(3), estimator=Estimator(Jacobian(), Exact()), seed=0)
    assert found.share.isnan().all()
    assert record(found, torch.zeros(3, dtype=torch.int64)).share is None


def test_what_missed_the_tolerance_is_counted(monkeypatch):
    monkeypatch.setattr(module, "MOST_STEPS", 1)
    part, model = images(30), curved()
    found = curvature(model, CrossEntropy(), part, seed=0)
    missed = int((found.eigenvalue.residual > TOLERANCE).sum())
    assert missed > 0
    kept = record(found, torch.zeros(30, dtype=torch.int64))
    assert kept.missed >= missed
    assert kept.worst_residual == found.eigenvalue.residual.max()
    truth = leading(dense(model, part)[1]).abs()
    assert (found.eigenvalue.value.abs() <= truth * (1 + 1e-9)).all()


def test_batches_shrink_to_their_memory(monkeypatch):
    part, model, told = images(30), smooth(), []
    whole = curvature(model, CrossEntropy(), part, seed=0)
    monkeypatch.setattr(module, "MEMORY", 7 * 8 * 12 * (4 + 12))
    parts = curvature(model, CrossEntropy(), part, seed=0, progress=lambda done, n: told.append((done, n)))
    assert told == [(7, 30), (14, 30), (21, 30), (28, 30), (30, 30)]
    assert torch.allclose(parts.sigma_max, whole.sigma_max, rtol=1e-12)
    assert torch.allclose(parts.eigenvalue.value, whole.eigenvalue.value, rtol=2 * TOLERANCE)


def test_a_piecewise_linear_network_is_warned_of():
    made = network(lambda: nn.Linear(12, 10), nn.ReLU, lambda: nn.Linear(10, 4))
    found = curvature(made, CrossEntropy(), images(5), seed=0)
    assert "Gauss-Newton" in found.warnings[0]
    assert "'2' (ReLU)" in found.warnings[0]
    assert (found.eigenvalue.value >= 0).all()
    assert curvature(smooth(), CrossEntropy(), images(5), seed=0).warnings == ()


def test_network_modes_and_random_state_are_left_alone():
    model = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(12, 4))
    model[2].eval()
    before, state = {k: v.clone() for k, v in model.state_dict().items()}, torch.get_rng_state()
    results = [
        curvature(model, CrossEntropy(), images(5), estimator=Estimator(Jacobian(), Exact()), seed=0)
        for _ in range(2)
    ]
    assert torch.equal(results[0].share, results[1].share)
    assert (results[0].share - 1).abs().max() < 1e-5
    assert torch.equal(results[0].eigenvalue.value, results[1].eigenvalue.value)
    assert model[1].training
    assert not model[2].training
    assert all(torch.equal(v, before[k]) and v.dtype == torch.float32 for k, v in model.state_dict().items())
    assert all(p.requires_grad and p.grad is None for p in model.parameters())
    assert torch.equal(torch.get_rng_state(), state)


def test_gradients_that_are_not_finite_end_it():
    with pytest.raises(NumericalError, match="gradients"):
        curvature(linear(torch.full((4, 12), torch.nan)), CrossEntropy(), images(3), seed=0)


def test_a_spread_s_quantiles_are_observed_values():
    values = torch.randn(57, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    spread = Spread.of(values)
    for share, found in ((0.1, spread.p10), (0.5, spread.median), (0.9, spread.p90)):
        assert found == np.quantile(values.numpy(), share, method="inverted_cdf")
    assert (spread.min, spread.max) == (values.min(), values.max())
    assert spread.n == 57
    assert Spread.of(torch.tensor([2.0])) == Spread(1, *[2.0] * 6)


def test_outcomes_are_those_of_the_worst_case():
    """Two attacks of the headline's norm count, one of another norm does not."""
    wrong, right = torch.tensor([1, 1, 1, 1]), torch.tensor([0, 0, 0, 0])
    evaluation = Evaluation(
        targets=torch.zeros(4, dtype=torch.int64),
        clean=torch.tensor([0, 0, 0, 1]),
        attacked={"a": torch.tensor([0, 1, 0, 1]), "b": right, "two": wrong},
        last={"a": right, "b": torch.tensor([0, 0, 0, 1]), "two": wrong},
        distance={},
        shown=torch.zeros(0),
        images=torch.zeros(0),
        adversarial={},
        records={
            name: AttackRecord(None, 0.1, norm, 1.0, {})
            for name, norm in (("a", "inf"), ("b", "inf"), ("two", "2"))
        },
    )
    assert evaluation.outcomes.tolist() == [0, 1, 0, 2]


def test_what_is_kept_is_what_was_measured(tmp_path):
    model, part = smooth(), images(9)
    evaluation = evaluate(model, part, {"fgsm": FGSM(0.3)}, seed=0)
    told = []
    subject = Subject(
        model, part, evaluation, {}, 0, {}, tuple("abcdefghij"), estimator=lambda: Estimator(Hessian(), Exact()),
        progress=told.append,
    )  # fmt: skip
    result = CurvatureAnalysis()(subject)
    save_analysis(
        tmp_path, AnalysisRecord("curvature", {}, 1.0, "", result.record, result.sections), result.arrays
    )
    found = curvature(model, CrossEntropy(), part, estimator=Estimator(Hessian(), Exact()), seed=0)
    stored = load_analysis(tmp_path, "curvature")
    (figure,) = stored.sections[0].figures
    columns = figure.columns
    assert {*figure.units, "class", "outcome"} == columns.keys()
    assert columns["sigma_max"].tolist() == found.sigma_max.tolist()
    assert columns["lambda_top"].tolist() == found.eigenvalue.value.tolist()
    assert columns["sigma_max"].dtype == np.float64
    assert columns["outcome"].tolist() == [OUTCOMES[i] for i in evaluation.outcomes]
    read = typed(stored.record, CurvatureRecord, tmp_path)
    assert read == result.record
    for code, group in enumerate(OUTCOMES):
        those = evaluation.outcomes == code
        assert (group in read.groups) == bool(those.any())
        if group in read.groups:
            assert read.groups[group]["lambda_modulus"].max == found.eigenvalue.value.abs()[those].max().item()
            assert read.groups[group]["margin"].n == int(those.sum())
    assert told[-1] == 1
    assert 0 < CurvatureAnalysis().seconds(subject) < 60

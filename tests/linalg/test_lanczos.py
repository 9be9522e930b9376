"""Lanczos against ``torch.linalg`` in float64, on matrices whose spectrum is known.

Tolerances are multiples of eps·‖A‖. Each of the k steps of a run, one product and two orthogonalisations in
dimension 12 or less, rounds by fewer than 10·eps·‖A‖; where a run has broken down, the coupling that was dropped,
at most 100·eps·‖A‖, comes on top.
"""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from jhrun.linalg import DenseOperator, Lanczos
from jhrun.linalg.lanczos import tridiagonalise

DTYPES = [torch.float32, torch.float64]
D = 12

SPECTRA = {
    "psd": [D - i for i in range(D)],
    "negative definite": [-1 - i for i in range(D)],
    "indefinite": [i - 4.5 for i in range(D)],
    "zero": [0] * D,
    "identity": [1] * D,
    "minus identity": [-1] * D,
    "rank one": [2] + [0] * (D - 1),
    "minus rank one": [-2] + [0] * (D - 1),
    "plus and minus": [1, -1] * (D // 2),
    "repeated top": [3, 3, 3] + [1] * (D - 3),
    "geometric": [0.5**i for i in range(D)],
    "steep": [1e-3**i for i in range(D)],
}
WANTED = {
    "max": lambda spectrum: spectrum.amax(-1),
    "min": lambda spectrum: spectrum.amin(-1),
    "abs": lambda spectrum: spectrum.abs().amax(-1),
}

each_which = pytest.mark.parametrize("which", WANTED)
each_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=str)
each_spectrum = pytest.mark.parametrize("spectrum", SPECTRA.values(), ids=SPECTRA.keys())


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=seeded(seed), dtype=torch.float64)


def with_spectrum(spectrum, dtype=torch.float64, batch=3, seed=0):
    """Symmetric matrices with this spectrum, up to rounding, in random bases."""
    eigenvalues = torch.as_tensor(spectrum, dtype=torch.float64)
    q, _ = torch.linalg.qr(normal(batch, len(eigenvalues), len(eigenvalues), seed=seed))
    matrix = (q * eigenvalues) @ q.mT
    return ((matrix + matrix.mT) / 2).to(dtype)


def symmetric(matrix):
    return DenseOperator(matrix, symmetric=True)


def starts(batch, d, dtype=torch.float64, seed=1):
    vectors = normal(batch, d, seed=seed)
    return (vectors / vectors.norm(dim=1, keepdim=True)).to(dtype)


def norms(matrix):
    return torch.linalg.matrix_norm(matrix.double(), ord=2)


def tolerance(matrix, dtype, iterations, breakdown=True):
    return (100 * breakdown + 10 * iterations) * torch.finfo(dtype).eps * norms(matrix)


def true_residual(matrix, found):
    v = found.vector.double()
    return (torch.einsum("bij,bj->bi", matrix.double(), v) - found.value.double()[:, None] * v).norm(dim=1)


# --- the recurrence


@each_dtype
@each_spectrum
@pytest.mark.parametrize("iterations", [1, 5, D])
def test_recurrence_M_Q_is_Q_T_plus_beta_q_e(spectrum, dtype, iterations):
    """M Q − Q T is zero but for the last column, which is orthogonal to Q and has the norm β."""
    matrix = with_spectrum(spectrum, dtype)
    t = tridiagonalise(symmetric(matrix), starts(3, D, dtype), iterations)
    for b, size in enumerate(t.size.tolist()):
        q = t.basis[b, :size].double().T
        off = t.off_diagonal[b, : size - 1].double()
        small = torch.diag(t.diagonal[b, :size].double()) + torch.diag(off, 1) + torch.diag(off, -1)
        remainder = matrix[b].double() @ q - q @ small
        allowed = tolerance(matrix, dtype, iterations, breakdown=False)[b]
        assert remainder[:, :-1].norm() <= allowed
        assert (remainder[:, -1].norm() - t.beta[b]).abs() <= allowed
        assert (q.T @ remainder).norm() <= allowed


@each_dtype
@each_spectrum
def test_basis_is_orthonormal(spectrum, dtype):
    """QᵀQ = I, with zero rows from the breakdown on."""
    t = tridiagonalise(symmetric(with_spectrum(spectrum, dtype)), starts(3, D, dtype), D)
    q = t.basis.double()
    present = (torch.arange(D) < t.size[:, None]).double()
    assert (q @ q.mT - torch.diag_embed(present)).norm(dim=(1, 2)).max() <= 10 * D * torch.finfo(dtype).eps


def test_breakdown_comes_where_the_krylov_space_is_exhausted():
    """Its dimension is the number of distinct eigenvalues; what is beyond it is zero."""
    spectra = [[0, 0, 0, 0], [1, 1, 1, 1], [2, 0, 0, 0], [3, 3, 1, -1], [1, 2, 3, 4]]
    matrix = torch.cat([with_spectrum(s, batch=1) for s in spectra])
    t = tridiagonalise(symmetric(matrix), starts(5, 4), 4)
    assert t.size.tolist() == [1, 1, 2, 3, 4]
    beyond = torch.arange(4) >= t.size[:, None]
    assert torch.equal(t.basis[beyond], torch.zeros(int(beyond.sum()), 4, dtype=torch.float64))
    assert torch.equal(t.diagonal[beyond], torch.zeros(int(beyond.sum()), dtype=torch.float64))
    assert torch.equal(t.off_diagonal[beyond[:, 1:]], torch.zeros(int(beyond[:, 1:].sum()), dtype=torch.float64))


@each_dtype
@pytest.mark.parametrize("exponent", [-27, 0, 27])
@pytest.mark.parametrize(("coupling", "size", "top"), [(50, 1, 1), (200, 2, 2)])
def test_breakdown_is_relative_and_the_dropped_coupling_stays_in_the_residual(
    coupling, size, top, exponent, dtype
):
    """M = [[1, c], [c, 2]] from the first axis, at scales of a power of two: without a breakdown, θ = 2."""
    c, scale = coupling * torch.finfo(dtype).eps, 2.0**exponent
    matrix = torch.tensor([[[1, c], [c, 2]]], dtype=dtype) * scale
    start = torch.tensor([[1.0, 0.0]], dtype=dtype)
    assert tridiagonalise(symmetric(matrix), start, 2).size.tolist() == [size]
    found = Lanczos(2)(symmetric(matrix), start)
    assert (found.value - top * scale).abs().max() <= tolerance(matrix, dtype, 2, breakdown=False).max()
    if size == 1:
        assert found.residual.item() == c * scale


@each_dtype
def test_orthogonality_is_kept_over_many_steps(dtype):
    """Without reorthogonalisation, this float32 case gives several copies of the top Ritz value."""
    matrix = with_spectrum([0.9**i for i in range(200)], dtype, batch=1)
    t = tridiagonalise(symmetric(matrix), starts(1, 200, dtype), 128)
    off = t.off_diagonal[0].double()
    ritz = torch.linalg.eigvalsh(torch.diag(t.diagonal[0].double()) + torch.diag(off, 1) + torch.diag(off, -1))
    expected = torch.tensor([0.81, 0.9, 1.0], dtype=torch.float64)
    assert (ritz[-3:] - expected).abs().max() <= tolerance(matrix, dtype, 128)


# --- the extremal pair


@each_which
@each_dtype
@each_spectrum
@pytest.mark.parametrize("scale", [1e-8, 1.0, 1e8])
def test_full_dimension_gives_the_extremal_pair(spectrum, scale, dtype, which):
    matrix = with_spectrum([scale * e for e in spectrum], dtype)
    found = Lanczos(D, which)(symmetric(matrix), generator=seeded())
    expected = WANTED[which](torch.linalg.eigvalsh(matrix.double()))
    value = found.value.abs() if which == "abs" else found.value
    allowed = tolerance(matrix, dtype, D)
    assert ((value - expected).abs() <= allowed).all()
    assert (true_residual(matrix, found) <= allowed).all()
    assert (found.residual <= allowed).all()
    assert (found.vector.double().norm(dim=1) - 1).abs().max() <= D * torch.finfo(dtype).eps
    assert found.vector.dtype == found.value.dtype == found.residual.dtype == dtype
    assert found.products == D


@each_dtype
@pytest.mark.parametrize("iterations", [1, 2, 4, D])
@each_spectrum
def test_residual_is_that_of_the_pair(spectrum, iterations, dtype):
    """β·|last entry of T's eigenvector| = ‖Mv − θv‖, converged or not."""
    matrix = with_spectrum(spectrum, dtype)
    found = Lanczos(iterations)(symmetric(matrix), generator=seeded())
    allowed = tolerance(matrix, dtype, iterations, breakdown=False)
    assert ((found.residual - true_residual(matrix, found)).abs() <= allowed).all()


@pytest.mark.parametrize("iterations", [1, 2, 4, D])
def test_value_is_the_rayleigh_quotient(iterations):
    matrix = with_spectrum(SPECTRA["indefinite"])
    found = Lanczos(iterations)(symmetric(matrix), generator=seeded())
    quotient = torch.einsum("bi,bij,bj->b", found.vector, matrix, found.vector)
    allowed = tolerance(matrix, torch.float64, iterations, breakdown=False)
    assert ((found.value - quotient).abs() <= allowed).all()


@pytest.mark.parametrize(("which", "sign"), [("max", -1), ("min", 1), ("abs", -1), ("abs", 1)])
@pytest.mark.parametrize("spectrum", [[1.0] * 4, [3.0, 1.0, 1.0, 1.0], [4.0, 3.0, 2.0, 1.0]], ids=str)
def test_padding_never_wins(which, sign, spectrum):
    """A definite matrix whose Krylov space is small has no Ritz value 0, beside an example that goes on."""
    definite = with_spectrum([sign * e for e in spectrum], batch=1)
    matrix = torch.cat([definite, with_spectrum([1, -2, 3, -4], batch=1)])
    found = Lanczos(4, which)(symmetric(matrix), generator=seeded())
    wanted = {"max": max, "min": min, "abs": lambda s: max(s, key=abs)}[which]
    expected = torch.tensor([wanted([sign * e for e in spectrum]), wanted([1, -2, 3, -4])])
    assert ((found.value - expected).abs() <= tolerance(matrix, torch.float64, 4)).all()


@each_which
@each_dtype
def test_each_row_is_the_example_alone(which, dtype):
    """Examples break down after 1, 2 and 3 steps while their neighbours go on."""
    spectra = [[0] * 6, [1] * 6, [2, 0, 0, 0, 0, 0], [3, 1, -1, -1, -1, -1], [-4, 3, 2, 1, 0, -1]]
    matrix = torch.cat([with_spectrum(s, dtype, batch=1, seed=i) for i, s in enumerate(spectra)])
    start = starts(5, 6, dtype)
    together = Lanczos(6, which)(symmetric(matrix), start)
    for b in range(5):
        alone = Lanczos(6, which)(symmetric(matrix[b]), start[b : b + 1])
        allowed = tolerance(matrix[b], dtype, 6)
        assert (together.value[b] - alone.value[0]).abs() <= allowed
        assert (together.residual[b] - alone.residual[0]).abs() <= allowed
        # T's eigenvalues are simple, so that the vector is unique up to its sign; 1 − cos is of second order
        assert (together.vector[b].dot(alone.vector[0]).abs() - 1).abs() <= 10 * 6 * torch.finfo(dtype).eps


@each_which
@each_dtype
def test_neighbours_of_another_scale_do_not_matter(which, dtype):
    scales = [2.0**-30, 1.0, 2.0**30]
    matrix = with_spectrum(SPECTRA["indefinite"], dtype, batch=1)
    start = starts(1, D, dtype)
    together = Lanczos(D, which)(symmetric(torch.cat([c * matrix for c in scales])), start.expand(3, D))
    alone = Lanczos(D, which)(symmetric(matrix), start)
    for value, residual, c in zip(together.value, together.residual, scales, strict=True):
        allowed = tolerance(c * matrix, dtype, D)
        assert (value - c * alone.value).abs() <= allowed
        assert residual <= allowed


def test_iterations_are_clamped_to_the_dimension():
    matrix = with_spectrum([3, 2, 1])
    clamped, full = (Lanczos(n)(symmetric(matrix), generator=seeded()) for n in (16, 3))
    assert clamped.products == 3
    assert torch.equal(clamped.vector, full.vector)
    assert torch.equal(clamped.value, full.value)


@pytest.mark.parametrize("d", [1, 2])
def test_smallest_dimensions(d):
    matrix = torch.diag_embed(torch.tensor([[-3.0, 2.0], [0.0, 0.0]], dtype=torch.float64)[:, :d])
    found = Lanczos(4)(symmetric(matrix), generator=seeded())
    assert found.products == d
    assert (found.value - torch.tensor([-3.0, 0.0])).abs().max() <= tolerance(matrix, torch.float64, d).max()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_half_precision_is_accepted(dtype):
    """Whole numbers are exact there; torch has no eigensolver for it."""
    matrix = torch.diag_embed(torch.tensor([[2.0, 2.0], [-3.0, -3.0]], dtype=dtype))
    found = Lanczos(2)(symmetric(matrix), torch.tensor([[1.0, 0.0], [0.0, 1.0]], dtype=dtype))
    assert found.value.dtype == found.vector.dtype == dtype
    assert found.value.tolist() == [2.0, -3.0]


# --- starts


def test_an_eigenvector_as_start_is_kept():
    matrix = torch.diag_embed(torch.tensor([[5.0, 2.0, -7.0]], dtype=torch.float64))
    found = Lanczos(3)(symmetric(matrix), torch.tensor([[0.0, 3.0, 0.0]], dtype=torch.float64))
    assert found.vector.tolist() == [[0.0, 1.0, 0.0]]
    assert (found.value.item(), found.residual.item()) == (2.0, 0.0)


def test_rows_without_a_start_begin_at_random():
    matrix = with_spectrum(SPECTRA["psd"])
    start = starts(3, D)
    start[1] = 0
    mixed = Lanczos(2)(symmetric(matrix), start, seeded())
    random = Lanczos(2)(symmetric(matrix), None, seeded())
    given_start = Lanczos(2)(symmetric(matrix), starts(3, D), seeded())
    assert torch.equal(mixed.vector[1], random.vector[1])
    assert torch.equal(mixed.vector[[0, 2]], given_start.vector[[0, 2]])


def test_same_seed_same_result():
    matrix = with_spectrum(SPECTRA["indefinite"])
    first, again, other = (Lanczos(2)(symmetric(matrix), generator=seeded(seed)) for seed in (1, 1, 2))
    assert torch.equal(first.vector, again.vector)
    assert torch.equal(first.value, again.value)
    assert not torch.equal(first.vector, other.vector)


def test_result_is_detached_under_grad_mode():
    matrix = with_spectrum([3, 2, 1]).requires_grad_()
    start = starts(3, 3).requires_grad_()
    with torch.enable_grad():
        found = Lanczos(2)(symmetric(matrix), start)
    assert not any(t.requires_grad for t in (found.vector, found.value, found.residual))


# --- matrices that are not symmetric


@pytest.mark.parametrize("shape", [(3, 7), (5, 5), (7, 3), (1, 4), (4, 1)], ids=str)
def test_other_matrices_give_the_top_left_singular_pair(shape):
    m, n = shape
    left, right = torch.linalg.qr(normal(2, m, m))[0], torch.linalg.qr(normal(2, n, n, seed=1))[0]
    rank = min(m, n)
    sigma = torch.arange(rank, 0, -1, dtype=torch.float64)  # gaps of at least 1
    matrix = (left[:, :, :rank] * sigma) @ right[:, :, :rank].mT
    found = Lanczos(m)(DenseOperator(matrix), generator=seeded())
    # of AAᵀ, whose norm is ‖A‖² and whose gaps are at least 1
    allowed = tolerance(matrix @ matrix.mT, torch.float64, m)
    assert ((found.value - sigma[0] ** 2).abs() <= allowed).all()
    penalty = torch.einsum("bm,bmn->bn", found.vector, matrix).square().sum(1)
    assert ((penalty - found.value).abs() <= allowed).all()
    assert ((torch.einsum("bm,bm->b", found.vector, left[:, :, 0]).abs() - 1).abs() <= allowed).all()
    assert ((found.residual - true_residual(matrix @ matrix.mT, found)).abs() <= allowed).all()
    assert found.products == 2 * m


@pytest.mark.parametrize("iterations", [1, 2])
def test_value_is_the_penalty_also_before_convergence(iterations):
    """θ = ‖vᵀA‖² for the v that is returned."""
    matrix = normal(2, 6, 9)
    found = Lanczos(iterations)(DenseOperator(matrix), generator=seeded())
    penalty = torch.einsum("bm,bmn->bn", found.vector, matrix).square().sum(1)
    allowed = tolerance(matrix @ matrix.mT, torch.float64, iterations, breakdown=False)
    assert ((found.value - penalty).abs() <= allowed).all()
    assert (found.value < norms(matrix) ** 2).all()


# --- drawn spectra

spectra = st.lists(st.floats(-1, 1, width=32), min_size=1, max_size=8)
seeds = st.integers(0, 1000)
iterations_ = st.integers(1, 8)
drawn = settings(max_examples=60, deadline=None)


@drawn
@given(spectra, seeds, iterations_, st.sampled_from(sorted(WANTED)), st.integers(-20, 20))
def test_scaling(spectrum, seed, n, which, exponent):
    """θ(cA) = c·θ(A): to the last bit for powers of two, with which nothing is rounded."""
    matrix, c = with_spectrum(spectrum, batch=1, seed=seed), 2.0**exponent
    start = starts(1, len(spectrum), seed=seed + 1)
    plain, scaled = (Lanczos(n, which)(symmetric(m), start) for m in (matrix, c * matrix))
    assert torch.equal(scaled.value, c * plain.value)
    assert torch.equal(scaled.residual, c * plain.residual)
    assert torch.equal(scaled.vector, plain.vector)


@drawn
@given(spectra, seeds, iterations_, st.sampled_from([("max", "min"), ("min", "max")]))
def test_negation_swaps_the_ends(spectrum, seed, n, ends):
    """θ_max(−A) = −θ_min(A), in the same Krylov space."""
    matrix = with_spectrum(spectrum, batch=1, seed=seed)
    start = starts(1, len(spectrum), seed=seed + 1)
    found, mirrored = (Lanczos(n, w)(symmetric(m), start) for w, m in zip(ends, (matrix, -matrix), strict=True))
    assert ((found.value + mirrored.value).abs() <= tolerance(matrix, torch.float64, n)).all()


@drawn
@given(spectra, seeds, iterations_, st.sampled_from(sorted(WANTED)))
def test_ritz_values_lie_within_the_norm_and_near_an_eigenvalue(spectrum, seed, n, which):
    """|θ| ≤ ‖A‖₂, and min |λ − θ| ≤ residual."""
    matrix = with_spectrum(spectrum, batch=1, seed=seed)
    found = Lanczos(n, which)(symmetric(matrix), generator=seeded(seed))
    rounding = tolerance(matrix, torch.float64, n, breakdown=False)
    assert (found.value.abs() <= norms(matrix) + rounding).all()
    distance = (torch.linalg.eigvalsh(matrix) - found.value[:, None]).abs().amin(1)
    assert (distance <= found.residual + rounding).all()


@drawn
@given(st.lists(st.floats(0, 1, width=32), min_size=2, max_size=8), seeds)
def test_more_iterations_never_find_less(spectrum, seed):
    """T of n steps is a part of T of n + 1 (Cauchy's interlacing)."""
    matrix = with_spectrum(spectrum, batch=1, seed=seed)
    start = starts(1, len(spectrum), seed=seed + 1)
    values = torch.cat([Lanczos(n)(symmetric(matrix), start).value for n in range(1, len(spectrum) + 1)])
    assert (values.diff() >= -tolerance(matrix, torch.float64, len(spectrum))).all()


# --- arguments


@pytest.mark.parametrize("iterations", [0, -1, 1.5, True, False])
def test_iterations_must_be_a_whole_number_of_at_least_one(iterations):
    with pytest.raises(ValueError, match=f"iterations={iterations}: must be a whole number of at least 1"):
        Lanczos(iterations)


def test_which_must_be_known():
    with pytest.raises(ValueError, match="which='foo': must be one of max, min, abs"):
        Lanczos(2, which="foo")


def test_whole_floats_are_whole_numbers():
    """A schedule gives floats."""
    assert Lanczos(4.0).iterations == 4


@pytest.mark.parametrize("scale", [1e-30, 1e-25, 1e25, 1e30])
def test_extreme_scales_neither_vanish_nor_overflow(scale):
    """In float32, where squares of such numbers are 0 or infinite."""
    matrix = DenseOperator(scale * torch.diag(torch.tensor([3.0, 2.0, 1.0])), symmetric=True)
    found = Lanczos(3)(matrix, start=torch.ones(1, 3))
    assert found.value.item() == pytest.approx(3 * scale, rel=1e-5)
    assert 0 <= found.residual.item() < 1e-4 * scale


@pytest.mark.parametrize("iterations", [float("inf"), float("nan"), None, "foo"])
def test_iterations_that_are_no_number_are_named(iterations):
    with pytest.raises(ValueError, match=f"iterations={iterations}: must be"):
        Lanczos(iterations)


@pytest.mark.parametrize("iterations", [1, 2, 4, D])
@each_spectrum
def test_the_image_is_a_power_step_at_no_product_and_never_less_true(spectrum, iterations):
    matrix = with_spectrum(spectrum)
    operator, start = symmetric(matrix), normal(3, D, seed=4)
    ritz = Lanczos(iterations)(operator, start=start)
    found = Lanczos(iterations, image=True)(operator, start=start)
    assert found.products == ritz.products
    assert torch.equal(found.value, ritz.value)
    assert torch.equal(found.residual, ritz.residual)
    expected = (matrix @ ritz.vector[:, :, None])[:, :, 0]
    length = expected.norm(dim=1, keepdim=True)
    expected = torch.where(length > 0, expected / length, ritz.vector)
    # the recurrence makes the product up to a hundred roundings of its largest entry
    scale = matrix.flatten(1).abs().amax(1)
    near = (found.vector - expected).norm(dim=1) <= 1e-12 * torch.where(
        scale > 0, scale / length[:, 0], 1
    ).nan_to_num(1)
    assert near.all()
    before, after = ((matrix @ v[:, :, None]).norm(dim=(1, 2)) for v in (ritz.vector, found.vector))
    assert (after >= before * (1 - 1e-12)).all()


@pytest.mark.parametrize("iterations", [1, 2, 3])
def test_the_image_of_other_matrices_is_a_step_on_the_square(iterations):
    matrix = normal(3, 4, 7)
    start = normal(3, 4, seed=4)
    ritz = Lanczos(iterations)(DenseOperator(matrix), start=start)
    found = Lanczos(iterations, image=True)(DenseOperator(matrix), start=start)
    expected = torch.einsum("bmn,bkn,bk->bm", matrix, matrix, ritz.vector)
    assert torch.allclose(found.vector, expected / expected.norm(dim=1, keepdim=True), atol=1e-12)
    assert found.products == 2 * iterations


def test_the_image_is_for_the_largest_modulus_alone():
    with pytest.raises(ValueError, match="needs image=false"):
        Lanczos(2, which="max", image=True)

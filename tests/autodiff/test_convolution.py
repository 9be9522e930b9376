"""Lean convolutions against PyTorch's own: every derivative to the third, and no product that nobody asked for."""

from contextlib import nullcontext

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from jhrun.autodiff import HessianOperator, JacobianOperator
from jhrun.autodiff.convolution import LeanConvolutions
from jhrun.models import resnet18

CASES = {
    "plain": ((2, 3, 5, 5), (4, 3, 3, 3), {}),
    "stride, padding": ((2, 3, 6, 5), (4, 3, 3, 3), {"stride": 2, "padding": 1}),
    "unequal": ((1, 2, 7, 6), (3, 2, 2, 3), {"stride": (2, 1), "padding": (1, 2), "dilation": (1, 2)}),
    "lists of one": ((1, 2, 7, 6), (3, 2, 2, 3), {"stride": [2], "padding": [1]}),
    "groups": ((2, 4, 5, 5), (6, 2, 3, 3), {"groups": 2, "padding": 1}),
    "depthwise": ((2, 3, 4, 4), (3, 1, 3, 3), {"groups": 3}),
    "one by one": ((2, 3, 4, 4), (5, 3, 1, 1), {"stride": 2}),
}
# of the norm: sums of at most a hundred products, in another order
RELATIVE = 1e-13


def randn(*shape, seed):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def derivatives(x, w, b, options):
    """Of a smooth function of a convolution: its first, second and third derivatives along fixed directions."""
    x, w = x.clone().requires_grad_(), w.clone().requires_grad_()
    form = torch.tanh(F.conv2d(x, w, b, **options)).square().sum()
    found = [form]
    for order in range(3):
        gradients = torch.autograd.grad(form, (x, w), create_graph=True)
        found += gradients
        along = [randn(*g.shape, seed=2 * order + n).to(g.device) for n, g in enumerate(gradients)]
        form = sum((g * d).sum() for g, d in zip(gradients, along, strict=True))
    return found


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("case", CASES)
def test_values_and_three_derivatives_are_those_of_pytorch(case, bias):
    shape, filters, options = CASES[case]
    x, w = randn(*shape, seed=1), randn(*filters, seed=2)
    b = randn(filters[0], seed=3) if bias else None
    expected = derivatives(x, w, b, options)
    with LeanConvolutions():
        actual = derivatives(x, w, b, options)
    for a, e in zip(actual, expected, strict=True):
        assert (a - e).norm() <= RELATIVE * e.norm()


def test_the_bias_has_its_gradient_too():
    w, b = nn.Parameter(randn(4, 3, 3, 3, seed=2)), nn.Parameter(randn(4, seed=3))
    with LeanConvolutions():
        y = F.conv2d(randn(2, 3, 5, 5, seed=1).requires_grad_(), w, b)
    (gradient,) = torch.autograd.grad(y.sum(), b)
    assert torch.equal(gradient, torch.full((4,), 2.0 * 9, dtype=torch.float64))


@pytest.mark.parametrize("input", [randn(3, 5, 5, seed=0), randn(1, 3, 5, 5, seed=0)])
def test_what_is_no_batch_or_needs_no_gradient_is_left_to_pytorch(input):
    with LeanConvolutions():
        y = F.conv2d(input, randn(4, 3, 3, 3, seed=2).requires_grad_(), padding="same")
    assert y.grad_fn.name() != "_ConvolveBackward"


class Counted(TorchDispatchMode):
    """How many convolutions and gradients of convolutions are made."""

    def __init__(self):
        super().__init__()
        self.products = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.overloadpacket.__name__
        if name == "convolution":
            self.products += 1
        elif name == "convolution_backward":
            self.products += args[-1][0] + args[-1][1]
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("lean", [True, False])
def test_products_with_hessian_and_jacobian_make_no_filter_gradients(lean):
    model = resnet18(width=4, shape=(3, 16, 16), outputs=3, mean=[0.5] * 3, std=[0.3] * 3)
    layers = sum(isinstance(m, nn.Conv2d) for m in model.modules())
    x = torch.rand(2, 3, 16, 16, requires_grad=True)
    with LeanConvolutions() if lean else nullcontext():
        outputs = model(x)
    hessian = HessianOperator(outputs.square().sum(1), x)
    jacobian = JacobianOperator(outputs, x)
    jacobian.mv(torch.ones(2, 768))
    with torch.no_grad():
        with Counted() as of_hessian:
            hessian.mv(torch.ones(2, 768))
        with Counted() as of_mv:
            jacobian.mv(torch.ones(2, 768))
        with Counted() as of_rmv:
            jacobian.rmv(torch.ones(2, 3))
    # forward and back again; there alone; back alone
    assert of_rmv.products == layers
    assert (of_hessian.products, of_mv.products) == ((2 * layers, layers) if lean else (3 * layers, 2 * layers))


def test_a_network_that_ends_in_a_convolution_has_its_products():
    x = randn(2, 3, 4, 4, seed=1).requires_grad_()
    filters = randn(2, 3, 3, 3, seed=2)
    with LeanConvolutions():
        outputs = F.conv2d(torch.tanh(x), filters)
    jacobian = JacobianOperator(outputs.flatten(1), x)
    v, u = randn(2, 48, seed=3), randn(2, 8, seed=4)
    assert torch.allclose((jacobian.mv(v) * u).sum(1), (jacobian.rmv(u) * v).sum(1))
    bare = JacobianOperator(outputs, x)
    assert torch.allclose(bare.mv(v), jacobian.mv(v))


def test_torch_func_gets_pytorch_s_own():
    filters = randn(4, 3, 3, 3, seed=2)

    def f(x):
        with LeanConvolutions():
            return F.conv2d(x[None], filters).square().sum()

    x = randn(3, 4, 4, seed=1)
    expected = torch.autograd.functional.jacobian(f, x)
    assert torch.allclose(torch.func.jacrev(f)(x), expected)


@pytest.mark.parametrize("case", CASES)
def test_under_autocast_they_are_made_in_bfloat16_as_pytorch_s_own(case):
    shape, filters, options = CASES[case]
    x, w, b = (randn(*s, seed=n).float() for n, s in enumerate((shape, filters, filters[:1])))
    with torch.autocast("cpu", torch.bfloat16):
        expected = derivatives(x, w, b, options)
        with LeanConvolutions():
            assert F.conv2d(x.requires_grad_(), w, b, **options).dtype == torch.bfloat16
            actual = derivatives(x.detach(), w, b, options)
    for a, e in zip(actual, expected, strict=True):
        assert a.dtype == e.dtype
        assert (a - e).norm() <= 8 * torch.finfo(torch.bfloat16).eps * e.norm()


def test_float64_is_left_alone_by_autocast():
    x, w = randn(1, 1, 4, 4, seed=1).requires_grad_(), randn(1, 1, 3, 3, seed=2)
    with torch.autocast("cpu", torch.bfloat16), LeanConvolutions():
        assert F.conv2d(x, w).dtype == torch.float64


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_the_layout_of_images_stays(layout):
    x = randn(2, 3, 6, 6, seed=1).contiguous(memory_format=layout).requires_grad_()
    w = randn(4, 3, 3, 3, seed=2).contiguous(memory_format=layout)
    with LeanConvolutions():
        y = torch.tanh(F.conv2d(x, w))
    (gradient,) = torch.autograd.grad(y.sum(), x)
    assert y.is_contiguous(memory_format=layout)
    assert gradient.is_contiguous(memory_format=layout)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("case", CASES)
def test_on_a_gpu_derivatives_are_those_of_pytorch_too(case, layout):
    shape, filters, options = CASES[case]
    x, w = (randn(*s, seed=n).to("cuda").contiguous(memory_format=layout) for n, s in enumerate((shape, filters)))
    b = randn(filters[0], seed=3).to("cuda")
    expected = derivatives(x, w, b, options)
    with LeanConvolutions():
        actual = derivatives(x, w, b, options)
    for a, e in zip(actual, expected, strict=True):
        assert (a - e).norm() <= 100 * RELATIVE * e.norm()

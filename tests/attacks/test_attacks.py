"""Attacks on a linear classifier, whose optimum is known, and the guarantees that hold whatever an attack does."""

import pytest
import torch
import torchattacks
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from jhrun.attacks import FGSM, PGD, Attack
from jhrun.attacks.attack import evaluation_mode
from jhrun.errors import NumericalError

SHAPE = (2, 3, 4)
EPSILONS = st.floats(1e-4, 2.0)


def linear(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Flatten(), nn.Linear(24, 2))


def images(n=6, seed=1):
    random = torch.Generator().manual_seed(seed)
    x = torch.rand(n, *SHAPE, generator=random)
    # some pixels at either end of the range, where the ball is cut off
    x[:, 0, 0, 0], x[:, 0, 0, 1] = 0, 1
    return x, torch.arange(n) % 2


def optimum(model, x, y, epsilon):
    """Of a linear two-class loss in the ball and the range: every pixel as far as it may go against the margin."""
    _, layer = model
    towards = (layer.weight[1 - y] - layer.weight[y]).sign().view_as(x)
    return (x + epsilon * towards).clamp(0, 1).detach()


class Wild(Attack):
    """Keeps none of the promises that its caller makes."""

    parameters = ()

    def __init__(self, epsilon, value=None):
        super().__init__(epsilon)
        self.value = value

    def perturb(self, model, inputs, _targets):
        model.train()
        found = inputs + 10 * torch.randn_like(inputs)
        if self.value is not None:
            found[0, 0, 0, 0] = self.value
        return found


ATTACKS = {"fgsm": FGSM, "pgd": PGD, "wild": Wild}


@pytest.mark.parametrize("epsilon", [0.01, 8 / 255, 0.3, 1.0])
@pytest.mark.parametrize("name", ["fgsm", "pgd"])
def test_the_optimum_against_a_linear_classifier(name, epsilon):
    model, (x, y) = linear(), images()
    found = ATTACKS[name](epsilon)(model, x, y, seed=0)
    torch.testing.assert_close(found, optimum(model, x, y, epsilon), rtol=0, atol=2e-6)


def test_pgd_needs_its_steps_to_cross_the_ball():
    model, (x, y) = linear(), images()
    best = optimum(model, x, y, 0.1)
    # from the far side, n steps of ε/n end in the middle
    distances = [
        (PGD(0.1, steps=5, relative_step=step)(model, x, y, seed=0) - best).abs().max().item()
        for step in (0.1, 0.2, 0.4)
    ]
    assert distances[0] == pytest.approx(0.15, abs=0.02)
    assert distances[1] == pytest.approx(0.1, abs=0.02)
    assert distances[2] < 1e-6


@pytest.mark.parametrize("name", ATTACKS)
@settings(max_examples=40, deadline=None)
@given(epsilon=EPSILONS, seed=st.integers(0, 2**32))
def test_the_result_is_in_the_ball_and_in_range(name, epsilon, seed):
    model, (x, y) = linear(), images()
    found = ATTACKS[name](epsilon)(model, x, y, seed=seed)
    assert found.isfinite().all()
    assert not found.requires_grad
    assert 0 <= found.min() <= found.max() <= 1
    # x ± ε is rounded to single precision: half an ulp below 4
    assert (found.double() - x.double()).abs().max() <= epsilon + 2.4e-7


@pytest.mark.parametrize("name", ATTACKS)
def test_no_radius_changes_no_bit(name):
    model, (x, y) = linear(), images()
    x[:, 1] = -0.0
    found = ATTACKS[name](0)(model, x, y, seed=0)
    assert torch.equal(found.view(torch.int32), x.view(torch.int32))
    assert found.data_ptr() != x.data_ptr()


@pytest.mark.parametrize("name", ATTACKS)
def test_inputs_and_parameters_are_left_alone(name):
    model, (x, y) = linear(), images()
    model[1].bias.requires_grad_(False)
    state, before = {k: v.clone() for k, v in model.state_dict().items()}, x.clone()
    x.requires_grad_()
    ATTACKS[name](0.1)(model, x, y, seed=0)
    assert torch.equal(x, before)
    assert x.requires_grad
    assert x.grad is None
    assert all(p.grad is None for p in model.parameters())
    assert [p.requires_grad for p in model.parameters()] == [True, False]
    assert all(torch.equal(model.state_dict()[k], v) for k, v in state.items())


@pytest.mark.parametrize("epsilon", [0.05, 8 / 255, 0.5])
@pytest.mark.parametrize(("steps", "relative_step"), [(1, None), (3, None), (20, None), (7, 0.25)])
def test_pgd_is_that_of_torchattacks_bit_for_bit(epsilon, steps, relative_step):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(24, 16), nn.Tanh(), nn.Linear(16, 5)).eval()
    x, y = images()
    found = PGD(epsilon, steps, relative_step)(model, x, y, seed=11)
    torch.manual_seed(11)
    step = (2 / steps if relative_step is None else relative_step) * epsilon
    by_hand = torchattacks.PGD(model, eps=epsilon, alpha=step, steps=steps, random_start=True)(x, y)
    assert torch.equal(found, by_hand)
    torch.manual_seed(11)
    assert torch.equal(FGSM(epsilon)(model, x, y, seed=0), torchattacks.FGSM(model, eps=epsilon)(x, y))


@pytest.mark.parametrize("name", ATTACKS)
def test_the_global_random_state_is_untouched(name):
    model, (x, y) = linear(), images()
    torch.manual_seed(99)
    before = torch.get_rng_state()
    ATTACKS[name](0.1)(model, x, y, seed=0)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("name", ["pgd", "wild"])
def test_the_seed_alone_decides(name):
    model, (x, y) = linear(), images()
    attack = PGD(0.1, steps=1, relative_step=0.1) if name == "pgd" else Wild(0.1)
    results = []
    for state, seed in ((1, 5), (2, 5), (1, 6), (1, 2**63 + 5)):
        torch.manual_seed(state)
        results.append(attack(model, x, y, seed=seed))
    assert torch.equal(results[0], results[1])
    assert not torch.equal(results[0], results[2])
    assert torch.equal(results[0], results[3])


class Fuse(nn.Module):
    """Passes its input on until it has been called often enough."""

    def __init__(self, calls):
        super().__init__()
        self.calls = calls

    def forward(self, x):
        self.calls -= 1
        if self.calls < 0:
            raise RuntimeError("blown")
        return x


def network_in_mixed_modes(calls=10**6):
    torch.manual_seed(0)
    inner = nn.Sequential(nn.BatchNorm2d(2), nn.Dropout(0.5))
    frozen = nn.BatchNorm2d(2)
    model = nn.Sequential(inner, frozen, Fuse(calls), nn.Flatten(), nn.Linear(24, 2)).train()
    frozen.eval()
    inner[1].eval()
    return model


def modes(model):
    return [module.training for module in model.modules()]


@pytest.mark.parametrize("whole", [True, False], ids=["training", "evaluating"])
@pytest.mark.parametrize("name", ATTACKS)
def test_every_submodule_is_evaluated_and_gets_its_mode_back(name, whole):
    model, (x, y) = network_in_mixed_modes(), images()
    model.training = whole
    before, seen = modes(model), set()
    statistics = model[0][0].running_mean.clone()
    handles = [m.register_forward_pre_hook(lambda m, _: seen.add(m.training)) for m in model.modules()]
    ATTACKS[name](0.1)(model, x, y, seed=0)
    assert modes(model) == before
    assert set(before) == {True, False}
    assert seen == {False}
    assert torch.equal(model[0][0].running_mean, statistics)
    for handle in handles:
        handle.remove()


@pytest.mark.parametrize(("attack", "calls"), [(FGSM(0.1), 0), (PGD(0.1), 0), (PGD(0.1), 7)])
def test_everything_is_put_back_after_an_exception_inside_the_network(attack, calls):
    model, (x, y) = network_in_mixed_modes(calls), images()
    before, state = modes(model), torch.get_rng_state()
    with pytest.raises(RuntimeError, match="blown"):
        attack(model, x, y, seed=0)
    assert modes(model) == before
    assert torch.equal(torch.get_rng_state(), state)


def test_evaluation_mode_sets_only_what_was_otherwise():
    model = network_in_mixed_modes()
    before = modes(model)
    with evaluation_mode(model):
        assert not any(modes(model))
    assert modes(model) == before


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_a_result_that_is_not_finite_is_a_numerical_error(value):
    model, (x, y) = network_in_mixed_modes(), images()
    before = modes(model)
    with pytest.raises(NumericalError, match=r"Wild.*1 of 6 examples") as caught:
        Wild(0.1, value)(model, x, y, seed=0)
    assert caught.value.exit_code == 5
    assert modes(model) == before


class Poison(nn.Module):
    def forward(self, x):
        return x * float("nan")


@pytest.mark.parametrize("attack", [FGSM(0.1), PGD(0.1)])
def test_a_network_that_gives_nan_is_a_numerical_error(attack):
    model, (x, y) = nn.Sequential(*linear(), Poison()), images()
    with pytest.raises(NumericalError) as caught:
        attack(model, x, y, seed=0)
    assert caught.value.exit_code == 5


@pytest.mark.parametrize("epsilon", [-0.1, -1e-12, float("nan"), float("inf")])
@pytest.mark.parametrize("name", ATTACKS)
def test_a_radius_that_is_none_is_refused(name, epsilon):
    with pytest.raises(ValueError, match=f"epsilon={epsilon}"):
        ATTACKS[name](epsilon)


@pytest.mark.parametrize(
    "wrong",
    [
        {"steps": 0},
        {"steps": -3},
        {"relative_step": 0},
        {"relative_step": -0.1},
        {"steps": 2.5},
        {"relative_step": float("nan")},
        {"relative_step": float("inf")},
    ],
    ids=str,
)
def test_steps_that_lead_nowhere_are_refused(wrong):
    ((name, value),) = wrong.items()
    with pytest.raises(ValueError, match=f"{name}={value}"):
        PGD(0.1, **wrong)


def test_the_record_has_what_is_needed_to_repeat_it():
    assert (FGSM(0.1).norm, FGSM(0.1).epsilon, FGSM(0.1).parameters) == ("inf", 0.1, {})
    assert PGD(0.1).parameters == {"steps": 20, "relative_step": 0.1}
    assert PGD(0.1, steps=5, relative_step=0.3).parameters == {"steps": 5, "relative_step": 0.3}

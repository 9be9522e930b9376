"""The guarantees that hold whatever an attack does, for every attack there is."""

import pytest
import torch
import torchattacks
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import jhrun.attacks
from jhrun.attacks import FGSM, PGD, PGDL2, Attack
from jhrun.attacks.attack import evaluation_mode
from jhrun.attacks.watched import ROUNDING, margins, require_finite
from jhrun.errors import NumericalError

SHAPE = (2, 3, 4)
EPSILONS = st.floats(1e-4, 2.0)


def linear(classes=2, dtype=torch.float32):
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(24, classes)).to(dtype)


def curved(classes=5):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(24, 16), nn.Tanh(), nn.Linear(16, classes, bias=False))
    # all classes are met, and their borders are near
    model[1].weight.data *= 5
    model[1].bias.data = -model[1].weight.data.sum(1) / 2
    return model


def images(n=6, seed=1):
    random = torch.Generator().manual_seed(seed)
    x = torch.rand(n, *SHAPE, generator=random)
    # some pixels at either end of the range, where the ball is cut off
    x[:, 0, 0, 0], x[:, 0, 0, 1] = 0, 1
    return x, torch.arange(n) % 2


class Wild(Attack):
    """Keeps none of the promises that its caller makes."""

    kind = "gradient"

    def __init__(self, epsilon, value=None):
        super().__init__(epsilon)
        self.value = value

    def perturb(self, model, inputs, _targets):
        model.train()
        found = inputs + 10 * torch.randn_like(inputs)
        if self.value is not None:
            found[0, 0, 0, 0] = self.value
        return found


class Wild2(Wild):
    norm = "2"


def public():
    """Every attack that can be named in a configuration."""
    found = (getattr(jhrun.attacks, name) for name in jhrun.attacks.__all__)
    return {c.__name__: c for c in found if issubclass(c, Attack) and c is not Attack}


ATTACKS = {**public(), "Wild": Wild, "Wild2": Wild2}
FEW = {
    "APGD": {"steps": 10},
    "APGDTargeted": {"steps": 10, "restarts": 2},
    "AutoAttack": {"steps": 5, "queries": 10},
    "CW": {"steps": 10, "searches": 3},
    "DeepFool": {"steps": 5},
    "FAB": {"steps": 5},
    "PGD": {"steps": 5, "restarts": 3},
    "SPSA": {"steps": 3, "samples": 10},
    "Square": {"queries": 30, "restarts": 2},
}
"""Small budgets for those that are slow with their own."""


def make(name, epsilon):
    return ATTACKS[name](epsilon, **FEW.get(name, {}))


def size(attack, difference):
    return torch.linalg.vector_norm(difference.double().flatten(1), ord=float(attack.norm), dim=1).max()


def test_every_attack_is_walked():
    assert set(FEW) < set(ATTACKS)
    assert {"FGSM", "PGD", "APGD", "FAB", "Square", "CW", "DeepFool", "UniformNoise"} < set(ATTACKS)


@pytest.mark.parametrize("name", ATTACKS)
@settings(max_examples=10, deadline=None)
@given(epsilon=EPSILONS, seed=st.integers(0, 2**32), classes=st.sampled_from([2, 3, 4, 7]))
def test_the_result_is_in_the_ball_and_in_range(name, epsilon, seed, classes):
    model, (x, y) = curved(classes), images()
    # in ℓ∞ the largest is 1
    epsilon = epsilon / 2 if ATTACKS[name].norm == "inf" else epsilon
    attack = make(name, epsilon)
    for found in attack(model, x, y, seed=seed):
        assert found.shape == x.shape
        assert found.isfinite().all()
        assert not found.requires_grad
        assert 0 <= found.min() <= found.max() <= 1
        # x ± ε is rounded to single precision: half an ulp below 4; lengths by a millionth
        assert size(attack, found - x) <= epsilon * (1 + 2 * ROUNDING) + 2.4e-7


@pytest.mark.parametrize("name", ATTACKS)
def test_the_worst_input_is_no_better_than_the_clean_or_the_last(name):
    model, (x, _) = curved(), images(40)
    y = model(x).argmax(1)
    y[:5] = (y[:5] + 1) % 5
    last, worst = make(name, 0.1)(model, x, y, seed=0)
    wrong = {key: model(value).argmax(1) != y for key, value in (("x", x), ("last", last), ("worst", worst))}
    margin = {key: margins(model(value), y) for key, value in (("x", x), ("last", last), ("worst", worst))}
    assert wrong["worst"][:5].all()
    for other in ("x", "last"):
        assert (wrong["worst"] >= wrong[other]).all()
        same = wrong["worst"] == wrong[other]
        assert (margin["worst"] <= margin[other] + 1e-5)[same].all()


@pytest.mark.parametrize("name", public())
def test_double_precision_stays_double(name):
    model, (x, y) = linear(4, torch.float64), images()
    for found in make(name, 0.1)(model, x.double(), y, seed=0):
        assert found.dtype == torch.float64
        assert found.isfinite().all()


@pytest.mark.parametrize("name", ATTACKS)
def test_no_radius_changes_no_bit(name):
    model, (x, y) = linear(), images()
    x[:, 1] = -0.0
    for found in make(name, 0)(model, x, y, seed=0):
        assert torch.equal(found.view(torch.int32), x.view(torch.int32))
        assert found.data_ptr() != x.data_ptr()


@pytest.mark.parametrize("name", ATTACKS)
def test_inputs_and_parameters_are_left_alone(name):
    model, (x, y) = linear(), images()
    model[1].bias.requires_grad_(False)
    state, before = {k: v.clone() for k, v in model.state_dict().items()}, x.clone()
    x.requires_grad_()
    make(name, 0.1)(model, x, y, seed=0)
    assert torch.equal(x, before)
    assert x.requires_grad
    assert x.grad is None
    assert all(p.grad is None for p in model.parameters())
    assert [p.requires_grad for p in model.parameters()] == [True, False]
    assert all(torch.equal(model.state_dict()[k], v) for k, v in state.items())


@pytest.mark.parametrize("epsilon", [0.05, 8 / 255, 0.5])
@pytest.mark.parametrize(("steps", "relative_step"), [(1, None), (3, None), (20, None), (7, 0.25)])
def test_pgd_is_that_of_torchattacks_bit_for_bit(epsilon, steps, relative_step):
    model, (x, y) = curved().eval(), images()
    found = PGD(epsilon, steps, relative_step)(model, x, y, seed=11).last
    torch.manual_seed(11)
    step = (2 / steps if relative_step is None else relative_step) * epsilon
    by_hand = torchattacks.PGD(model, eps=epsilon, alpha=step, steps=steps, random_start=True)(x, y)
    assert torch.equal(found, by_hand)
    assert torch.equal(FGSM(epsilon)(model, x, y, seed=0).last, torchattacks.FGSM(model, eps=epsilon)(x, y))
    found = PGDL2(epsilon, steps, relative_step)(model, x, y, seed=11).last
    torch.manual_seed(11)
    by_hand = torchattacks.PGDL2(model, eps=epsilon, alpha=step, steps=steps, random_start=True)(x, y)
    torch.testing.assert_close(found, by_hand, rtol=0, atol=3e-7)


@pytest.mark.parametrize("norm", ["inf", "2"])
def test_the_worst_of_pgd_is_the_worst_of_its_iterates(norm):
    """By hand: the same iteration stopped after every number of steps."""
    model, (x, _) = curved().eval(), images(40)
    y = model(x).argmax(1)
    attack = {"inf": PGD, "2": PGDL2}[norm]
    iterates = [attack(0.3, steps, 0.7)(model, x, y, seed=3).last for steps in range(1, 9)]
    found = attack(0.3, 8, 0.7)(model, x, y, seed=3)
    torch.manual_seed(3)
    if norm == "inf":
        iterates.append((x + torch.empty_like(x).uniform_(-0.3, 0.3)).clamp(0, 1))
    else:
        length = torch.empty_like(x).normal_().flatten(1)
        share = torch.zeros(len(x), 1).uniform_(0, 1)
        start = length / length.norm(dim=1, keepdim=True) * share * 0.3
        iterates.append((x + start.view_as(x)).clamp(0, 1))
    smallest = torch.stack([margins(model(i), y) for i in [x, *iterates]]).amin(0)
    torch.testing.assert_close(margins(model(found.worst), y), smallest, rtol=0, atol=1e-5)
    # a step as long as this one overshoots, so that the last is not the worst
    assert (margins(model(found.last), y) > smallest + 1e-3).any()


def test_restarts_attack_those_alone_whose_last_iterate_is_right():
    model, (x, _) = curved(), images(60)
    y = model(x).argmax(1)
    seen = []
    handle = model.register_forward_pre_hook(lambda _, inputs: seen.append(len(inputs[0])))
    once = PGD(0.06, 3, 0.3)(model, x, y, seed=0).last
    left = (model(once).argmax(1) == y).sum().item()
    seen.clear()
    again = PGD(0.06, 3, 0.3, restarts=2)(model, x, y, seed=0)
    handle.remove()
    assert 0 < left < 60
    # clean; three steps and a look at the result; three steps for those that are left; the last look
    assert seen == [60, 60, 60, 60, 60, left, left, left, 60]
    broken = model(once).argmax(1) != y
    assert torch.equal(again.last[broken], once[broken])
    assert not torch.equal(again.last[~broken], once[~broken])


@pytest.mark.parametrize("name", ATTACKS)
def test_the_global_random_state_is_untouched(name):
    model, (x, y) = linear(), images()
    torch.manual_seed(99)
    before = torch.get_rng_state()
    make(name, 0.1)(model, x, y, seed=0)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("name", ATTACKS)
def test_the_seed_alone_decides(name):
    model, (x, _) = curved(), images(20)
    y, attack = model(x).argmax(1), make(name, 0.05)
    results = []
    for state, seed in ((1, 5), (2, 5), (1, 6), (1, 2**63 + 5)):
        torch.manual_seed(state)
        results.append(attack(model, x, y, seed=seed))
    for position in range(2):
        assert torch.equal(results[0][position], results[1][position])
        assert torch.equal(results[0][position], results[3][position])
    if name not in {"FGSM", "CW", "DeepFool", "FAB"}:
        assert not torch.equal(results[0].last, results[2].last)


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
    make(name, 0.1)(model, x, y, seed=0)
    assert modes(model) == before
    assert set(before) == {True, False}
    assert seen == {False}
    assert torch.equal(model[0][0].running_mean, statistics)
    assert model[4].weight.grad is None
    for handle in handles:
        handle.remove()


@pytest.mark.parametrize("calls", [0, 1, 2])
@pytest.mark.parametrize("name", ATTACKS)
def test_everything_is_put_back_after_an_exception_inside_the_network(name, calls):
    model, (x, y) = network_in_mixed_modes(calls), images()
    if calls == 2 and name in {"FGSM", "Wild", "Wild2"}:
        pytest.skip("it makes no third pass before the last look")
    attack = make(name, 0.1)
    asking = [p.requires_grad_(i != 0).requires_grad for i, p in enumerate(model.parameters())]
    before, state = modes(model), torch.get_rng_state()
    with pytest.raises(RuntimeError, match="blown"):
        attack(model, x, y, seed=0)
    assert modes(model) == before
    assert [p.requires_grad for p in model.parameters()] == asking
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
    """Spoils its outputs, or their gradients alone, from some pass on."""

    def __init__(self, value, calls=0, *, gradient=False):
        super().__init__()
        self.value, self.calls, self.gradient = value, calls, gradient

    def forward(self, x):
        self.calls -= 1
        if self.calls >= 0:
            return x
        if self.gradient:
            if x.requires_grad:
                x.register_hook(lambda g: g * self.value)
            return x
        return x * self.value


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("calls", [0, 2])
@pytest.mark.parametrize("name", public())
def test_logits_that_are_not_finite_are_a_numerical_error(name, calls, value):
    if calls == 2 and name == "FGSM":
        calls = 1
    model, (x, y) = nn.Sequential(*curved(), Poison(value, calls)), images(20)
    y = curved()(x).argmax(1)
    with pytest.raises(NumericalError, match=name) as caught:
        make(name, 0.01)(model, x, y, seed=0)
    assert caught.value.exit_code == 5
    assert "logits" in str(caught.value)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("calls", [0, 2])
@pytest.mark.parametrize("name", public())
def test_gradients_that_are_not_finite_are_a_numerical_error(name, calls, value):
    if calls == 2 and name in {"FGSM", "Square", "SPSA", "UniformNoise", "GaussianNoise"}:
        calls = 0
    x, _ = images(20)
    y = curved()(x).argmax(1)
    model = nn.Sequential(*curved(), Poison(value, calls, gradient=True))
    with pytest.raises(NumericalError, match=name) as caught:
        make(name, 0.01)(model, x, y, seed=0)
    assert "gradients" in str(caught.value)


class Stop(nn.Module):
    def forward(self, x):
        return x.detach()


class Steps(nn.Module):
    def forward(self, x):
        return (8 * x).round() / 8


class Nothing(nn.Module):
    def forward(self, x):
        return 0 * x


@pytest.mark.parametrize("layer", [Stop, Steps, Nothing])
@pytest.mark.parametrize("classes", [2, 3, 5])
@pytest.mark.parametrize("name", public())
def test_a_network_without_gradients_is_evaluated_all_the_same(name, classes, layer):
    model, (x, _) = nn.Sequential(layer(), *linear(classes)), images(10)
    y = model(x).argmax(1)
    last, worst = make(name, 0.3)(model, x, y, seed=0)
    assert last.isfinite().all()
    assert worst.isfinite().all()
    if name == "DeepFool":
        # its division by the gradient's length must not become class 0
        assert torch.equal(last, x)


def test_a_network_without_parameters_is_attacked(capsys):
    x, _ = images(10)
    y = x.flatten(1).argmax(1)
    for name in public():
        worst = make(name, 1.0)(nn.Flatten(), x, y, seed=0).worst
        assert (worst.flatten(1).argmax(1) != y).any(), name
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("epsilon", [-0.1, -1e-12, float("nan"), float("inf")])
@pytest.mark.parametrize("name", ATTACKS)
def test_a_radius_that_is_none_is_refused(name, epsilon):
    with pytest.raises(ValueError, match=f"epsilon={epsilon}"):
        ATTACKS[name](epsilon)


@pytest.mark.parametrize("value", [0, -3, float("nan"), float("inf"), True, "5"])
@pytest.mark.parametrize(("name", "setting"), [(n, s) for n, a in public().items() for s in a(0.1).parameters])
def test_settings_that_lead_nowhere_are_refused(name, setting, value):
    with pytest.raises(ValueError, match=f"{setting}={value}"):
        ATTACKS[name](0.1, **{setting: value})


def test_the_record_has_what_is_needed_to_repeat_it():
    assert (FGSM(0.1).norm, FGSM(0.1).epsilon, FGSM(0.1).parameters) == ("inf", 0.1, {})
    assert PGD(0.1).parameters == {"steps": 20, "relative_step": 0.1, "restarts": 1}
    for name, attack in public().items():
        made = make(name, 0.1)
        assert attack(0.1, **made.parameters).parameters == made.parameters
        assert made.norm in {"inf", "2"}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_one_value_that_is_not_finite_is_found_and_large_ones_are_not_mistaken(value):
    values = torch.full((4, 100), 3e38)
    assert values.sum().isinf()
    require_finite("values", values)
    for fill in (0.0, 3e38):
        values = torch.full((4, 100), fill)
        values[2, 50] = value
        with pytest.raises(NumericalError, match="1 of 4 examples"):
            require_finite("values", values)

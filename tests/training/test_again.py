"""Optimizers that ask for the gradient again."""

from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.optim import LBFGS, SGD, Adam

from jhrun.data.digits import digits
from jhrun.linalg import Tracked
from jhrun.models import CNN
from jhrun.objectives import CrossEntropy
from jhrun.penalties import Jacobian
from jhrun.terms import penalised
from jhrun.training import Trainer, TrainOptions
from jhrun.training.again import Closure, asks_again, step_again
from jhrun.training.gradients import Active
from jhrun.training.state import optimizer_tensors, terms_state


class Sam(SGD):
    """SGD along the gradient at w + ρ·∇/‖∇‖; or, as some write it, without a first call of the closure."""

    def __init__(self, params, lr, rho=0.05, momentum=0.9, asks_first=True, by_data=False):
        super().__init__(params, lr=lr, momentum=momentum)
        self.rho, self.asks_first, self.by_data, self.losses = rho, asks_first, by_data, []

    @torch.no_grad()
    def step(self, closure):
        if self.asks_first:
            self.losses.append(float(closure()))
        held = [p for group in self.param_groups for p in group["params"]]
        size = torch.nn.utils.get_total_norm([p.grad for p in held])
        before = [p.clone() for p in held]
        for p in held:
            # a change of .data raises no version
            (p.data if self.by_data else p).add_(p.grad, alpha=self.rho / float(size))
        for group in self.param_groups:
            group["steps"] = group.get("steps", 0) + 1
        self.losses.append(float(closure()))
        for p, old in zip(held, before, strict=True):
            p.copy_(old)
        super().step()


def test_who_is_handed_a_closure():
    w = [nn.Parameter(torch.ones(2))]
    assert [asks_again(made) for made in (SGD(w, 0.1), Adam(w), LBFGS(w), Sam(w, 0.1))] == [
        False,
        False,
        True,
        True,
    ]


def trainer(optimizer, *, norm="batch", **options):
    whole = digits()
    data = replace(whole, train=whole.train[:32], validation=whole.validation[:10], test=whole.test[:10])
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = CNN(widths=[4], hidden=8, normalisation=norm, **vars(data.spec))
    made = optimizer(model.parameters())
    terms = penalised([Jacobian()], Tracked(), 0.3)
    return Trainer(model, data, CrossEntropy(), terms, made, lambda _: 0.1, TrainOptions(2, 16, **options), seed=1)


def first(trainer):
    trainer.model.train()
    return next(trainer.dataset.epoch(0, 16, seed=1))


@pytest.mark.parametrize("by_data", [True, False])
@pytest.mark.parametrize("asks_first", [True, False])
def test_a_sharpness_aware_step_is_that_of_a_loop_by_hand(asks_first, by_data):
    """Twice the same batch and draws: w ← w − lr·∇(w + ρ∇/‖∇‖)."""
    one = trainer(lambda p: Sam(p, 0.1, momentum=0, asks_first=asks_first, by_data=by_data), norm="none")
    twin = trainer(lambda p: SGD(p, 0.1), norm="none")
    batch = first(one)
    twin.model.train()
    start = [p.detach().clone() for p in twin.model.parameters()]
    twin._gradients(batch, Active.at(twin.terms, 0.0), 0.0)
    size = torch.nn.utils.get_total_norm([p.grad for p in twin.model.parameters()])
    with torch.no_grad():
        for p in twin.model.parameters():
            p.add_(p.grad, alpha=0.05 / float(size))
    twin.optimizer.zero_grad()
    twin._gradients(batch, Active.at(twin.terms, 0.0), 0.0)
    one.take_step(batch)
    for p, q, old in zip(one.model.parameters(), twin.model.parameters(), start, strict=True):
        torch.testing.assert_close(p.detach(), old - 0.1 * q.grad, rtol=1e-6, atol=1e-7)


def test_statistics_and_memories_move_once_a_step():
    seen = []
    one = trainer(lambda p: Sam(p, 0.1))
    one.terms[1].term.observe = lambda step, done, made=one.terms[1].term.observe: (
        seen.append(1) or made(step, done)
    )
    batch = first(one)
    one.take_step(batch)
    norm = next(m for m in one.model.modules() if isinstance(m, nn.BatchNorm2d))
    assert int(norm.num_batches_tracked) == 1
    assert len(seen) == 1
    assert len(one.optimizer.losses) == 2
    assert one.optimizer.losses[0] != one.optimizer.losses[1]


def state(some):
    tensors = {**some.model.state_dict(), **optimizer_tensors(some.optimizer), **terms_state(some.terms)[0]}
    return {name: tensor.clone() for name, tensor in tensors.items()}


@pytest.mark.parametrize("begun", [False, True])
def test_a_second_pass_that_is_not_finite_undoes_the_step(begun):
    one = trainer(lambda p: Sam(p, 0.1), on_nonfinite="skip")
    batch = first(one)
    if begun:
        one.take_step(batch)
    before, counted = state(one), one.optimizer.param_groups[0].get("steps")
    one.optimizer.rho = float("inf")
    one.take_step(batch)
    after = state(one)
    # the memory takes its room with the first look; nothing is known in it
    assert before.keys() <= after.keys()
    for name, tensor in after.items():
        if name in before:
            assert torch.equal(tensor, before[name]), name
        elif name.endswith("known"):
            assert not tensor.any()
    assert int(one.ledger.skipped[0]) == 1
    assert one.optimizer.param_groups[0].get("steps") == counted


def test_gradients_that_were_zeroed_in_place_are_made_again():
    w = nn.Parameter(torch.ones(2))
    made, calls = Sam([w], 0.1), []
    w.grad = torch.ones(2)
    closure = Closure(made, torch.tensor(1.0), lambda: calls.append(1) or torch.tensor(2.0))
    made.zero_grad(set_to_none=False)
    assert closure() == 2
    assert calls == [1]


def test_a_first_step_that_is_not_made_leaves_no_state():
    w = nn.Parameter(torch.ones(2))
    made = Sam([w], 0.1)
    w.grad = torch.ones(2)
    closure = Closure(made, torch.tensor(1.0), lambda: torch.tensor(float("nan")))
    assert not step_again(made, closure)
    assert torch.equal(w.detach(), torch.ones(2))
    assert not made.state[w]

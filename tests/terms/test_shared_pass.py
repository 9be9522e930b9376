"""Terms share a forward pass: gradients as those of separate ones."""

import pytest
import torch

from jhrun.data.digits import digits
from jhrun.linalg import Exact
from jhrun.models import MLP
from jhrun.objectives import CrossEntropy
from jhrun.penalties import Hessian, Jacobian
from jhrun.records import Batch
from jhrun.terms import Draws, Pass, Setting, Spectral, convex
from jhrun.training.gradients import Active, add_gradients


@pytest.mark.parametrize("part", [None, [3, 1]])
def test_penalties_of_one_pass_have_the_gradients_of_a_pass_each(part):
    data, passes = digits(), []
    torch.manual_seed(0)
    model = MLP(widths=[12], activation="softplus", **vars(data.spec)).double()
    model.register_forward_hook(lambda _, inputs, __: passes.append(len(inputs[0])))
    batch = Batch(data.train.inputs[:5].double(), data.train.targets[:5], index=torch.arange(5))
    fraction = 1.0 if part is None else len(part) / 5
    term, draws = Spectral([Jacobian(), Hessian()], Exact()), Draws(0, 0, torch.device("cpu"))
    add_gradients(
        lambda some: Pass(model, CrossEntropy(), some, 0.0, Setting(5), draws),
        Active.at(convex(None, term, 0.4, fraction), 0.0),
        batch,
        part=part,
    )
    assert passes == ([5] if part is None else [2, 3])
    shared = [p.grad.clone() for p in model.parameters()]
    model.zero_grad()
    chosen = batch if part is None else batch[torch.tensor(part)]
    values = [p(model, CrossEntropy(), chosen, Exact(), preflight=False).values for p in (Jacobian(), Hessian())]
    task = CrossEntropy()(model(batch.inputs), batch.targets)
    (0.6 * task.mean() + 0.4 * torch.stack(values).mean()).backward()
    for one, p in zip(shared, model.parameters(), strict=True):
        assert (one - p.grad).norm() <= 1e-12 * p.grad.norm()

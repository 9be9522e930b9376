"""Checks of the network itself: is it one function of one input, and does it have gradients?"""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from jhrun.attacks.watched import margins
from jhrun.evaluation.evaluate import predict
from jhrun.evaluation.verdict import thresholds as t
from jhrun.evaluation.verdict.case import Case
from jhrun.evaluation.verdict.measure import Finding, check, grade, not_checked, percent
from jhrun.records import FAIL, PASS, SUSPECT

RECOUNT = 128
"""Batch size of the second clean count: another one than the evaluation's, and at most half of all examples."""


@check("clean accuracy", t.CARLINI)
def clean_accuracy(case: Case) -> Finding:
    """Every example classified again in batches of another size, against what was recorded."""
    evaluation, n = case.subject.evaluation, len(case.part)
    size = min(RECOUNT, math.ceil(n / 2))
    again = torch.cat([predict(case.model, batch.inputs) for batch in case.part.batches(size)]).cpu()
    changed = int((again != evaluation.clean).sum())
    accuracy = float((again == evaluation.targets).double().mean())
    away = max(changed / n, abs(accuracy - evaluation.clean_accuracy.accuracy))
    text = (
        f"Counted again in batches of {size}, {percent(accuracy)} of {n} are right; {changed} changed their class"
    )
    if case.subject.claimed is not None:
        away = max(away, abs(accuracy - case.subject.claimed))
        text += f"; another evaluation recorded {percent(case.subject.claimed)}"
    # one example may lie on a border to within rounding
    allowed = max(t.CLEAN_SUSPECT, 1 / n + 1e-9)
    return Finding(grade(away, allowed, max(t.CLEAN_FAIL, allowed)), away, allowed, text + ".")


@check("deterministic logits", t.AUTOATTACK_CODE)
@torch.no_grad()
def deterministic(case: Case) -> Finding:
    """The same batch several times: max ‖z/‖z‖ − z′/‖z′‖‖₂."""
    inputs, _ = case.take(case.draw("deterministic", torch.ones_like(case.right), t.DRAWN))
    passes = [F.normalize(case.model(inputs).double(), dim=1) for _ in range(t.PASSES)]
    away = max(_largest(z - passes[0]) for z in passes)
    same = "the same" if away <= t.LOGIT_NOISE else "not the same: attacks that ask once aim at a moving target"
    text = f"{len(inputs)} examples were classified {t.PASSES} times; their logits were {same}."
    return Finding(grade(away, t.LOGIT_NOISE, t.LOGIT_NOISE), away, t.LOGIT_NOISE, text)


@check("examples independent of each other", t.CARLINI)
@torch.no_grad()
def independent(case: Case) -> Finding:
    """Logits in a batch, in the same batch in another order, and one by one; in float64 where that can be had."""
    positions = case.draw("independent", torch.ones_like(case.right), t.SURVIVORS)
    precise = case.precise()
    model, (inputs, _) = precise or case.model, case.take(positions)
    inputs = inputs.double() if precise else inputs
    together = model(inputs)
    spread = float((together.amax(1) - together.amin(1)).max()) or 1.0
    if float((model(inputs) - together).abs().max()) / spread > t.BATCH_EFFECT:
        return not_checked("The logits change from pass to pass, so that a batch's own effect cannot be told.")
    order = torch.arange(len(inputs), device=inputs.device).flip(0)
    try:
        others = [model(inputs[order])[order], torch.cat([model(x) for x in torch.split(inputs, 1)])]
    except ValueError as error:
        return Finding(FAIL, None, t.BATCH_EFFECT, f"An example alone cannot be classified: {error}.")
    away = max(float((z - together).abs().max()) for z in others) / spread
    text = (
        f"The logits of {len(inputs)} examples, in a batch, in another order and one by one, "
        f"differ by up to {away:.1e} of their spread"
    )
    text += "." if away <= t.BATCH_EFFECT else ": what is predicted for an example depends on its neighbours."
    return Finding(grade(away, t.BATCH_EFFECT, t.BATCH_EFFECT), away, t.BATCH_EFFECT, text)


@check("logits, not probabilities", t.AUTOATTACK_CODE)
@torch.no_grad()
def logits(case: Case) -> Finding:
    """How far the outputs of some examples are from [0, 1] and from a sum of 1."""
    inputs, _ = case.take(case.draw("logits", torch.ones_like(case.right), t.DRAWN))
    z = case.model(inputs).double()
    if probabilities(z):
        text = "The outputs are probabilities: the cross-entropy squashes them again, and its gradients vanish."
        return Finding(SUSPECT, None, t.PROBABILITY, text)
    if outside_unit(z) <= t.PROBABILITY:
        text = (
            "All outputs lie in [0, 1], as if a sigmoid had squashed them; its gradients vanish where it is flat."
        )
        return Finding(SUSPECT, None, t.PROBABILITY, text)
    if float(z.logsumexp(1).abs().max()) <= t.PROBABILITY:
        text = (
            "The outputs are logarithms of probabilities, whose cross-entropy is that of logits: no harm is done."
        )
        return Finding(PASS, None, t.PROBABILITY, text)
    return Finding(
        PASS, None, t.PROBABILITY, f"The outputs for {len(z)} examples are neither in [0, 1] nor sum to 1."
    )


@check("input gradients", t.AUTOATTACK_CODE)
def gradients(case: Case) -> Finding:
    """Share of right examples whose ∂CE/∂x is zero in nearly all entries, in float32 and in float64."""
    positions = case.draw("gradients", case.right if case.right.any() else ~case.right, t.DRAWN)
    inputs, targets = case.take(positions)
    share = _without_gradient(case.model, inputs, targets, F.cross_entropy)
    text = f"{percent(share)} of {len(inputs)} examples have no input gradient"
    if share:
        precise = case.precise()
        if precise is None:
            text += "; a rerun in float64 was not possible"
        else:
            again = _without_gradient(precise, inputs.double(), targets, F.cross_entropy)
            margin = _without_gradient(precise, inputs.double(), targets, _margin)
            cause = "the network itself stops them"
            if again < share / 2:
                cause = "they are lost to rounding"
            elif margin < share / 2:
                cause = "the logits are so large that the softmax is saturated"
            text += f", and {percent(again)} have none in float64: {cause}"
    return Finding(grade(share, t.ZERO_SUSPECT, t.ZERO_FAIL), share, t.ZERO_SUSPECT, text + ".")


def outside_unit(z: Tensor) -> float:
    """How far outputs reach out of [0, 1]."""
    return float(torch.stack([-z.min(), z.max() - 1]).max())


def probabilities(z: Tensor) -> bool:
    """Whether outputs (B, C) lie in [0, 1] and sum to 1."""
    return outside_unit(z) <= t.PROBABILITY and float((z.sum(1) - 1).abs().max()) <= t.PROBABILITY


def _largest(difference: Tensor) -> float:
    return float(torch.linalg.vector_norm(difference, dim=1).max())


def _margin(z: Tensor, targets: Tensor, reduction: str) -> Tensor:  # noqa: ARG001 - a loss's form
    return margins(z, targets).sum()


def _without_gradient(model: nn.Module, inputs: Tensor, targets: Tensor, loss_of: Callable[..., Tensor]) -> float:
    """Share of examples; one whose gradient autograd does not know has none."""
    with torch.enable_grad():
        x = inputs.detach().requires_grad_()
        loss = loss_of(model(x), targets, reduction="sum")
        known = torch.autograd.grad(loss, x, allow_unused=True)[0] if loss.requires_grad else None
    gradient = torch.zeros_like(x) if known is None else known
    zeros = (gradient == 0).flatten(1).double().mean(1)
    return float((zeros >= t.ZERO_ENTRIES).double().mean())

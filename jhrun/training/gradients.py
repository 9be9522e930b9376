"""One batch's gradients: the terms' weighted sum, made in as many parts as memory asks for."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from jhrun.errors import ConfigError
from jhrun.records import Batch
from jhrun.terms import Pass, Term, Value, Weighted


@dataclass(frozen=True)
class Active:
    """A term in a step.

    Attributes:
        name: of the term.
        term: itself.
        weight: in this step.
        fraction: the share of the step's examples that it is taken of.
    """

    name: str
    term: Term
    weight: float
    fraction: float = 1.0

    @classmethod
    def at(cls, terms: Sequence[Weighted], epoch: float) -> list["Active"]:
        """The terms that count at an epoch with its fraction: the first, and those with a weight."""
        weighted = [(term, term.weight(epoch)) for term in terms]
        return [
            cls(one.name, one.term, weight, one.fraction)
            for number, (one, weight) in enumerate(weighted)
            if weight > 0 or not number
        ]


@dataclass(frozen=True)
class Made:
    """A (micro-)batch after its backward pass: nothing here has a graph.

    Attributes:
        step: as the terms saw it.
        losses: (B,).
        figures: of the terms, by name.
        active: the terms, each with the pass that it saw.
    """

    step: Pass
    losses: Tensor
    figures: Mapping[str, Tensor]
    active: Sequence[tuple[Active, Pass]]

    def observed(self, done: Tensor) -> dict[str, Tensor]:
        """Tell the terms whether the step was made; all figures."""
        figures = dict(self.figures)
        for one, step in self.active:
            figures |= {f"{one.name}.{key}": value for key, value in one.term.observe(step, done).items()}
        return figures

    def suspects(self) -> Tensor:
        """Indices of the examples whose loss is not finite, and infinity for the others, (B,), float64."""
        none = torch.full_like(self.losses, torch.inf, dtype=torch.float64)
        index = self.step.batch.index
        return none if index is None else torch.where(self.losses.isfinite(), none, index)


def add_gradients(
    make: Callable[[Batch], Pass],
    active: Sequence[Active],
    batch: Batch,
    *,
    part: Sequence[int] | None = None,
    micro_batch: int | None = None,
) -> tuple[Tensor, list[Made]]:
    """Add the gradients of a batch's mean loss to those of the parameters.

    Args:
        make: a pass over some examples.
        active: the terms.
        batch: B examples.
        part: positions of the examples that terms with a fraction are taken of; None for all.
        micro_batch: examples worked on at once; None for all.

    Returns:
        The mean loss, and what its parts were made of: the terms are yet to be told of the outcome.
    """
    at_once = micro_batch or len(batch)
    loss = torch.zeros((), device=batch.inputs.device)
    made = []
    for first in range(0, len(batch), at_once):
        mine = None if part is None else [i - first for i in part if first <= i < first + at_once]
        share = None if part is None else len(part) / len(batch)
        one = _made(make, active, batch[first : first + at_once], mine, share)
        mean = one.losses.sum() / len(batch)
        mean.backward()  # type: ignore[no-untyped-call]
        loss = loss + mean.detach()
        one.step.release()
        made.append(replace(one, losses=one.losses.detach()))
    return loss, made


def _made(
    make: Callable[[Batch], Pass],
    active: Sequence[Active],
    batch: Batch,
    part: Sequence[int] | None,
    share: float | None,
) -> Made:
    """The weighted sum for each example, those of the part first."""
    if part is not None and len(part) < len(batch):
        batch = batch[_order(part, len(batch), batch.inputs.device)]
    elif part is not None:
        batch = batch[_sent(part, batch.inputs.device)]
    step = make(batch)
    passes = {}
    for one in active:
        here = step
        if one.fraction < 1 and part is not None:
            if not part:
                continue
            here = step.head = make(batch[: len(part)])
        passes[one.name] = here
    found: dict[str, Value] = {}
    # terms that need inputs as leaves first: the others share their pass
    for one in sorted(active, key=lambda a: not a.term.differentiates):
        if one.name in passes:
            found[one.name] = one.term(passes[one.name])
    losses = _sum(active, found, len(batch), len(part) if part is not None else None, share)
    figures = {"loss": losses.detach()}
    if (clean := step.made) is not None and (labels := batch.labels) is not None:
        figures["accuracy"] = clean.outputs.detach().argmax(1) == labels
    for name, value in found.items():
        figures[name] = value.values.detach()
        figures |= {f"{name}.{key}": figure for key, figure in value.figures.items()}
    return Made(step, losses, figures, [(one, passes[one.name]) for one in active if one.name in passes])


def _sum(
    active: Sequence[Active], found: Mapping[str, Value], size: int, few: int | None, share: float | None
) -> Tensor:
    """Σ weight·term for each example; a batch-coupled term is added to each as its mean.

    Args:
        active: the terms.
        found: their values, by name.
        size: examples worked on, B.
        few: so many of them are of the part.
        share: the part's of the whole step.

    Returns:
        (B,), those of the part first.

    Raises:
        ConfigError: a term has another number of values than examples.
    """
    total: Tensor | None = None
    for one in active:
        if one.name not in found:
            continue
        values, weight, seen = found[one.name].values, one.weight, size
        if one.fraction < 1 and few is not None and share is not None:
            seen = few
            # in parts of a step, a mean counts by the examples that it is of
            weight = weight * few / (size * share) if one.term.coupled != "no" else weight / share
        if one.term.coupled != "no":
            values, seen = values.mean().expand(size), size
        if values.shape != (seen,):
            shape = tuple(values.shape)
            what = f"{type(one.term).__name__} returned values of shape {shape} for {seen} examples"
            raise ConfigError(what, one.name, "return one for each example, or declare coupled")
        scaled = values if weight == 1 else weight * values
        if total is None:
            total = scaled
        elif len(scaled) == len(total):
            total = total + scaled
        else:
            total = torch.cat([total[: len(scaled)] + scaled, total[len(scaled) :]])
    assert total is not None
    return total


def _order(part: Sequence[int], size: int, device: torch.device) -> Tensor:
    """All positions, those of the part first."""
    rest = sorted(set(range(size)) - set(part))
    return _sent([*part, *rest], device)


def _sent(positions: Sequence[int], device: torch.device) -> Tensor:
    """Positions as a tensor on a device, which is not waited for."""
    here = torch.tensor(positions, dtype=torch.int64)
    return here.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else here.to(device)

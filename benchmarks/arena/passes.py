"""The passes over a network, counted by hooks: calls of the network, derivatives, updates.

A *pass* is a call of the network, or a derivative of one that keeps its own graph. Its order is 1 for a call, and
k + 1 for a derivative of passes of order k. Autograd is then asked for derivatives through passes, and each is
counted by what it goes through and where it goes to:

- ``forward``: a call of the network;
- ``inputs-k``: a derivative through a pass of order k into the network's inputs (k = 1: a vector-Jacobian
  product, or an attack's gradient; k = 2: what a Hessian-vector product takes beyond it);
- ``others-k``: likewise, into something that entered at that derivative alone (k = 2: a Jacobian-vector product by
  double reverse mode, whose variable is the cotangent);
- ``weights-k``: likewise, into the parameters (k = 1: the backward pass of an ordinary step; k = 2 and 3: what a
  penalty on the Jacobian, and one on the Hessian, add to it);
- ``update``: a step of the optimizer, with all that surrounds it.

Counts are in full batches: a call on half a batch is half a pass.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor, nn


@dataclass(eq=False)
class Made:
    """A pass whose graph is there.

    Attributes:
        order: 1 for a call of the network.
        size: of its batch, in full batches.
        parents: the passes that it is a derivative of.
    """

    order: int
    size: float
    parents: "frozenset[Made]" = frozenset()


@dataclass
class Passes:
    """The passes so far.

    Attributes:
        batch: examples of a full batch.
        counts: by kind.
        made: passes whose graph is there, by the node of their result; emptied at each update.
    """

    batch: int
    counts: Counter[str] = field(default_factory=Counter)
    made: dict[Any, Made] = field(default_factory=dict)
    _weights: set[int] = field(default_factory=set)

    @contextmanager
    def counted(self, networks: Iterable[nn.Module], optimizer: torch.optim.Optimizer) -> Iterator[None]:
        """Inside, passes are counted.

        Args:
            networks: whose calls count.
            optimizer: whose steps count.

        Yields:
            Nothing.
        """
        networks = list(networks)
        self._weights = {id(p) for network in networks for p in network.parameters()}

        # functions, not methods: a copy of the network, hooks included, counts here too
        def called(_: nn.Module, given: tuple[Any, ...], outputs: Tensor) -> None:
            size = len(given[0]) / self.batch
            self.counts["forward"] += size  # type: ignore[assignment]
            if outputs.grad_fn is not None:
                self.made[outputs.grad_fn] = Made(1, size)

        def updated(*_: object) -> None:
            self.counts["update"] += 1
            self.made.clear()

        handles = [network.register_forward_hook(called) for network in networks]
        handles.append(optimizer.register_step_post_hook(updated))
        try:
            with (
                patch.object(torch.autograd, "grad", self._watched(torch.autograd.grad)),
                patch.object(torch.autograd, "backward", self._watched(torch.autograd.backward)),
            ):
                yield
        finally:
            for handle in handles:
                handle.remove()
            self.made.clear()

    def _watched(self, derivative: Callable[..., Any]) -> Callable[..., Any]:
        """``torch.autograd``'s function, its calls counted."""

        def call(results: Any, *args: Any, **kwargs: Any) -> Any:
            several = [results] if isinstance(results, Tensor) else list(results)
            targets = args[0] if args and derivative.__name__ == "grad" else kwargs.get("inputs")
            if isinstance(targets, Tensor):
                targets = [targets]
            through = self._count(several, targets)
            found = derivative(results, *args, **kwargs)
            for each in found or ():
                if through and isinstance(each, Tensor) and each.grad_fn is not None:
                    order = 1 + max(one.order for one in through)
                    size = sum(one.size for one in through if one.order == 1)
                    self.made.setdefault(each.grad_fn, Made(order, size, frozenset(through)))
            return found

        return call

    def _count(self, results: Sequence[Tensor], targets: Sequence[Tensor] | None) -> set[Made]:
        """Count a derivative; the passes that it goes through."""
        through = self._through(_nodes(r.grad_fn for r in results))
        if targets is None or any(id(t) in self._weights for t in targets):
            goal = "weights"
        elif any(self._into_network(t, through) for t in targets):
            goal = "inputs"
        else:
            goal = "others"
            # it goes through no call of the network, but through derivatives of one alone
            through = {one for one in through if one.order > 1}
        for one in through:
            self.counts[f"{goal}-{one.order}"] += one.size  # type: ignore[assignment]
        return through | {parent for one in through for parent in one.parents}

    def _through(self, nodes: set[Any]) -> set[Made]:
        """The passes whose results are among some nodes, and the passes that these are derivatives of."""
        found = {one for node, one in self.made.items() if node in nodes}
        return found | {parent for one in found for parent in one.parents}

    def _into_network(self, target: Tensor, through: set[Made]) -> bool:
        """Whether a tensor lies before some call of the network: its result depends on the tensor."""
        if not target.requires_grad:
            return False
        node = torch.autograd.graph.get_gradient_edge(target).node
        calls = [result for result, one in self.made.items() if one.order == 1 and one in through]
        return node in _nodes(calls) - set(calls)


def _nodes(starts: Iterable[Any]) -> set[Any]:
    """All nodes of the graphs behind some nodes, with them."""
    left = [node for node in starts if node is not None]
    seen = set(left)
    while left:
        for node, _ in left.pop().next_functions:
            if node is not None and node not in seen:
                seen.add(node)
                left.append(node)
    return seen

"""What every attack guarantees, whatever the library below it does."""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from jhrun.attacks.kinds import require_stated
from jhrun.attacks.watched import ROUNDING, Watched, require_finite
from jhrun.errors import NumericalError


class Adversarial(NamedTuple):
    """What an attack found for a batch: detached, finite, in the ball and in [0, 1], (B, ch, h, w) each.

    Attributes:
        last: the last iterate, which is what is published; of a search that keeps its best point, that point.
        worst: the input, of those that the search offered, the clean one and the last one, that is worst for the
            network: misclassified beats not, then the smaller margin z_y − max_{j≠y} z_j wins.
    """

    last: Tensor
    worst: Tensor


class Attack(ABC):
    """A search for inputs near x that are classified wrongly.

    A subclass says how to search (``perturb``); calling the attack adds the guarantees: every submodule is in eval
    mode while it runs and in its own mode afterwards, also after an exception; no parameter gets a gradient; the
    global random state is untouched; the result is finite, in the ball and in [0, 1].

    Attributes:
        norm: of the ball, ``inf`` or ``2``.
        kind: what it searches by: ``gradient``, ``score``, ``decision``, ``noise`` or ``mixed``
            (``jhrun.attacks.kinds``). Every attack states its own.
        search: how it searches: ``step``, ``ascent``, ``adaptive`` or ``nearest``; empty if in none of these ways.
        iterates: whether each pass during the search is one iterate for each of the model's current rows.
        epsilon: the ball's radius: in pixel units, and for ``2`` the root of the sum of their squares.
        parameters: the settings besides epsilon, for the record. A verdict reads there how strong the search is:
            ``steps``, ``restarts``, ``queries``.
    """

    norm = "inf"
    kind = ""
    search = ""
    iterates = False

    def __init__(self, epsilon: float, **parameters: Any) -> None:
        """Set the radius.

        Args:
            epsilon: at least 0.
            **parameters: the subclass's own settings.

        Raises:
            ValueError: epsilon is negative, not finite, or as if pixels lay in 0 … 255; the class states no kind.
        """
        require_stated(type(self).__name__, self.kind, self.search)
        try:
            require_radius(epsilon, self.norm)
        except ValueError as error:
            raise ValueError(f"epsilon={epsilon}: {error}") from None
        self.epsilon = float(epsilon)
        self.parameters = parameters

    def passes(self, classes: int) -> int:
        """An upper bound of the passes that one example takes, for an estimate of time before there is one.

        Args:
            classes: C, the number of logits, at least 1.

        Returns:
            Forward passes, and backward ones counted as two each: the search's, and the four of this class, which
            are a gradient at the input and a look at the result. 0 if epsilon is.
        """
        return 4 + self.search_passes(classes) if self.epsilon else 0

    def search_passes(self, classes: int) -> int:  # noqa: ARG002 - a subclass may
        """Those of ``perturb``; a gradient step's three, unless a subclass says otherwise."""
        return 3

    @abstractmethod
    def perturb(self, model: Watched, inputs: Tensor, targets: Tensor) -> Tensor:
        """The search itself; may draw from the global random state, which is the attack's own here."""

    def __call__(self, model: nn.Module, inputs: Tensor, targets: Tensor, *, seed: int) -> Adversarial:
        """Attack a batch.

        Args:
            model: images → logits.
            inputs: (B, ch, h, w) in [0, 1].
            targets: right classes, (B,).
            seed: of everything random; the same seed gives the same result.

        Returns:
            The last and the worst input of each example; copies of the inputs if epsilon is 0.

        Raises:
            NumericalError: the network's outputs or their gradients are not finite, or the search's result is not;
                the sign of not-a-number is 0, so that such a network would look robust.
        """
        inputs = inputs.detach()
        if self.epsilon == 0:
            return Adversarial(inputs.clone(), inputs.clone())
        watched = Watched(model, inputs, targets, self.confine)
        try:
            with evaluation_mode(watched), frozen(model), private_randomness(seed):
                input_gradient(watched, inputs, targets)
                watched.watching = self.iterates
                found = self.perturb(watched, inputs, targets).detach()
                # an infinite pixel would become a corner of the ball, and look like a result
                require_finite("the search's points", found)
                last = self.confine(found.to(inputs.dtype), inputs)
                watched.watching = True
                watched.eval()
                watched.survivors(last)
        except NumericalError as error:
            raise NumericalError(f"under {type(self).__name__}: {error}", "", "") from error
        return Adversarial(last, watched.worst)

    def distance(self, found: Tensor, inputs: Tensor) -> Tensor:
        """‖found − inputs‖ of each example in the attack's norm, (B,)."""
        length: Tensor = torch.linalg.vector_norm((found - inputs).flatten(1), ord=float(self.norm), dim=1)
        return length

    def inside(self, found: Tensor, inputs: Tensor) -> Tensor:
        """The found points that lie in the ball, and the inputs where they do not: for searches without one."""
        outside = self.distance(found, inputs) > self.epsilon + ROUNDING
        return torch.where(outside.view(-1, *[1] * (inputs.ndim - 1)), inputs, found)

    def confine(self, found: Tensor, inputs: Tensor) -> Tensor:
        """The nearest point of the ball, then of the range; what is in both already stays bit for bit."""
        if self.norm == "inf":
            in_ball = found.maximum(inputs - self.epsilon).minimum(inputs + self.epsilon)
        else:
            length = self.distance(found, inputs).view(-1, *[1] * (inputs.ndim - 1))
            outside = length > self.epsilon * (1 + ROUNDING)
            in_ball = torch.where(outside, inputs + (found - inputs) * (self.epsilon / length), found)
        # this does not leave the ball: the inputs lie in the range, so that clamping brings a pixel nearer to them
        return in_ball.clamp(0, 1)


def require_radius(epsilon: float, norm: str, inputs: int | None = None) -> None:
    """Refuse a radius that no pixels in [0, 1] can need: most often, it was meant for pixels in 0 … 255.

    Args:
        epsilon: ε.
        norm: of the ball, ``inf`` or ``2``.
        inputs: D, the number of pixels and channels of an image; None where it is not known.

    Raises:
        ValueError: ε is negative, not finite, or above the largest distance of two images: 1 in ℓ∞, √D in ℓ2.

    Example:
        >>> require_radius(8, "inf")
        Traceback (most recent call last):
        ValueError: must be at most 1, because pixels lie in [0, 1] (did you mean 8/255?)
    """
    if not 0 <= epsilon < math.inf:
        raise ValueError("must be a number of at least 0")
    largest = 1.0 if norm == "inf" else math.sqrt(inputs or math.inf)
    if epsilon > largest:
        remedy = f"did you mean {epsilon:g}/255?" if epsilon <= 255 * largest else "a radius is written as 8/255"
        bound = "1" if norm == "inf" else f"√{inputs} = {largest:.3g}"
        raise ValueError(f"must be at most {bound}, because pixels lie in [0, 1] ({remedy})")


def input_gradient(model: nn.Module, inputs: Tensor, targets: Tensor) -> Tensor:
    """∂CE/∂x of each example, (B, …)."""
    with torch.enable_grad():
        x = inputs.detach().requires_grad_()
        loss = F.cross_entropy(model(x), targets, reduction="sum")
        (gradient,) = torch.autograd.grad(loss, x)
    return gradient


@contextmanager
def evaluation_mode(model: nn.Module) -> Iterator[None]:
    """Every submodule in eval mode, and afterwards in the mode it had, whatever happens inside."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


@contextmanager
def frozen(model: nn.Module) -> Iterator[None]:
    """No parameter asks for a gradient: passes are cheaper, and a search that calls ``backward`` leaves none."""
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    for parameter in trained:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in trained:
            parameter.requires_grad_(True)


@contextmanager
def private_randomness(seed: int) -> Iterator[None]:
    """Torch's global generators, of all devices, seeded inside and as they were afterwards."""
    # to seed one is to seed all, whatever device the batch is on
    there = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    devices = range(torch.cuda.device_count()) if there else ()
    with torch.random.fork_rng(devices):
        torch.manual_seed(seed % 2**63)
        yield


def drawn_seed() -> int:
    """A seed for a library that sets the global one, drawn from the attack's own randomness."""
    return int(torch.randint(2**62, ()))

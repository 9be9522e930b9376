"""Averaged weights: a second network whose weights are a mean of those that training passes through."""

from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn, get_swa_multi_avg_fn, update_bn

from jhrun.records.evidence import Evidence

_PREFIX = "averaged."


class Averages:
    """A network's averaged twin.

    Attributes:
        every: ``step`` or ``epoch``: after which of them the average moves.
        network: the twin; None before ``begin``.
        moves: how often it has moved.
    """

    every: Literal["step", "epoch"] = "step"

    def __init__(self) -> None:
        """Begin without a network."""
        self._model: AveragedModel | None = None
        self.moves = 0

    def begin(self, model: nn.Module) -> None:
        """Make the twin.

        Args:
            model: on its device.
        """
        self._model = self._made(model)

    @property
    def network(self) -> nn.Module | None:
        """The averaged network; None before its first move, when it is not the mean of anything."""
        return None if self._model is None or not self.moves else self._model.module

    def due(self, epochs: int) -> bool:  # noqa: ARG002 - an average may move from the beginning
        """Whether the average moves at the end of an epoch.

        Args:
            epochs: that are done.

        Returns:
            Yes or no.
        """
        return True

    @torch.no_grad()
    def move(self, model: nn.Module, done: Tensor) -> None:
        """Take the model's weights into the average, if the last step was made.

        Args:
            model: after the step.
            done: a bool on the device.
        """
        assert self._model is not None
        # the first move is a copy, not a mean: until then the host waits
        if done.is_cpu or not self.moves:
            if done:
                self._model.update_parameters(model)
                self.moves += 1
            return
        before = [tensor.clone() for tensor in self._model.module.state_dict().values()]
        self._model.update_parameters(model)
        self.moves += 1
        for tensor, old in zip(self._model.module.state_dict().values(), before, strict=True):
            tensor.copy_(torch.where(done, tensor, old))

    def settle(self, batches: Iterable[Tensor]) -> None:
        """Before the network is used at an epoch's end: bring its statistics up to its weights.

        Args:
            batches: training inputs.
        """

    def state_dict(self) -> dict[str, Tensor]:
        """``averaged.NAME`` for each tensor of the network, and how often it has moved."""
        if self._model is None or not self.moves:
            return {}
        tensors = {f"{_PREFIX}{name}": tensor for name, tensor in self._model.module.state_dict().items()}
        return {**tensors, "averaging.moves": torch.tensor(self.moves)}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Go back to a saved average.

        Args:
            state: other tensors may be among them.
        """
        assert self._model is not None
        weights = averaged_weights(state)
        self.moves = int(state["averaging.moves"]) if weights else 0
        self._model.n_averaged.fill_(self.moves)
        if weights:
            self._model.module.load_state_dict(weights)

    def _made(self, model: nn.Module) -> AveragedModel:
        raise NotImplementedError


class EMA(Averages):
    """Exponential moving average θ̄ ← d·θ̄ + (1 − d)·θ after each step, of buffers too.

    Source: B. T. Polyak and A. B. Juditsky, SIAM J. Control Optim. 30, 1992; as ``torch.optim.swa_utils`` has it.
    """

    title: ClassVar[str] = "an exponential moving average of the weights"
    bibtex: ClassVar[str] = """@article{polyak1992acceleration,
  author = {Polyak, Boris T. and Juditsky, Anatoli B.},
  title = {Acceleration of Stochastic Approximation by Averaging},
  journal = {SIAM Journal on Control and Optimization},
  volume = {30},
  number = {4},
  year = {1992},
}"""

    evidence: ClassVar[Evidence] = Evidence(
        source="Polyak and Juditsky 1992, as torch has it",
        mark="recalled",
        closed_form="tests/training/test_averages.py::test_ema_is_the_weighted_sum_of_all_weights_so_far",
        state="closed form only",
    )

    def __init__(self, decay: float = 0.999) -> None:
        """Set the decay.

        Args:
            decay: d, at least 0 and below 1.

        Raises:
            ValueError: it is outside its range.
        """
        super().__init__()
        if isinstance(decay, bool) or not isinstance(decay, int | float) or not 0 <= decay < 1:
            raise ValueError(f"decay={decay}: must be at least 0 and below 1")
        self.decay = float(decay)

    def _made(self, model: nn.Module) -> AveragedModel:
        # not once and for all: the decay may follow a schedule
        def move(averages: Sequence[Tensor], weights: Sequence[Tensor], moves: Tensor | int) -> None:
            get_ema_multi_avg_fn(self.decay)(averages, weights, moves)  # type: ignore[no-untyped-call]

        return AveragedModel(model, multi_avg_fn=move, use_buffers=True)


class SWA(Averages):
    """Stochastic weight averaging: the mean of the weights at the ends of the last epochs.

    The statistics of batch norm are taken anew over the training images before the network is used.

    Source: P. Izmailov et al., UAI 2018, arXiv 1803.05407; as ``torch.optim.swa_utils`` has it.
    """

    every = "epoch"

    title: ClassVar[str] = "stochastic weight averaging"
    bibtex: ClassVar[str] = """@inproceedings{izmailov2018averaging,
  author = {Izmailov, Pavel and Podoprikhin, Dmitrii and Garipov, Timur and Vetrov, Dmitry and
    Wilson, Andrew Gordon},
  title = {Averaging Weights Leads to Wider Optima and Better Generalization},
  booktitle = {Conference on Uncertainty in Artificial Intelligence},
  year = {2018},
}"""

    evidence: ClassVar[Evidence] = Evidence(
        source="Izmailov et al. 2018, arXiv 1803.05407, as torch has it",
        mark="recalled",
        closed_form="tests/training/test_averages.py::test_swa_is_the_mean_of_the_ends_of_the_last_epochs",
        state="closed form only",
    )

    def __init__(self, start: int) -> None:
        """Set the beginning.

        Args:
            start: epochs that go before the first one whose end counts, at least 0.

        Raises:
            ValueError: it is outside its range.
        """
        super().__init__()
        if isinstance(start, bool) or not isinstance(start, int) or start < 0:
            raise ValueError(f"start={start}: must be a whole number of at least 0")
        self.start = start

    def due(self, epochs: int) -> bool:
        """Whether the end of an epoch counts."""
        return epochs > self.start

    def settle(self, batches: Iterable[Tensor]) -> None:
        """Take the statistics of batch norm anew, where there are any."""
        normed = nn.modules.batchnorm._BatchNorm
        if self.network is not None and any(isinstance(m, normed) for m in self.network.modules()):
            update_bn(batches, self.network)

    def _made(self, model: nn.Module) -> AveragedModel:
        return AveragedModel(model, multi_avg_fn=get_swa_multi_avg_fn())  # type: ignore[no-untyped-call]


def averaged_weights(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The averaged network's tensors among those of a checkpoint; none where there is no average."""
    return {name.removeprefix(_PREFIX): t for name, t in state.items() if name.startswith(_PREFIX)}

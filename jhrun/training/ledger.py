"""What an epoch's steps came to, kept on the device: sums of named figures, and the steps that were refused."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from jhrun.training.gradients import Made
from jhrun.training.refusal import Refusal, Refusals


class Columns:
    """Sums and counts of named figures. Nothing is read back from the device but by ``means``.

    Example:
        >>> columns = Columns(torch.device("cpu"))
        >>> columns.add({"loss": torch.tensor([1.0, 2.0])}, done=torch.tensor(True))
        >>> columns.add({"loss": torch.tensor([9.0])}, done=torch.tensor(False))
        >>> columns.means(columns.totals.tolist())
        {'loss': 1.5}
    """

    def __init__(self, device: torch.device) -> None:
        """Begin with no column."""
        self.names: list[str] = []
        self.totals = torch.zeros(0, dtype=torch.float64, device=device)
        self._counts: dict[tuple[int, ...], Tensor] = {}

    def add(self, figures: Mapping[str, Tensor], done: Tensor | None = None) -> None:
        """Add figures, if the step was made.

        Args:
            figures: by name, one for each of some examples, or one of all.
            done: a bool on the device; None for yes.
        """
        self.merge(*self.summed(figures), done)

    def summed(self, figures: Mapping[str, Tensor]) -> tuple[list[str], Tensor]:
        """Names; and their sums, then their counts, (2·names,), float64."""
        sums = torch.stack([values.detach().double().sum() for values in figures.values()])
        sizes = tuple(values.numel() for values in figures.values())
        if sizes not in self._counts:
            # a device need not be sent counts that come again
            self._counts[sizes] = torch.tensor(sizes, dtype=torch.float64).to(sums.device)
        return list(figures), torch.cat([sums, self._counts[sizes]])

    def merge(self, names: Sequence[str], sums: Tensor, done: Tensor | None = None) -> None:
        """Add sums.

        Args:
            names: of the columns.
            sums: theirs, then their counts.
            done: a bool on the device; None for yes.
        """
        if list(names) != self.names:
            sums = self._widened(names, sums)
        self.totals += sums if done is None else torch.where(done, sums, 0)

    def means(self, totals: Sequence[float]) -> dict[str, float]:
        """The mean of each column that has an example.

        Args:
            totals: as read back from the device.

        Returns:
            Means by name.
        """
        n = len(self.names)
        pairs = zip(self.names, totals[:n], totals[n:], strict=True)
        return {name: total / count for name, total, count in pairs if count > 0}

    def clear(self) -> None:
        """Begin again with no column."""
        self.names, self.totals = [], self.totals.new_zeros(0)

    def state_dict(self) -> dict[str, Tensor]:
        """``sums.NAME``: a sum and a count for each column."""
        return {f"sums.{name}": pair for name, pair in zip(self.names, self.totals.view(2, -1).T, strict=True)}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Go back to saved sums.

        Args:
            state: other tensors may be among them.
        """
        kept = {key.removeprefix("sums."): pair for key, pair in state.items() if key.startswith("sums.")}
        self.clear()
        self.names = list(kept)
        if kept:
            self.totals = torch.stack(list(kept.values())).T.reshape(-1).to(self.totals.device, copy=True)

    def _widened(self, names: Sequence[str], sums: Tensor) -> Tensor:
        """The sums in the columns' order, for which columns are added where they lack some."""
        wide = [*self.names, *(name for name in names if name not in self.names)]
        totals, others = self.totals.view(2, -1), sums.view(2, -1)
        grown = totals.new_zeros(2, len(wide))
        grown[:, : len(self.names)] = totals
        moved = torch.zeros_like(grown)
        moved[:, [wide.index(name) for name in names]] = others
        self.names, self.totals = wide, grown.reshape(-1)
        return moved.reshape(-1)


@dataclass(frozen=True)
class Reading:
    """How an epoch goes, as read back from the device.

    Attributes:
        means: of the figures over the steps that were made, by name.
        refused: how many batches were refused.
        refusal: the first of them since the last checkpoint or epoch; None for none.
        bad: what is not finite all the same, in words; empty for nothing.
    """

    means: dict[str, float]
    refused: int
    refusal: Refusal | None
    bad: str


class Ledger:
    """An epoch's books.

    Attributes:
        columns: sums of figures.
        skipped: batches, and their examples, that were refused and are not in the sums.
        refusals: why the first of them was.
    """

    def __init__(self, terms: Mapping[str, str], device: torch.device) -> None:
        """Open them.

        Args:
            terms: titles of the terms of the loss, by name.
            device: where training is.
        """
        self.columns = Columns(device)
        self.skipped = torch.zeros(2, dtype=torch.float64, device=device)
        self.refusals = Refusals(terms, device)

    def note(self, step: int, size: int, loss: Tensor, parts: Sequence[Made], done: Tensor) -> None:
        """Sum up a step that was made; of one that was refused note why. Every term learns which it is.

        Args:
            step: its number in the run, from 1.
            size: of its batch.
            loss: its mean loss.
            parts: its micro-batches.
            done: whether the step was made, a bool on the device.
        """
        observed = [part.observed(done) for part in parts]
        if len(parts) == 1:
            names, sums = self.columns.summed(observed[0])
        else:
            whole = Columns(loss.device)
            for figures in observed:
                whole.add(figures)
            names, sums = whole.names, whole.totals
        self.columns.merge(names, sums, done)
        count = torch.full_like(loss, size, dtype=torch.float64)
        self.skipped += torch.where(done, 0, torch.stack([torch.ones_like(count), count]))
        suspects = torch.cat([part.suspects() for part in parts])
        self.refusals.note(step, done, loss, names, sums, suspects)

    def read(self) -> Reading:
        """Read everything back from the device, at once."""
        tensors = [self.columns.totals, self.skipped, self.refusals.kept]
        numbers = torch.split(torch.cat(tensors).cpu(), [len(tensor) for tensor in tensors])
        totals, (batches, _), kept = (part.tolist() for part in numbers)
        means, titles = self.columns.means(totals), self.refusals.terms
        bad = [titles.get(name, name) for name, value in means.items() if not math.isfinite(value)]
        return Reading(means, int(batches), self.refusals.first(kept), " and ".join(bad))

    def clear(self) -> None:
        """Begin an epoch."""
        self.columns.clear()
        self.skipped.zero_()
        self.refusals.clear()

    def state_dict(self) -> dict[str, Tensor]:
        """The sums, and what was skipped."""
        return {**self.columns.state_dict(), "skipped": self.skipped}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Go back to saved books; what was refused since is forgotten.

        Args:
            state: other tensors may be among them.
        """
        self.columns.load_state_dict(state)
        self.skipped = state["skipped"].to(self.skipped.device, copy=True)
        self.refusals.clear()

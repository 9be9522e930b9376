"""Any network, attacked and judged in memory."""

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn

from jhrun.attacks.attack import evaluation_mode
from jhrun.commands.evaluation import drawn, progress_of
from jhrun.commands.progress import Progress
from jhrun.data import Dataset, Part, collected
from jhrun.data.pairs import are_pairs
from jhrun.errors import ConfigError, DataError
from jhrun.evaluation import Evaluation
from jhrun.evaluation import evaluate as attack_all
from jhrun.evaluation.analyses import Analysis, Result, Subject
from jhrun.library import choices
from jhrun.library.notebook import Shown
from jhrun.penalties import examine
from jhrun.records import AttackRecord, Proportion, Verdict
from jhrun.reporting import headline
from jhrun.reporting.document import Headline
from jhrun.reporting.tables import headline_table
from jhrun.reporting.verdict import SYMBOLS, sentence


@dataclass(frozen=True, repr=False)
class Judged(Shown):
    """A network's figures, and whether they can be believed.

    Attributes:
        evaluation: what became of each example.
        analyses: by name, with record, sections and arrays.
        total: how many examples the data have; the evaluation may be of fewer.
    """

    evaluation: Evaluation
    analyses: Mapping[str, Result]
    total: int

    @property
    def clean(self) -> Proportion:
        """The share of clean images that are classified right, with Wilson's 95 % interval."""
        return self.evaluation.clean_accuracy

    @property
    def worst_case(self) -> Proportion:
        """The share that is right clean and under every attack of the norm."""
        return self.evaluation.worst_case

    @property
    def attacks(self) -> Mapping[str, AttackRecord]:
        """The figures of each attack."""
        return self.evaluation.records

    @property
    def verdict(self) -> Verdict | None:
        """Whether the figures can be believed; None where the verdict was left out."""
        return self.analyses["verdict"].record if "verdict" in self.analyses else None

    @property
    def table(self) -> pd.DataFrame:
        """The headline table, in words."""
        header, *rows = headline_table(self._headline)
        return pd.DataFrame(rows, columns=list(header)).set_index("")

    @property
    def per_example(self) -> pd.DataFrame:
        """A row for each example: its class, the predicted class clean and under each attack, and ``robust``."""
        found = self.evaluation
        columns = {"label": found.targets, "clean": found.clean, **found.attacked, "robust": found.robust()}
        return pd.DataFrame({name: column.numpy() for name, column in columns.items()})

    @property
    def _headline(self) -> Headline:
        found = self.evaluation
        return Headline(
            evaluation="evaluation",
            joined=("evaluation",),
            verdict=self.verdict,
            total=self.total,
            clean=found.clean_accuracy,
            attacks=found.records,
            worst_case=found.worst_case,
            worst_case_norm=found.worst_case_norm,
        )

    def __str__(self) -> str:
        """The headline table and the verdict in a sentence."""
        text = headline(self._headline)
        return (
            text if self.verdict is None else f"{text}\nverdict: {self.verdict.outcome}. {sentence(self.verdict)}"
        )

    def _repr_html_(self) -> str:
        """The same as tables, with every check of the verdict."""
        text = self.table.to_html()
        if self.verdict is None:
            return text
        checks = pd.DataFrame(
            [(f"{SYMBOLS[c.outcome]} {c.outcome}", c.name, c.text) for c in self.verdict.checks],
            columns=["outcome", "check", "what it means"],
        )
        told = html.escape(sentence(self.verdict))
        return f"{text}<p><b>{self.verdict.outcome}</b>: {told}</p>{checks.to_html(index=False)}"


def evaluate(
    model: nn.Module,
    data: Any,
    attacks: str | Sequence[str] = "standard",
    epsilon: float | str = "8/255",
    *,
    analyses: str | Sequence[str] = ("verdict", "curve"),
    n: int | None = None,
    classes: Sequence[str] = (),
    twin: nn.Module | None = None,
    selection: Mapping[str, str] | None = None,
    seed: int = 0,
) -> Judged:
    """Attack any network, and judge whether the figures can be believed. Nothing is written.

    Args:
        model: images in [0, 1], (B, ch, h, w), → logits (B, C), on its device; its modes stay as they are. If it
            wants normalised images, their normalisation must be its first layer, so that ε is in pixel units.
        data: a pair of images (N, ch, h, w), uint8 or floats in [0, 1], and class numbers (N,); a ``Part``; a
            ``Dataset``, whose test set is taken; or pairs as torchvision's data sets give them.
        attacks: choices of the group ``attack``, as in ``standard`` or ``["pgd20", "square"]``.
        epsilon: radius of all attacks, in pixel units: a number, or a fraction as text.
        analyses: choices of the group ``analysis``; ``verdict`` reads what ``curve`` found.
        n: how many examples, drawn at random; all if not given.
        classes: their names; their numbers if not given.
        twin: an undefended network for the same task, whose adversarial inputs the verdict tries too.
        selection: how the network was chosen among several, as in ``{"rule": "last epoch"}`` or
            ``{"rule": "highest accuracy", "part": "validation"}``; a verdict passes only where that is said.
        seed: of everything random.

    Returns:
        Figures, verdict and analyses; it prints as a table.

    Raises:
        ConfigError: the network cannot be evaluated on these data, or a name is wrong.
    """
    made = choices.attacks(attacks, {"inf": epsilon, "2": epsilon})
    wanted = choices.analyses(analyses) if analyses else {}
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    whole, names = _examples(data, model, device, tuple(classes))
    part, _ = drawn(whole, n)
    fault = examine(model, next(part[:2].batches(2)).inputs, len(names), exact=False, trains=False)
    if fault is not None:
        raise ConfigError(fault.what, f"model: {type(model).__name__}", fault.remedy)
    line, progress = progress_of(made, len(names), len(part))
    with line:
        evaluation = attack_all(model, part, made, seed=seed, progress=progress)
    balls = {attack.epsilon for attack in made.values() if attack.norm == "inf"}
    subject = Subject(
        model,
        part,
        evaluation,
        made,
        seed,
        selection or {},
        classes=names,
        total=len(whole),
        epsilon=max(balls, default=0.0),
        twin=twin,
    )
    return Judged(evaluation, _analysed(subject, wanted), len(whole))


def _analysed(subject: Subject, wanted: Mapping[str, Analysis]) -> dict[str, Result]:
    """What the analyses find, each knowing the records of those before it."""
    found: dict[str, Result] = {}
    for name, analysis in wanted.items():
        with Progress(analysis.title, 1) as said:
            records = {key: one.record for key, one in found.items()}
            found[name] = analysis(replace(subject, records=records, progress=said))
    return found


def _examples(
    data: Any, model: nn.Module, device: torch.device, classes: tuple[str, ...]
) -> tuple[Part, tuple[str, ...]]:
    """The examples of whatever was given, examined, and the names of their classes."""
    if isinstance(data, Dataset):
        if not data.classes:
            raise DataError("the data set has values to predict and no classes to attack", "data", "give another")
        return data.test.to(device), classes or data.classes
    if isinstance(data, tuple) and len(data) == 2 and all(isinstance(one, Tensor) for one in data):
        data = Part(*data)
    if not isinstance(data, Part):
        if not are_pairs(data):
            remedy = "give (images, class numbers), a Part, a Dataset, or pairs as torchvision has them"
            raise DataError(f"a {type(data).__name__} is no data set", "data", remedy)
        data = collected(data)
    names = classes or tuple(str(number) for number in range(_outputs(model, data, device)))
    channels = data.inputs.shape[1] if data.inputs.ndim == 4 else 1
    # a data set examines what it is made of, and says all that is wrong
    examined = Dataset(names, (0.0,) * channels, (1.0,) * channels, data, data)
    return examined.test.to(device), names


@torch.no_grad()
def _outputs(model: nn.Module, part: Part, device: torch.device) -> int:
    """How many classes a network tells apart; as many as the data have where it gives no logits."""
    pair = part[:2].to(device)
    inputs = pair.inputs.float() / 255 if pair.inputs.dtype == torch.uint8 else pair.inputs.float()
    with evaluation_mode(model):
        try:
            made = model(inputs)
            return int(made.shape[1])
        except Exception:
            # it is examined next, and the fault named
            return int(part.targets.max()) + 1

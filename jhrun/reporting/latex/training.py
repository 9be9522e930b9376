"""Methods of a paper: the data, the network, the loss and how it was minimised."""

import re
from dataclasses import dataclass

from jhrun.records import Decision, TermRecord
from jhrun.records.evidence import Cited
from jhrun.reporting.document import Node, Report
from jhrun.reporting.latex.known import GROUP_NORM
from jhrun.reporting.latex.phrases import bracketed, listed, phrases, spoken
from jhrun.reporting.latex.references import References
from jhrun.reporting.terms import is_a, term_of
from jhrun.reporting.text import one_line, tex
from jhrun.reporting.words import counted
from jhrun.terms import OBJECTIVE, REGULARIZER, Spectral, Task

MOST = 8
"""Decisions that are told."""

PARTS = {"train": "training", "validation": "validation", "test": "testing"}

WAYS = {
    "exact": "an exact decomposition",
    "lanczos": "the Lanczos method (n = {n})",
    "tracked": "keeping the vector of the last visit",
    "start": "taking the vector that the matrix offers",
}
"""What a decision may be for, as in ``jhrun.records.Decision``."""


@dataclass(frozen=True)
class Prose:
    """Sentences on a run's training; none names the run, so that runs that share one can be told.

    Attributes:
        report: of the run.
        references: that are cited in them.
    """

    report: Report
    references: References

    def data(self) -> str:
        """The data set, the sizes of its parts, and the augmentation."""
        node = self.report.setup.dataset
        text = f"Training used {self._named(node)}{bracketed(phrases(node))}{self._sizes(node)}."
        if self.report.background.examples.get("validation") == 0:
            text += " There was no validation part."
        drawn = [f"cropped after padding by {spoken(node.get('crop'))} pixels"] if node.get("crop") else []
        drawn += ["flipped horizontally"] if node.get("flip") else []
        hold = node.get("hold", 1)
        kept = f", anew every {spoken(hold)} epochs" if hold != 1 else ""
        return f"{text} Training images were randomly {listed(drawn)}{kept}." if drawn else text

    def _sizes(self, node: Node) -> str:
        examples, total, share = self.report.background.examples, self.report.total, node.get("validation")
        if examples:
            sizes = [f"{examples.get(part, 0):,} examples for {name}" for part, name in PARTS.items()]
            return f": {listed([size for size in sizes if not size.startswith('0 ')])}"
        # of a run of old
        held = [f"a share of {spoken(share)} of the training part was held out for validation"] if share else []
        held += [f"the test part has {total:,} examples"] if total else []
        return f"; {listed(held)}" if held else ""

    def network(self) -> str:
        """The architecture with its arguments, and its number of parameters."""
        node, size = self.report.setup.model, self.report.background.parameters
        # the β of our own Softplus; a plugin's may be another
        own = str(node.get("_target_")).startswith("jhrun.models.")
        said = [f"{text}{self._of_layers(text, own=own)}" for text in phrases(node)]
        text = f"The network was {_article(self._named(node))}{f' with {listed(said)}' if said else ''}"
        return f"{text}; it has {size:,} parameters." if size else f"{text}."

    def _of_layers(self, text: str, *, own: bool) -> str:
        """What follows a phrase on the network's layers."""
        if text == "group normalisation":
            return self.references.cite(text, GROUP_NORM)
        if text == "weight standardisation":
            return self._sources("jhrun.models.blocks.StandardisedConv2d")
        return r" ($\beta=8$)" if own and text == "Softplus activations" else ""

    def loss(self) -> str:
        """The task's loss, and the regularizer with its weight."""
        report, node = self.report, self.report.setup.regularizer
        objective, term = term_of(report, OBJECTIVE), term_of(report, REGULARIZER)
        task = self._named(report.setup.objective)
        if objective is not None and not is_a(objective, Task):
            task = self._titled(objective)
        task += bracketed(phrases(report.setup.objective))
        if term is None:
            return f"The loss was the {task} alone, without a regularizer."
        weight = node.get("weight")
        if isinstance(weight, dict) and set(weight) == {"lambda"}:
            sum_of, value = r"$L+\lambda R$", rf"$\lambda$ = {spoken(weight.get('lambda'))}"
        else:
            sum_of, value = r"$(1-w)\,L+w\,R$", f"$w$ = {spoken(weight)}"
        text = f"The loss was {sum_of} with {value}, where $L$ is the {task} and $R$ is "
        text += self._spectral(node) if is_a(term, Spectral) else self._other(term, node)
        fraction = node.get("fraction", 1.0)
        return (
            text
            if fraction == 1
            else f"{text} $R$ was taken of a random share of {spoken(fraction)} of each batch."
        )

    def _spectral(self, node: Node) -> str:
        nodes, solver = node.get("penalties") or [], self.report.setup.solver
        matrices = [self._named(one) + bracketed([*phrases(one), *_of(one)]) for one in nodes]
        several = " and over the matrices $A$" if len(matrices) > 1 else ""
        text = (
            rf"the mean over the examples{several} of $\|v^\top A\|_2^2$"
            f"{self._sources(str(node.get('_target_')))}. Here $A$ is {listed(matrices)}, and $v$, constant where "
            f"$R$ is differentiated, is {self._named(solver)}{bracketed(phrases(solver))}."
        )
        return re.sub(r" of A\b", " of $A$", text) + self._decisions()

    def _decisions(self) -> str:
        told, last = [], dict[int, str]()
        for decision in self.report.decisions:
            way = _way(decision)
            if way != last.get(decision.penalty):
                matrix = f" for matrix {decision.penalty + 1}" if decision.penalty else ""
                told.append(f"by {way} from epoch {decision.epoch} on{matrix}")
            last[decision.penalty] = way
        more = f" (and {counted(len(told) - MOST, 'later choice')})" if len(told) > MOST else ""
        chosen = f" It was found {listed(told[:MOST])}{more}, as measured cost and accuracy had it."
        return chosen if told else ""

    def _other(self, term: TermRecord, node: Node) -> str:
        return f"{self._titled(term)}{bracketed(phrases(node))}. {tex(one_line(term.value))}"

    def optimizer(self) -> str:
        """The optimizer with its arguments, the budget, and the average of the weights."""
        report, epochs = self.report, self.report.epochs
        setup = report.setup
        optimizer = f"{self._named(setup.optimizer)}{bracketed(phrases(setup.optimizer))}"
        text = (
            f"The parameters were optimised by {optimizer} for {counted(setup.train.epochs, 'epoch')} with "
            f"batches of {setup.train.batch_size:,} examples."
        )
        done = epochs[-1].epoch if epochs else 0
        if done < setup.train.epochs:
            text += f" The run is not finished: {done} of {counted(setup.train.epochs, 'epoch')} are done."
        if report.config.get("bf16"):
            text += " Forward passes of the training were made in bfloat16."
        if setup.averaging.get("_target_"):
            mean = f"{self._named(setup.averaging)}{bracketed(phrases(setup.averaging))}"
            text += f" Validation and evaluation used {mean}."
        return text

    def _cited(self, path: str) -> Cited:
        return self.report.background.cited.get(path) or Cited(path.rsplit(".", 1)[-1].replace("_", " "))

    def _named(self, node: Node) -> str:
        """A class or function by its own words, with its sources."""
        path = str(node.get("_target_"))
        return tex(one_line(self._cited(path).title)) + self._sources(path)

    def _titled(self, term: TermRecord) -> str:
        return tex(one_line(term.title)) + self._sources(term.kind)

    def _sources(self, path: str) -> str:
        found = self._cited(path)
        return self.references.cite(found.title, found.bibtex)


def _way(decision: Decision) -> str:
    way = WAYS.get(decision.solver)
    return tex(one_line(decision.name) if way is None else way.format(n=decision.n))


def _of(penalty: Node) -> list[str]:
    of = penalty.get("of")
    return [f"of the {tex(one_line(of))}"] if of else []


def _article(name: str) -> str:
    return name if name.startswith(("a ", "an ", "the ")) else f"{'an' if name[:1] in 'AEIOM' else 'a'} {name}"

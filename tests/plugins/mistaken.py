"""An analysis of forty lines: which classes are taken for which, under the worst attack."""

from collections import Counter
from dataclasses import dataclass

import numpy as np

from jhrun.evaluation.analyses import Analysis, Figure, Panel, Result, Section, Series, Table


@dataclass(frozen=True)
class MistakenRecord:
    """The commonest mistake, and how often it is made."""

    commonest: tuple[str, str]
    times: int


class Mistaken(Analysis):
    title = "mistaken classes"

    def __call__(self, subject):
        evaluation, names = subject.evaluation, subject.classes
        attacked = evaluation.attacked[next(iter(evaluation.attacked))]
        pairs = Counter(zip(evaluation.targets.tolist(), attacked.tolist(), strict=True))
        rows = [(names[t], names[p], pairs[t, p]) for t in range(len(names)) for p in range(len(names))]
        right, taken, n = (np.array(column) for column in zip(*rows, strict=True))
        mistakes = [row for row in rows if row[0] != row[1]]
        first = max(mistakes, key=lambda row: row[2])
        panel = Panel("matrix", "taken", (Series("n"),), by="class", x_label="taken for", y_label="class")
        columns = {"class": right, "taken": taken, "n": n}
        figure = Figure("mistaken", "Mistaken classes", "Under the first attack.", columns, (panel,))
        table = Table(("class", "taken for", "times"), ((first[0], first[1], str(first[2])),))
        section = Section("Mistaken classes", f"{first[0]} is taken for {first[1]}.", (table,), (figure,))
        return Result(MistakenRecord((first[0], first[1]), first[2]), (section,), {"attacked": attacked.numpy()})

"""A comparison for a terminal, and for LaTeX."""

from collections.abc import Sequence

from jhrun.comparison import CAVEAT, Difference, Discordance, Mean, seeds_needed
from jhrun.records.words import ball, sample
from jhrun.reporting.compared.figures import Compared, MethodFigures, PairFigures
from jhrun.reporting.latex import tabular
from jhrun.reporting.tables import Row, plain
from jhrun.reporting.words import counted

LEVEL = 0.05
"""Below this p two methods are told apart."""

MOST = 10
"""So many pairs are told; of more only those with a method of rank 1."""

DIRECTION = "Differences are in points, with 95 % intervals."


def as_text(found: Compared, width: int | None = None) -> str:
    """A comparison in a few lines.

    Args:
        found: it.
        width: letters that a table has room for; None for as many as it takes.

    Returns:
        The table of the methods, a paragraph for each pair, the keys that differ, the warnings.
    """
    pairs, best = found.pairs, {method.label for method in found.methods if method.rank == 1}
    if len(pairs) > MOST:
        pairs = tuple(pair for pair in pairs if best & {pair.one, pair.other})
    more = len(found.pairs) - len(pairs)
    blocks = [plain(_table(found), width=width), f"{over(found)} {DIRECTION}", *(told(pair) for pair in pairs)]
    blocks += [f"{counted(more, 'pair')} more, none with a method of rank 1: --json has them."] if more else []
    names = [method.label for method in found.methods]
    keys = [("", *found.keys), *zip(names, *found.keys.values(), strict=True)]
    blocks += [f"keys that differ:\n{plain(keys, range(len(keys[0])), width)}"] if found.keys else []
    return "\n\n".join([*blocks, "\n".join(f"warning: {text}" for text in found.warnings)]).rstrip()


def over(found: Compared) -> str:
    """What the worst case is over, a sentence."""
    first = found.attacks[0]
    names = ", ".join(attack.name for attack in found.attacks)
    at = f"ε = {ball(first.epsilon, first.norm)}"
    return f"Worst case over {names} at {at}, on {sample(found.images, found.total)}."


def told(pair: PairFigures) -> str:
    """What two methods differ by, and whether that proves anything.

    Args:
        pair: of a comparison.

    Returns:
        Two lines.
    """
    figures = [f"clean {_difference(pair.clean)}", f"worst case {_difference(pair.worst)}"]
    figures.append("cost of a step not known" if pair.cost is None else f"cost of a step ×{pair.cost:.2f}")
    return f"{pair.one} against {pair.other}: {', '.join(figures)}.\n{_conclusion(pair)}"


def as_tex(found: Compared) -> str:
    r"""A ``tabular`` for the package booktabs; bold are all rows that cannot be told from the best.

    Args:
        found: the comparison.

    Returns:
        To be taken in by ``\input``.
    """
    bold = "bold: cannot be told from the best (Holm, 5 %)"
    caveat = [CAVEAT] if any(pair.test == "mcnemar" for pair in found.pairs) else []
    notes = [bold, over(found), "Mean and its 95 % interval over seeds.", *caveat, *found.warnings]
    return tabular(_table(found), bold=[method.rank == 1 for method in found.methods], notes=notes).rstrip()


def _table(found: Compared) -> list[Row]:
    header = ("method", "rank", "seeds", "clean (%)", "worst case (%)", "cost")
    return [header, *(_line(method) for method in found.methods)]


def _line(method: MethodFigures) -> Row:
    cost = "–" if method.cost is None else f"{method.cost:.2f}"
    figures = (_mean(method.clean), _mean(method.worst), cost)
    return (method.label, str(method.rank), str(len(method.seeds)), *figures)


def _mean(found: Mean) -> str:
    text = f"{100 * found.mean:.1f}"
    return text if found.interval is None else f"{text} {_interval(found.interval, '.1f')}"


def _interval(ends: Sequence[float], form: str) -> str:
    return f"[{', '.join(f'{100 * end:{form}}' for end in ends)}]".replace("-", "−")


def _difference(found: Difference | Discordance) -> str:
    return f"{100 * found.difference:+.1f}".replace("-", "−") + f" {_interval(found.interval, '.1f')}"


def _conclusion(pair: PairFigures) -> str:
    worst = pair.worst
    better = pair.one if worst.difference > 0 else pair.other
    if isinstance(worst, Discordance):
        seeds = f"seed {pair.seeds[0]}" if pair.seeds else "one run each, of other seeds"
        split = f"{worst.only_one:,} robust in the first alone, {worst.only_other:,} in the second alone"
        basis = f"({seeds}, {worst.images:,} images: {split}; exact McNemar, Holm p {_p(pair.corrected)})"
        if pair.corrected < LEVEL:
            return f"{better} is more robust {basis}. {CAVEAT}"
        return f"They cannot be told apart {basis}. {CAVEAT}"
    basis = f"({counted(worst.seeds, 'seed')}, {worst.images:,} images; Holm p {_p(pair.corrected)})"
    if pair.corrected < LEVEL:
        return f"{better} is more robust {basis}."
    needed = seeds_needed(0.01, worst.sd, worst.image_variance)
    if needed is None:
        more = "no number of seeds would show a difference of 1 point on so few images"
    else:
        more = f"about {needed} seeds would show a difference of 1 point"
    return f"They cannot be told apart {basis}; {more}."


def _p(p: float) -> str:
    return "< .001" if p < 0.001 else f"= {p:.3f}".replace("= 0.", "= .")

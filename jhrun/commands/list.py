"""``jhrun list [GROUP]``: every choice, and what the methods among them rest on."""

import textwrap
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING

from jhrun.config.groups import COMPOSED, METHODS, choices, groups, nearest
from jhrun.errors import ConfigError

if TYPE_CHECKING:
    from jhrun.records.evidence import Evidence

WIDTH = 100
"""Columns of a page."""

HELP = """jhrun list [GROUP]: show every choice, and what the methods among them rest on

without GROUP, all groups; those of plugins are not shown
  source  where a method comes from
  cost    of a training step with it, in plain training steps, where that was measured
  state   reproduced          the published figure was met
          effect shown        the expected effect was measured in small
          closed form only    a test holds it against a known answer, and nothing was measured
          formula recalled    not even that
What was measured, and how, stands in the method's own file.
"""
"""What --help says."""

Row = Sequence[str]


def run(names: Sequence[str]) -> None:
    """Print a table for each group.

    Args:
        names: a group, or nothing for all of them.

    Raises:
        ConfigError: there is no such group, or more than one is named.
    """
    known = list(dict.fromkeys(group for command in reversed(COMPOSED) for group in groups(command)))
    if len(names) > 1:
        raise ConfigError("list takes one group", "jhrun list", f"as in jhrun list {names[0]}")
    for name in names:
        if name not in known:
            raise ConfigError(f"there is no group '{name}'", f"jhrun list {name}", nearest(name, known))
    print("\n\n".join(page(group) for group in names or known))


def page(group: str) -> str:
    """A group's table, and for methods the networks that costs were measured on."""
    found = choices(group)
    first = max(map(len, (group, *found)))
    if group not in METHODS:
        return table([(group, ""), *found.items()], (first, WIDTH - first - 2))
    from jhrun.config.methods import evidence  # noqa: PLC0415 - imports torch

    rows: list[Row] = [(group, "", "source", "cost", "state")]
    networks: dict[str, None] = {}
    rest = WIDTH - first - 11 - 16 - 8
    sources = rest // 2
    for choice, text in found.items():
        records = evidence(group, choice)[0]
        networks |= {record.network: None for record in records.values() if record.network}
        rows.append((choice, text, *stacked(records, sources)))
    shown = table(rows, (first, rest - sources, sources, 11, 16))
    notes = [f"cost: a training step's over a plain one's, of {network}" for network in networks]
    return "\n".join([shown, *notes])


def stacked(records: Mapping[str, "Evidence"], width: int) -> tuple[str, str, str]:
    """Source, cost and state of a choice's classes under each other; several are named."""
    columns: list[tuple[str, str, str]] = []
    for name, record in records.items():
        named = f"{name.rpartition('.')[2]}: " if len(records) > 1 else ""
        lines = wrapped(named + record.source, width)
        columns += zip_longest(lines, [cost(record)], [record.state], fillvalue="")
    sources, costs, states = zip(*columns, strict=True) if columns else ((), (), ())
    return "\n".join(sources), "\n".join(costs), "\n".join(states)


def cost(record: "Evidence") -> str:
    """Plain training steps, with two digits; a dash where none is known."""
    if record.cost is None:
        return "–"
    ends = record.cost if isinstance(record.cost, tuple) else (record.cost,)
    return " – ".join(f"{end:.1f}" for end in ends)


def table(rows: Sequence[Row], widths: Sequence[int]) -> str:
    """Rows with their words wrapped into columns, the header first."""
    lines: list[str] = []
    for row in rows:
        cells = [wrapped(cell, width) for cell, width in zip(row, widths, strict=True)]
        for parts in zip_longest(*cells, fillvalue=""):
            padded = (part.ljust(width) for part, width in zip(parts, widths, strict=True))
            lines.append("  ".join(padded).rstrip())
    lines.insert(1, "─" * max(map(len, lines)))
    return "\n".join(lines)


def wrapped(cell: str, width: int) -> list[str]:
    """A cell's lines."""
    return [
        part for line in cell.split("\n") for part in textwrap.wrap(line, width, break_on_hyphens=False) or [""]
    ]

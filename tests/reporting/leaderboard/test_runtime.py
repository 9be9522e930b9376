"""Seconds per epoch beside the published ones."""

from jhrun.jsonio import as_plain
from jhrun.reporting.leaderboard.board import Board
from jhrun.reporting.leaderboard.columns import PACE, Statistic
from jhrun.reporting.leaderboard.rows import Row
from jhrun.reporting.leaderboard.runtime import runtime_tables


def row(method, seconds, scale="full", data="cifar10"):
    leaves = {
        "paper.table": "runtime",
        "paper.method": method,
        "paper.scale": scale,
        "dataset._target_": f"jhrun.data.torchvision.{data}",
    }
    return Row([], [], leaves, {PACE: Statistic(seconds, None, 1)}, rank=1)


def board(*rows):
    return Board(list(rows), [], {}, None)


def test_ratios_are_to_hutchinson_of_the_same_machine():
    (table,) = runtime_tables(board(row("lanczos-2", 30.0), row("hutchinson", 20.0)))
    shown = {line[0].split(" ")[0]: line[1:] for line in table.shown[1:]}
    assert shown["hutchinson"] == ("1", "20", "1.00", "60.2", "1.00")
    assert shown["lanczos-2"] == ("1", "30", "1.50", "89.1", "1.48")
    assert shown["lanczos-16"] == ("0", "–", "–", "291.1", "4.84")
    assert [line[0].split(" ")[0] for line in table.shown[1:]] == [
        "hutchinson", "lanczos-2", "lanczos-4", "lanczos-8", "lanczos-16",
    ]  # fmt: skip
    assert "not comparable" not in table.title
    assert as_plain(table)["lines"][0]["seconds_per_epoch"]["mean"] == 20.0


def test_what_is_not_comparable_is_called_so():
    tables = runtime_tables(board(row("hutchinson", 1.0, "tiny"), row("hutchinson", 2.0, data="image_folder")))
    assert len(tables) == 2
    assert all("not comparable" in table.title for table in tables)


def test_a_method_of_ones_own_has_nothing_published():
    (table,) = runtime_tables(board(row("tracked", 10.0), row("hutchinson", 20.0)))
    assert table.shown[-1] == ("tracked (#1)", "1", "10", "0.50", "–", "–")

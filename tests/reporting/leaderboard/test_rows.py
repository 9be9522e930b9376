"""How cells become rows: what is one configuration, which run of a seed counts, and who is first."""

import statistics
from dataclasses import replace

import pytest

from jhrun.config.groups import brought
from jhrun.reporting.leaderboard.board import board as made_of
from jhrun.reporting.leaderboard.cells import Cell
from jhrun.reporting.leaderboard.columns import CLEAN, Column, Value, shared_column
from jhrun.reporting.leaderboard.entries import Entry
from jhrun.reporting.leaderboard.front import front, incomparable, left_out
from jhrun.reporting.leaderboard.notes import notes
from jhrun.reporting.leaderboard.shared import Attack, Trial

WORST = shared_column("inf", 0.1)
FILES = brought("train")
FGSM = Attack("inf", 0.1, "fgsm", "")


def board(entries):
    return made_of(entries, FILES)


def entry(clean=0.9, worst=0.5, *, weight=0.1, seed=0, state="finished", when="", code=None, verdict="pass"):
    shares = Value(clean, (clean - 0.1, clean + 0.1)), Value(worst, (worst - 0.1, worst + 0.1))
    values = {CLEAN: shares[0], Column("worst_case@0.1", "worst case"): shares[1]}
    run = [Trial({FGSM: frozenset()}, 10, 10, *shares, None)]
    leaves = {"regularizer.weight": weight}
    finished = state == "finished"
    return Entry(
        Cell(None), state, leaves=leaves, code=code, seed=seed, when=when,
        values=values if finished else {}, run=run if finished else [], attacks=1,
        verdict=verdict if finished else None,
    )  # fmt: skip


def weights(rows):
    return [row.leaves["regularizer.weight"] for row in rows]


def test_a_row_is_the_mean_over_seeds_with_the_sample_deviation():
    (row,) = board([entry(0.9, seed=0), entry(0.8, seed=1), entry(0.4, seed=2)]).rows
    assert row.statistics[CLEAN].mean == pytest.approx(0.7)
    assert row.statistics[CLEAN].sd == pytest.approx(statistics.stdev([0.9, 0.8, 0.4]))
    assert row.statistics[CLEAN].ends == pytest.approx((0.7 - 0.264575, 0.7 + 0.264575), abs=1e-6)
    assert len(row.counted) == row.statistics[CLEAN].n == 3


def test_one_run_keeps_its_own_interval():
    (row,) = board([entry(0.9)]).rows
    assert (row.statistics[CLEAN].sd, row.statistics[CLEAN].ends) == (None, (0.8, 1.0))


def test_of_one_seed_the_newest_finished_run_counts():
    same = [
        entry(0.1, when="2026-01-01"), entry(0.2, when="2026-01-03"),
        entry(0.3, when="2026-01-02"), entry(0.4, when="2026-01-04", state="failed"),
    ]  # fmt: skip
    (row,) = board(same).rows
    assert row.entries == [same[1]]
    assert row.repeated == [same[0], same[2], same[3]]
    assert row.statistics[CLEAN].mean == 0.2


def test_another_source_is_another_configuration_and_a_cell_that_never_began_belongs_to_its_own():
    found = board([entry(code="a", seed=0), entry(code="b", seed=0), entry(state="waiting", seed=1)])
    assert sorted(len(row.entries) for row in found.rows) == [1, 2]
    assert [row.label for row in found.rows] == ["code=a", "code=b"]
    assert [row.states for row in found.rows] == [{"finished": 1, "waiting": 1}, {"finished": 1}]


def test_the_best_worst_case_is_first_then_failed_verdicts_then_what_has_no_figures():
    found = board([
        entry(0.9, 0.9, weight=1, verdict="fail"), entry(0.9, 0.2, weight=2), entry(state="failed", weight=3),
        entry(0.8, 0.4, weight=4), entry(0.9, 0.4, weight=5),
    ])  # fmt: skip
    assert [row.label for row in found.rows] == [
        "regularizer.weight=5",
        "regularizer.weight=4",
        "regularizer.weight=2",
        "regularizer.weight=1",
        "regularizer.weight=3",
    ]


def test_the_front_is_what_nothing_beats_and_a_failed_verdict_is_not_on_it():
    found = board([
        entry(0.9, 0.2, weight=1), entry(0.8, 0.2, weight=2), entry(0.8, 0.4, weight=3), entry(0.7, 0.4, weight=4),
        entry(0.8, 0.4, weight=5), entry(0.5, 0.5, weight=6), entry(0.99, 0.99, weight=7, verdict="fail"),
    ])  # fmt: skip
    assert {row.label for row in front(found)} == {
        "regularizer.weight=1",
        "regularizer.weight=3",
        "regularizer.weight=5",
        "regularizer.weight=6",
    }
    assert [row.label for row in left_out(found)] == ["regularizer.weight=7"]


def test_the_front_is_of_one_data_set_and_one_worst_case():
    other, elsewhere = entry(0.99, 0.99, weight=3), entry(weight=4)
    other.leaves["dataset._target_"] = "x.mnist"
    (test,) = elsewhere.run
    elsewhere.run[:] = [replace(test, attacks={replace(FGSM, epsilon=0.2): frozenset()})]
    found = board([entry(0.9, 0.2, weight=1), entry(0.8, 0.4, weight=2), other, elsewhere])
    assert found.worst == WORST
    assert sorted(weights(front(found))) == [1, 2]
    assert sorted(weights(incomparable(found))) == [3, 4]
    assert any("different data" in note for note in notes(found))


def test_without_figures_there_is_no_front_and_labels_are_unique():
    found = board([Entry(Cell(None), "waiting"), Entry(Cell(None, overrides=("a=1", "seed=3")), "failed")])
    assert front(found) == []
    assert len({row.label for row in found.rows}) == 2
    assert "a=1" in {row.label for row in found.rows}

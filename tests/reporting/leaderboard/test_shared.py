"""Rows are compared by what all of them were put to: nobody ranks lower for having been tested more."""

from dataclasses import replace

import numpy as np
import pytest

from jhrun.config.groups import brought
from jhrun.errors import RunError
from jhrun.reporting.joined import Outcome
from jhrun.reporting.leaderboard.board import board as made_of
from jhrun.reporting.leaderboard.cells import Cell
from jhrun.reporting.leaderboard.columns import CLEAN, Value, shared_column
from jhrun.reporting.leaderboard.entries import Entry
from jhrun.reporting.leaderboard.front import front, incomparable
from jhrun.reporting.leaderboard.notes import notes
from jhrun.reporting.leaderboard.shared import Attack, Trial

N = 20
WORST = shared_column("inf", 0.1)

FILES = brought("train")


def board(entries):
    return made_of(entries, FILES)


def attack(name, norm="inf", epsilon=0.1, settings=""):
    return Attack(norm, epsilon, name, settings)


def evaluated(broken, *, index=range(N), cascade=False):
    """An evaluation of some of 20 examples, of which each attack breaks a set; all but the first are right."""
    index = np.array(index)
    keys = [name if isinstance(name, Attack) else attack(name) for name in broken]
    needs = {key: frozenset(keys[:i]) if cascade else frozenset() for i, key in enumerate(keys)}
    right = index != 0

    def read(names):
        robust = right.copy()
        for key, those in zip(keys, broken.values(), strict=True):
            if key.name in names:
                robust &= ~np.isin(index, list(those))
        return Outcome(index, np.zeros_like(index), right, robust)

    share = float(read([key.name for key in keys]).robust.mean())
    clean = float(right.mean())
    return Trial(needs, len(index), N, Value(clean, (0, 1)), Value(share, (0, 1)), read)


def entry(*tests, weight=0, seed=0):
    clean = tests[-1].clean if tests else Value(1.0)
    return Entry(
        Cell(None), "finished", leaves={"regularizer.weight": weight}, seed=seed, values={CLEAN: clean},
        verdict="pass", attacks=sum(len(test.attacks) for test in tests), run=tests,
    )  # fmt: skip


def found(*entries):
    made = board(entries)
    return made, {row.leaves["regularizer.weight"]: row for row in made.rows}


def test_who_was_tested_more_does_not_rank_lower():
    made, rows = found(
        entry(evaluated({"fgsm": {1, 2}}), evaluated({"fgsm": {1, 2}, "apgd": {3, 4, 5, 6}}), weight=1),
        entry(evaluated({"fgsm": {1, 2, 3}}), weight=2),
    )
    assert [row.leaves["regularizer.weight"] for row in made.rows] == [1, 2]
    assert [a.name for a in made.shared.attacks] == ["fgsm"]
    assert rows[1].statistics[WORST].mean == pytest.approx(17 / 20)
    assert rows[2].statistics[WORST].mean == pytest.approx(16 / 20)
    assert front(made) == [made.rows[0]]
    assert rows[1].attacks == 3


def test_a_lucky_subset_neither_ranks_first_nor_stands_alone_on_the_front():
    made, rows = found(
        entry(evaluated({"fgsm": {1, 11}}), weight=1),
        entry(evaluated({"fgsm": {12, 2, 3}}), evaluated({"fgsm": set()}, index=range(10, 20)), weight=2),
        entry(evaluated({"fgsm": {11, 13}}, index=range(10, 20)), weight=3),
    )
    assert (made.shared.n, made.shared.total) == (10, N)
    assert {w: row.statistics[WORST].mean for w, row in rows.items()} == {1: 0.9, 2: 0.9, 3: 0.8}
    assert {w: row.statistics[CLEAN].mean for w, row in rows.items()} == {1: 1.0, 2: 1.0, 3: 1.0}
    assert [row.leaves["regularizer.weight"] for row in made.rows][-1] == 3
    assert any("Compared over fgsm on 10 of 20 test examples" in note for note in notes(made))


def test_rows_without_the_attack_that_most_have_stand_apart_and_off_the_front():
    made, rows = found(
        entry(evaluated({"fgsm": {1}, "pgd": {1, 2}}), weight=1),
        entry(evaluated({"fgsm": {1}, "pgd": {1, 2, 3}}), weight=2),
        entry(evaluated({"noise": set()}), weight=3),
        entry(evaluated({attack("pgd", epsilon=0.01): set()}), weight=4),
        entry(evaluated({attack("pgd", settings="steps: 1"): set()}), weight=5),
        entry(weight=6),
    )
    assert {w for w, row in rows.items() if row.compared} == {1, 2}
    assert [row.leaves["regularizer.weight"] for row in made.rows[:2]] == [1, 2]
    assert {row.leaves["regularizer.weight"] for row in front(made)} == {1}
    assert len(incomparable(made)) == 0  # they have no worst case in this test; the note names them
    assert any(note.startswith("Not compared") and "regularizer.weight=5" in note for note in notes(made))


def test_what_a_cascade_left_over_is_compared_only_with_the_attacks_before_it():
    quick = evaluated({"fgsm": {1}, "pgd": {2}}, cascade=True)
    made, rows = found(entry(quick, weight=1), entry(quick, weight=2), entry(evaluated({"pgd": {1, 2}}), weight=3))
    assert [a.name for a in made.shared.attacks] == ["fgsm", "pgd"]
    assert {w for w, row in rows.items() if row.compared} == {1, 2}
    made, rows = found(entry(quick, weight=1), entry(evaluated({"fgsm": {1}, "pgd": {1, 2}}), weight=2))
    assert [a.name for a in made.shared.attacks] == ["fgsm", "pgd"]
    assert rows[1].statistics[WORST].mean == rows[2].statistics[WORST].mean == pytest.approx(17 / 20)


def test_of_the_seeds_of_a_row_all_share():
    made, rows = found(
        entry(evaluated({"fgsm": {1}, "pgd": {2}}), weight=1, seed=0),
        entry(evaluated({"fgsm": {1, 2}}), weight=1, seed=1),
        entry(evaluated({"fgsm": {1}, "pgd": {2}}), weight=2),
    )
    assert [a.name for a in made.shared.attacks] == ["fgsm"]
    assert rows[1].statistics[WORST].mean == pytest.approx((18 + 17) / 40)


def test_examples_that_cannot_be_read_are_told_and_end_nothing():
    def unreadable(_):
        raise RunError("cannot be read", "per_example.npz", "evaluate again")

    good, bad = evaluated({"fgsm": {1}, "pgd": {2}}), evaluated({"fgsm": {1}})
    bad = Trial(bad.attacks, 10, N, bad.clean, bad.worst, unreadable)
    made, _ = found(entry(good, weight=1), entry(bad, weight=2))
    assert made.worst is None
    assert front(made) == []
    assert any("per_example.npz" in note for note in notes(made))


def test_where_all_were_put_to_the_same_no_example_is_needed_but_to_tell_rows_apart():
    def never(_):
        raise RunError("cannot be read", "per_example.npz", "evaluate again")

    one = evaluated({"fgsm": {1}, "pgd": {2}}, cascade=True)
    one = Trial(one.attacks, one.n, one.total, one.clean, one.worst, never)
    made, rows = found(entry(one, weight=1), entry(one, weight=2))
    assert rows[1].statistics[WORST].mean == one.worst.value
    assert any("cannot be told from the best is not known" in note for note in notes(made))


def test_equals_share_a_rank_and_the_next_rank_counts_them():
    shares = {1: {1, 2}, 2: {3, 4}, 3: {1, 2, 3}, 4: {5, 6}}
    made, _ = found(*(entry(evaluated({"fgsm": broken}), weight=w) for w, broken in shares.items()))
    assert [row.rank for row in made.rows] == [1, 1, 1, 4]
    assert made.rows[-1].leaves["regularizer.weight"] == 3


def test_rows_are_among_the_best_until_it_is_shown_that_they_are_not():
    seeds = [
        entry(evaluated({"fgsm": broken | {seed + 1}}), weight=w, seed=seed)
        for w, broken in {1: set(), 2: {4}, 3: set(range(1, 16))}.items()
        for seed in range(3)
    ]
    made, rows = found(*seeds)
    assert {w: row.best for w, row in rows.items()} == {1: True, 2: True, 3: False}
    assert [row.rank for row in made.rows] == [1, 2, 3]


def test_without_a_seed_together_a_row_is_not_among_the_best():
    seeds = {1: (0, 1), 2: (5, 6), 3: (0, 1)}
    made, rows = found(
        *(entry(evaluated({"fgsm": {w, seed % 5}}), weight=w, seed=seed) for w, of in seeds.items() for seed in of)
    )
    assert {w: row.best for w, row in rows.items() if row is not made.rows[0]} == {2: False, 3: True}
    assert not made.unread


def test_sums_of_equals_rank_as_equals_and_a_failed_row_is_never_among_the_best():
    one, other = evaluated({"fgsm": {1}}), evaluated({"fgsm": {1}})
    other = replace(other, worst=Value(one.worst.value + 1e-16), clean=Value(one.clean.value - 0.1))
    made, rows = found(entry(one, weight=1), entry(other, weight=2))
    assert [row.rank for row in made.rows] == [1, 1]
    assert made.rows[0] is rows[1]
    assert front(made) == [rows[1]]
    (alone,) = board([replace(entry(one), verdict="fail")]).rows
    assert (alone.rank, alone.best) == (1, False)

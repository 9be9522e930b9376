"""Methods against each other: entries of a leaderboard, whose examples are made up, are read as any others."""

import math
from dataclasses import replace

import numpy as np
import pytest

from jhrun.comparison import CAVEAT, seeds_needed
from jhrun.config.groups import brought
from jhrun.errors import RunError
from jhrun.jsonio import as_json, as_plain
from jhrun.reporting.compared import as_tex, as_text
from jhrun.reporting.compared.result import compared
from jhrun.reporting.joined import Outcome
from jhrun.reporting.leaderboard.cells import Cell
from jhrun.reporting.leaderboard.columns import Value
from jhrun.reporting.leaderboard.configuration import leaves
from jhrun.reporting.leaderboard.entries import Entry
from jhrun.reporting.leaderboard.settings import Settings
from jhrun.reporting.leaderboard.shared import Attack, Trial

FILES = brought("train")
FGSM, PGD = Attack("inf", 0.1, "fgsm", ""), Attack("inf", 0.1, "pgd20", "steps: 20")


def configuration(**groups):
    """Leaves of a configuration of some choices, as their files have them."""
    groups = {"regularizer": "jacobian", "dataset": "digits", **groups}
    return leaves({group: FILES[group][choice] for group, choice in groups.items()})


def trial(right, robust, index=None, attacks=(FGSM,)):
    index = np.arange(len(right)) if index is None else np.array(index)
    outcome = Outcome(index, index % 10, np.array(right, dtype=bool), np.array(robust, dtype=bool))
    return Trial(dict.fromkeys(attacks, frozenset()), len(index), 1000, Value(0.0), Value(0.0), lambda _: outcome)


def entry(robust, *, seed=0, index=None, right=None, attacks=(FGSM,), state="finished", **groups):
    right = np.ones(len(robust), dtype=bool) if right is None else right
    run = [trial(right, robust, index, attacks)] if state == "finished" else []
    return Entry(Cell(None), state, leaves=configuration(**groups), code="1", seed=seed, run=run, attacks=1)


def method(table, **groups):
    return [entry(row, seed=seed, **groups) for seed, row in enumerate(table)]


def simulated(rng, seeds, images, shift=0.0):
    """Whether each image is robust: a difficulty that both methods share, and luck of seeds and of examples."""
    difficulty = rng.normal(0.5, 1.0, images)
    return [
        difficulty + rng.normal(gain, 0.2, (seeds, 1)) + rng.normal(0.0, 0.5, (seeds, images)) > 0
        for gain in (0.0, shift)
    ]


def test_of_200_pairs_without_a_difference_one_in_twenty_is_found():
    rng, found = np.random.default_rng(0), 0
    for _ in range(200):
        one, other = simulated(rng, 6, 100)
        made = compared([*method(one, regularizer="none"), *method(other)], FILES)
        found += made.pairs[0].corrected < 0.05
    assert 0.02 <= found / 200 <= 0.08


def test_a_difference_is_found_and_the_later_method_s_is_positive():
    plain, better = simulated(np.random.default_rng(1), 10, 500, shift=1.0)
    made = compared([*method(plain, regularizer="none"), *method(better)], FILES)
    (pair,) = made.pairs
    assert (pair.one, pair.other, pair.test) == ("regularizer=jacobian", "regularizer=none", "paired")
    assert pair.worst.difference == pytest.approx(better.mean() - plain.mean())
    assert pair.seeds == tuple(range(10))
    assert [m.rank for m in made.methods] == [2, 1]
    assert made.methods[0].worst.each == pytest.approx(plain.mean(axis=1))
    text = as_text(made)
    p = pair.corrected
    assert p < 0.001
    assert "regularizer=jacobian is more robust (10 seeds, 500 images; Holm p < .001)." in text
    assert f"worst case +{100 * pair.worst.difference:.1f} [" in text
    assert "clean +0.0 [0.0, 0.0]" in text


def test_without_a_difference_it_says_how_many_seeds_would_show_a_point():
    # each seed has images of its own wrong, ten of which the other method has wrong with the next seed:
    # no image has an effect of its own
    plain, same = np.ones((2, 5, 400), dtype=bool)
    for seed, more in enumerate([3, 1, 0, 4, 2]):
        plain[seed, 10 * seed : 10 * seed + 10 + 2] = False
        start = 10 * ((seed + 1) % 5)
        same[seed, start : start + 10] = False
        same[seed, 100 + 10 * seed : 100 + 10 * seed + more] = False
    made = compared([*method(plain, regularizer="none"), *method(same)], FILES)
    worst, p = made.pairs[0].worst, f"{made.pairs[0].corrected:.3f}"
    needed = seeds_needed(0.01, worst.sd, worst.image_variance)
    assert p[0] == "1" or p.startswith("0.")
    told = f"(5 seeds, 400 images; Holm p = {p.removeprefix('0')}); about {needed} seeds would show a difference"
    assert f"They cannot be told apart {told} of 1 point." in as_text(made)


def test_where_the_images_are_too_few_no_seeds_are_promised():
    one, other = simulated(np.random.default_rng(2), 5, 400)
    made = compared([*method(one, regularizer="none"), *method(other)], FILES)
    worst = made.pairs[0].worst
    assert seeds_needed(0.01, worst.sd, worst.image_variance) is None
    assert "no number of seeds would show a difference of 1 point on so few images" in as_text(made)


def test_only_images_that_every_run_has_count_wherever_they_stand():
    # the places 5 to 9 are shared; of them method b has two more
    one = entry([True] * 5 + [False] * 5, regularizer="none")
    other = entry([False, False, True, True, True, True], index=[9, 8, 7, 6, 5, 12])
    made = compared([one, other], FILES)
    assert (made.images, made.total) == (5, 1000)
    (pair,) = made.pairs
    assert (pair.worst.only_one, pair.worst.only_other, pair.worst.difference) == (3, 0, 0.6)
    assert pair.test == "mcnemar"
    assert pair.worst.p == 0.25
    assert CAVEAT in as_text(made)
    assert CAVEAT in as_tex(made)


def test_seeds_are_paired_and_what_one_lacks_is_told():
    plain, better = simulated(np.random.default_rng(3), 4, 200, shift=0.5)
    entries = [*method(plain, regularizer="none"), *method(better)[:0:-1]]
    made = compared(entries, FILES)
    assert made.pairs[0].seeds == made.methods[1].seeds == (1, 2, 3)
    each = better[1:].mean(axis=1) - plain[1:].mean(axis=1)
    assert made.pairs[0].worst.each == pytest.approx(each)
    assert any("regularizer=none: 0" in text for text in made.warnings)


def test_one_run_each_of_other_seeds_is_compared_and_the_seed_is_a_key():
    made = compared([entry([True, False], regularizer="none"), entry([True, True], seed=1)], FILES)
    assert made.pairs[0].keys == ("regularizer", "seed")
    assert made.pairs[0].seeds == ()
    assert made.keys["seed"] == ("0", "1")
    assert "one run each, of other seeds" in as_text(made)


def test_no_run_is_left_out_silently():
    ok = np.ones(20, dtype=bool)
    failed = entry(ok, seed=2, state="failed", regularizer="none")
    fallen = entry(np.zeros(20, dtype=bool), seed=1, right=np.arange(20) % 10 == 3)
    twice = [entry(ok, seed=0, regularizer="none") for _ in range(2)]
    bad = replace(entry(ok, seed=1, regularizer="none"), verdict="fail")
    unread = replace(failed, seed=3, error="memory ran out")
    apart = entry(ok, attacks=(PGD,), regularizer="hessian")
    runs = [*twice, bad, failed, unread, entry(ok), fallen, apart]
    told = " ".join(compared(runs, FILES).warnings)
    for words in (
        "regularizer=none: seed 2 is failed; seed 3 is failed (memory ran out); not compared.",
        "regularizer=none: 1 run of seed 0",
        "Left out, for other attacks or settings: regularizer=hessian.",
        "regularizer=none: the verdict is fail, of seed 1",
        "regularizer=jacobian: collapsed, clean no better than one answer to all (10.0 %), of seed 1 (10.0 %)",
    ):
        assert words in told


@pytest.mark.parametrize(
    ("entries", "told"),
    [
        (lambda ok: [entry(ok, seed=0), entry(ok, seed=1)], "all runs are of one configuration and source"),
        (
            lambda ok: [entry(ok), entry(ok, dataset="mnist")],
            "methods of different data cannot be compared: dataset=digits is of digits and dataset=mnist is of",
        ),
        (
            lambda ok: [entry(ok), entry(ok, attacks=(PGD,), regularizer="none")],
            "no attack with the same settings was run on two of the methods (regularizer=jacobian: fgsm at 0.1; "
            "regularizer=none: pgd20 at 0.1)",
        ),
        (
            lambda ok: [entry(ok), entry(ok, index=range(50, 54), regularizer="none")],
            "no image was attacked in all of the runs",
        ),
        (
            lambda ok: [entry(ok), entry(ok, state="waiting", regularizer="none")],
            "of 2 methods, 1 was attacked: regularizer=none: seed 0 is waiting; not compared.",
        ),
        (
            lambda ok: [*method([ok, ok]), entry(ok, seed=2, regularizer="none")],
            "two methods have no seed together: regularizer=jacobian has 0, 1 and regularizer=none has 2",
        ),
        (
            lambda ok: [entry(ok, seed="a"), entry(ok, seed="b"), entry(ok, regularizer="none")],
            "no run of regularizer=jacobian has a seed that is a whole number",
        ),
    ],
)
def test_what_cannot_be_compared_is_told_in_one_line(entries, told):
    with pytest.raises(RunError) as caught:
        compared(entries([True, False, True, True]), FILES)
    assert told in str(caught.value)


def test_other_classes_at_the_same_places_are_another_test_set():
    other = entry([True] * 4, regularizer="none")
    outcome = Outcome(np.arange(4), np.array([3, 2, 1, 0]), np.ones(4, bool), np.ones(4, bool))
    other = replace(other, run=[replace(other.run[0], read=lambda _: outcome)])
    with pytest.raises(RunError, match="test images have other classes"):
        compared([entry([True] * 4), other], FILES)


def test_a_choice_is_one_key_with_all_that_it_brings():
    each = [configuration(solver=solver) for solver in ("lanczos", "power")]
    found = Settings(each, FILES)
    assert found.keys == found.between(0, 1) == ["solver"]
    assert found.labels() == ["solver=lanczos", "solver=power"]


def test_a_value_that_was_changed_is_a_key_beside_its_choice():
    one, other = configuration(), configuration(regularizer="hessian") | {"regularizer.weight": 0.5}
    found = Settings([one, other], FILES)
    assert found.keys == ["regularizer", "regularizer.weight"]
    assert [found.value(i, "regularizer.weight") for i in range(2)] == ["0.2", "0.5"]
    assert Settings([one, one | {"regularizer.weight": 0.5}], FILES).labels() == [
        "regularizer.weight=0.2",
        "regularizer.weight=0.5",
    ]


def test_a_number_that_yaml_s_oldest_readers_take_for_text_is_the_choice_s_own():
    resolved = configuration(optimizer="adam") | {"optimizer.lr": 0.001, "optimizer.eps": 1e-8}
    resolved |= {"optimizer.weight_decay": 5e-4}
    assert Settings([resolved, configuration(optimizer="sgd")], FILES).keys == ["optimizer"]


def test_what_a_choice_s_file_refers_to_is_brought_by_it():
    resolved = configuration(regularizer="hessian") | {"regularizer.penalties.0.of": "loss"}
    assert Settings([configuration(), resolved], FILES).keys == ["regularizer"]
    # of one choice it counts
    other = resolved | {"regularizer.penalties.0.of": "output"}
    assert Settings([resolved, other], FILES).keys == ["regularizer.penalties.0.of"]


def test_a_class_of_a_plugin_goes_by_its_name():
    one = configuration()
    other = one | {"regularizer.penalties.0._target_": "mine.Own"}
    found = Settings([one, other], FILES)
    assert found.keys == ["regularizer"]
    assert [found.value(i, "regularizer") for i in range(2)] == ["jacobian", "Spectral"]
    third = one | {"regularizer.penalties.0._target_": "mine.Other"}
    assert "mine" not in " ".join(Settings([other, third], FILES).labels())
    assert Settings([other, third], FILES).keys == ["regularizer.penalties.0"]


def test_more_than_one_key_is_warned_of_but_not_an_evaluation_s():
    ok = [True, True, False]
    one, other = entry(ok), entry(ok, regularizer="none")
    made = compared([one, replace(other, leaves=other.leaves | {"subset": 5})], FILES)
    assert set(made.keys) == {"regularizer", "subset"}
    assert not any("More than one key" in text for text in made.warnings)
    made = compared([one, replace(other, leaves=other.leaves | {"train.epochs": 5})], FILES)
    assert any("regularizer=none and regularizer=jacobian (regularizer, train.epochs)" in t for t in made.warnings)


def test_classes_of_one_name_are_told_apart_and_their_pairs_are_not_mixed_up():
    right, wrong = np.ones((2, 4), dtype=bool), np.zeros((2, 4), dtype=bool)
    runs = [*method(wrong), *method(right)]
    names = ["one.Own"] * 2 + ["two.Own"] * 2
    runs = [
        replace(run, leaves=run.leaves | {"regularizer.penalties.0._target_": name})
        for run, name in zip(runs, names, strict=True)
    ]
    made = compared(runs, FILES)
    assert [m.label for m in made.methods] == ["(1)", "(2)"]
    assert (made.pairs[0].one, made.pairs[0].worst.difference) == (made.methods[1].label, 1.0)


def test_three_methods_are_three_pairs_each_with_its_own_keys():
    runs = [
        entry([True, True, False, False], regularizer="none"),
        entry([True, True, True, False]),
        replace(entry([True, True, True, True]), leaves=configuration() | {"train.epochs": 3}),
    ]
    made = compared(runs, FILES)
    found = [(p.one, p.other, p.worst.difference, p.keys) for p in made.pairs]
    a, b, c = (m.label for m in made.methods)
    assert found == [
        (b, a, 0.25, ("regularizer",)),
        (c, a, 0.5, ("regularizer", "train.epochs")),
        (c, b, 0.25, ("train.epochs",)),
    ]


def test_bold_is_whoever_cannot_be_told_from_the_best():
    plain, better = simulated(np.random.default_rng(4), 8, 400, shift=1.0)
    again = simulated(np.random.default_rng(4), 8, 400, shift=1.0)[1]
    runs = [*method(plain, regularizer="none"), *method(better), *method(again, regularizer="hessian")]
    made = compared(runs, FILES)
    lines = as_tex(made).splitlines()
    bold = [line.split("&")[0].strip() for line in lines if line.startswith(r"\textbf")]
    assert bold == [r"\textbf{regularizer=jacobian}", r"\textbf{regularizer=hessian}"]
    assert [line for line in lines if line.startswith(r"\b")] == [r"\begin{tabular}{@{}lrrrrr@{}}", r"\bottomrule"]


def test_of_many_pairs_those_with_the_best_are_told():
    rng = np.random.default_rng(5)
    base = rng.normal(0.0, 1.0, 300)
    gains = (0.0, 0.7, 1.4, 2.1, 2.8)
    tables = [base + gain + rng.normal(0.0, 0.1, (4, 300)) > 0 for gain in gains]
    names = ("none", "jacobian", "hessian", "combined", "jacobian_symmetry")
    runs = [run for table, name in zip(tables, names, strict=True) for run in method(table, regularizer=name)]
    six = [*runs, *method(tables[0], regularizer="hessian_diagonality")]
    text = as_text(compared(runs, FILES))
    assert text.count(" against ") == math.comb(5, 2)
    made = compared(six, FILES)
    assert as_text(made).count(" against ") == 5
    assert "10 pairs more" in as_text(made)
    assert len(made.pairs) == 15


def test_the_document_is_plain_json():
    made = compared([*method([[True, False, True]] * 3, regularizer="none"), *method([[True] * 3] * 3)], FILES)
    plain = as_plain(made)
    assert as_json(plain)
    assert plain["attacks"] == ({"norm": "inf", "epsilon": 0.1, "name": "fgsm", "settings": ""},)
    assert plain["keys"] == {"regularizer": ("none", "jacobian")}


def test_several_attacks_are_one_key_and_a_changed_one_is_another():
    def attacked(**steps):
        found = configuration()
        for name, count in steps.items():
            found |= {f"attack.{name}._target_": "jhrun.attacks.PGD", f"attack.{name}.steps": count}
        return found

    found = Settings([attacked(pgd20=20), attacked(pgd20=20, pgd100=100)], FILES)
    assert found.keys == ["attack"]
    assert [found.value(i, "attack") for i in range(2)] == ["[pgd20]", "[pgd20,pgd100]"]
    assert Settings([attacked(pgd20=20), attacked(pgd20=40)], FILES).keys == ["attack.pgd20.steps"]

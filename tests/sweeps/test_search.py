"""A study on disk that processes come to and leave, however they leave."""

import subprocess
import sys
from collections import Counter

import pytest
from forked import Forked
from optuna.trial import TrialState

from jhrun.sweeps.search import Categorical, Float, Int, Search, below_median

SPACE = {"a": Float(0.0, 1.0), "b": Int(1, 9), "c": Categorical(["x", "y"])}
WORK = """
import sys, time
from pathlib import Path
from jhrun.sweeps.search import Float, Search
study = Search(Path(sys.argv[1]), {"a": Float(0.0, 1.0)}, trials=12, seed=0, startup=3)
while True:
    with study.trial() as taken:
        if taken is None:
            break
        number, drawn = taken
        print(number, drawn["a"], flush=True)
        time.sleep(0.01)
        study.tell(number, {"clean": drawn["a"], "worst_case": 1 - drawn["a"]})
"""


def study(folder, trials=5, startup=2):
    return Search(folder, SPACE, trials=trials, seed=0, startup=startup)


def states(found):
    return Counter(trial.state.name for trial in found.study.get_trials())


def test_there_are_as_many_trials_as_were_asked_for_and_each_draws_from_the_space(tmp_path):
    found = study(tmp_path)
    for number in range(5):
        with found.trial() as (mine, drawn):
            assert mine == number
            assert 0 <= drawn["a"] <= 1
            assert drawn["b"] in range(1, 10)
            assert drawn["c"] in {"x", "y"}
            found.tell(mine, {"clean": drawn["a"], "worst_case": 0.5})
    with study(tmp_path).trial() as taken:
        assert taken is None
    assert states(found) == {"COMPLETE": 5}
    (best,) = found.best()
    assert best.values[0] == max(trial.values[0] for trial in found.study.get_trials())


def test_more_can_be_asked_for_later(tmp_path):
    for trials in (2, 4):
        found = study(tmp_path, trials)
        while True:
            with found.trial() as taken:
                if taken is None:
                    break
                found.tell(taken[0], {"clean": 0.5, "worst_case": 0.5})
        assert states(found) == {"COMPLETE": trials}


def test_a_trial_that_was_left_is_taken_up_again_with_its_settings(tmp_path):
    first = study(tmp_path)
    with pytest.raises(KeyboardInterrupt), first.trial() as (number, drawn):
        raise KeyboardInterrupt
    second = study(tmp_path)
    with second.trial() as taken:
        assert taken == (number, drawn)
        # while one works on it, another gets the next
        with study(tmp_path).trial() as other:
            assert other[0] == number + 1
    assert states(second) == {"RUNNING": 2}


def test_a_trial_that_was_left_half_drawn_gets_the_rest(tmp_path):
    found = study(tmp_path)
    trial = found.study.ask()
    drawn = trial.suggest_float("a", 0.0, 1.0)
    with found.trial() as (number, settings):
        assert (number, settings["a"]) == (trial.number, drawn)
        assert set(settings) == set(SPACE)


def test_several_processes_share_a_study_and_none_does_the_others_work(tmp_path):
    command = [sys.executable, "-c", WORK, tmp_path]
    processes = [Forked(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    lines = [line for process in processes for line in process.communicate(timeout=120)[0].splitlines()]
    assert sorted(int(line.split()[0]) for line in lines) == list(range(12))
    assert len({line.split()[1] for line in lines}) == 12


def test_a_failed_and_a_pruned_trial_count(tmp_path):
    found = study(tmp_path, trials=2)
    for state in (TrialState.FAIL, TrialState.PRUNED):
        with found.trial() as (number, _):
            found.tell(number, None, state)
    with found.trial() as taken:
        assert taken is None
    assert found.best() == []


def curve(*points):
    return [{"epoch": i, "clean": clean, "pgd20": robust} for i, (clean, robust) in enumerate(points, 1)]


def test_a_trial_is_given_up_where_it_is_behind_in_both_figures():
    others = [curve((0.5, 0.2), (0.9, 0.6)) for _ in range(3)]
    assert below_median(curve((0.4, 0.1)), others)
    assert not below_median(curve((0.6, 0.1)), others)
    assert not below_median(curve((0.4, 0.3)), others)
    # at its second epoch it has their second to match, by the best that it had
    assert below_median(curve((0.6, 0.3), (0.1, 0.1)), others)
    assert not below_median(curve((0.95, 0.3), (0.1, 0.1)), others)
    assert not below_median(curve((0.4, 0.1)), others[:2])
    assert not below_median([], others)

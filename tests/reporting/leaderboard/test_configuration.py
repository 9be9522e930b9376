"""What makes two runs one configuration, and what rows are called."""

import json

import pytest

from jhrun.reporting.leaderboard.configuration import differing, identity, leaves
from jhrun.reporting.leaderboard.labels import labels


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({"seed": 7}, True),
        ({"device": "cuda"}, True),
        ({"threads": 3}, True),
        ({"checkpoint": {"steps": 5}}, True),
        ({"resume_force": True}, True),
        ({"plugins": ["mine"], "sweep": {"workers": 2}, "logger": {"x": 1}, "resume": "there"}, True),
        ({"dataset": {"root": "elsewhere", "download": False}}, True),
        ({"dataset": {"root": "elsewhere"}}, False),
        ({"train": {"epochs": 2, "batch_size": 32}}, False),
        ({"train": {"epochs": 3}}, False),
    ],
)
def test_what_makes_another_configuration(change, same):
    one = {"seed": 0, "device": "auto", "dataset": {"root": "data", "download": True}, "train": {"epochs": 2}}
    if "dataset" in change and "download" not in change["dataset"]:
        del one["dataset"]["download"]
    assert (identity(leaves(one), ()) == identity(leaves(one | change), ())) == same


def test_yaml_and_json_give_the_same_configuration():
    one = {"weight": {0: 0.25, 50: 1.0}, "lr": {"cosine": {"start": 1e-3}}, "penalties": [], "name": "x"}
    read = leaves(json.loads(json.dumps(one | {"weight": {0: 0.25, 50: 1}})))
    assert identity(leaves(one), ()) == identity(read, ())
    assert list(leaves(one)) == ["weight", "lr", "penalties", "name"]


def test_the_keys_that_differ_are_those_with_two_values_and_those_that_some_lack():
    assert differing([{"a": 1, "b": 2, "c": [1]}, {"a": 1, "b": 3, "c": [1], "d": 0}]) == ["b", "d"]


def named(*configurations):
    found = [leaves(c) for c in configurations]
    return labels(found, differing(found))


def run(penalty="Jacobian", weight=0.1, solver="Lanczos", **others):
    penalties = [{"_target_": f"jhrun.penalties.{penalty}"}] if penalty else []
    nodes = {"regularizer": {"weight": weight, "penalties": penalties}, "solver": {"_target_": f"x.{solver}"}}
    return nodes | others


def other(term, weight, **arguments):
    return run(None, weight) | {"regularizer": {"weight": weight, "_target_": f"mine.{term}", **arguments}}


def test_another_term_is_called_by_its_class_and_its_weight_as_it_was_written():
    assert named(run(), run(None, 0), other("Teacher", 0.1)) == ["Jacobian", "no penalty", "Teacher"]
    assert named(other("Teacher", {"lambda": 4}), other("Teacher", {"lambda": {0: 1, 5: 2}})) == [
        "λ 4", "λ 0: 1, 5: 2"
    ]  # fmt: skip
    assert named(other("Teacher", 0.1, decay=0.9), other("Teacher", 0.1, decay=0.5)) == ["decay 0.9", "decay 0.5"]
    # no direction is searched for
    assert named(other("Teacher", {"lambda": 4})) == ["Teacher, λ 4"]
    assert named(run(None, 0)) == ["no penalty"]


def test_labels_are_as_short_as_tells_rows_apart():
    assert named(run(), run("Hessian")) == ["Jacobian", "Hessian"]
    assert named(run(), run(weight=0.2)) == ["w 0.1", "w 0.2"]
    assert named(run(), run(None, 0), run(weight={0: 0.1, 5: 0.2})) == [
        "Jacobian, w 0.1", "no penalty", "Jacobian, w 0: 0.1, 5: 0.2"
    ]  # fmt: skip
    # the weight follows from the penalty, and is left out
    assert named(run(), run("Hessian", 0.2)) == ["Jacobian", "Hessian"]
    assert named(run(train={"epochs": 1}), run(train={"epochs": 2})) == ["epochs 1", "epochs 2"]
    assert named(run()) == ["Jacobian, w 0.1, Lanczos"]


def test_a_solver_matters_only_under_a_penalty_unless_nothing_else_tells():
    assert named(run(None, 0), run(None, 0, "Power"), run())[2] == "Jacobian"
    assert len(set(named(run(None, 0), run(None, 0, "Power"), run()))) == 3

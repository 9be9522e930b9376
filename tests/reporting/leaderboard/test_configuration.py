"""What makes two runs one configuration, and what rows are called."""

import json

import pytest

from jhrun.reporting.leaderboard.configuration import differing, identity, leaves


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

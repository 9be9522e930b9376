"""What is suggested for a mistyped word."""

import pytest

from jhrun.config.compose import composed, keys
from jhrun.config.groups import nearest
from jhrun.evaluation.analyses import NAMES

KEYS = {command: keys(command, []) for command in ("train", "bench")}


@pytest.mark.parametrize(
    ("word", "suggested"),
    [
        ("lr", ["optimizer.lr"]),
        ("epochs", ["train.epochs", "watch.epochs"]),
        ("batch_size", ["train.batch_size"]),
        ("weight", ["regularizer.weight"]),
        ("wieght", ["regularizer.weight"]),
        ("trian.epochs", ["train.epochs"]),
        ("wacth.epochs", ["watch.epochs"]),
        ("train.lr", ["optimizer.lr"]),
        ("trian", ["train"]),
        ("train_epochs", ["train.epochs", "watch.epochs"]),
        ("eps", ["optimizer.eps", "epsilon"]),
        ("epsilon_inf", ["epsilon"]),
    ],
)
def test_the_last_part_of_a_key_counts_first(word, suggested):
    assert nearest(word, KEYS["train"]) == f"did you mean {' or '.join(map(repr, suggested))}?"


@pytest.mark.parametrize("word", ["num_workers", "xyz", "foo", "verbose", "gpus", "a", "momentum"])
def test_nothing_is_suggested_where_nothing_is_near(word):
    assert nearest(word, KEYS["train"]) == "see --help for what there is"


def test_of_few_keys_there_is_no_list_either():
    assert nearest("attack", KEYS["bench"]) == "see --help for what there is"


def test_a_choice_in_a_folder_is_found_by_its_last_part():
    assert nearest("runtme", ["digits_stages", "paper/runtime"]) == "did you mean 'paper/runtime'?"


def test_the_packages_analyses_are_named_after_their_files():
    assert {*composed("eval", ["analysis=all"])["analysis"]} == {*NAMES}

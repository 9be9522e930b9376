"""Overrides as people type them."""

from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given
from hypothesis import strategies as st

from jhrun.cli import main
from jhrun.config.compose import composed
from jhrun.config.overrides import flatten, prepare, typed_keys
from jhrun.errors import ConfigError


def value_of(override: str):
    return OverridesParser.create().parse_override(override).value()


LETTERS = st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from("ae019./_-")


@given(st.text(LETTERS, min_size=1).filter(lambda s: s.strip() == s))
def test_a_path_keeps_every_letter(path):
    """What Hydra's parser reads of a prepared path is the path, unless it was quoted by hand or is null."""
    if path == "null" or (len(path) > 1 and path[0] == path[-1] and path[0] in "'\""):
        return
    if path.startswith("~") or "${" in path:
        return
    (prepared,) = prepare([f"run={path}"], multirun=False)
    assert str(value_of(prepared)) == path


@pytest.mark.parametrize("path", ["a b", "it's", "~/x (1)#2", "Übung/数据", "back\\slash", "tail\\", "a,b", "x=y"])
def test_paths_with_signs_compose(path):
    assert composed("eval", prepare([f"run={path}"], multirun=False)).run == str(Path(path).expanduser())


def test_in_a_multirun_commas_separate_paths():
    (prepared,) = prepare(["run=a b,c d"], multirun=True)
    parsed = OverridesParser.create().parse_override(prepared)
    assert parsed.is_sweep_override()
    assert [v.text for v in parsed.value().list] == ["a b", "c d"]


def test_stages_replace_stages():
    """Hydra merges mappings: the stages of two schedules would mix."""
    overrides = prepare(["experiment=digits_stages", "regularizer.weight={0: 0.1, 3: 0.2}"], multirun=False)
    assert composed("train", overrides).regularizer.weight == {0: 0.1, 3: 0.2}


def test_an_empty_key_is_refused():
    with pytest.raises(ConfigError, match="KEY=VALUE"):
        prepare(["=3"], multirun=False)


def test_typed_keys_are_those_of_groups_and_values():
    assert typed_keys(["model=mlp", "train.epochs=3", "+x=1", "hydra/launcher=basic"]) == [
        "model", "train.epochs", "x", "hydra.launcher",
    ]  # fmt: skip


def test_flatten_leaves_empty_mappings_as_they_are():
    assert flatten({"a": {}, "b": None}) == {"a": {}, "b": None}


def test_a_key_of_another_choice_names_that_choice(capsys):
    assert main(["train", "solver.iterations=3"]) == 2
    said = capsys.readouterr().err
    assert "the chosen solver has no key 'solver.iterations'" in said
    assert "solver=golub_kahan or gradient_ascent or lanczos or power" in said

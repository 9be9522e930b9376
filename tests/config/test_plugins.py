"""A plugin's code is part of a job's identity, read without importing it."""

import sys
from pathlib import Path

import pytest

from jhrun.config.compose import composed
from jhrun.config.grid import expand
from jhrun.config.plugins import code_reader, located
from jhrun.config.stored import plain
from jhrun.sweeps import code_version

BOOM = "raise AssertionError('imported')\n"


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture(params=["module", "package", "installed"])
def plugin(request, tmp_path, monkeypatch):
    """A file of the plugin ``plug_code``, which must not be imported, in the current folder or installed."""
    place = tmp_path
    if request.param == "installed":
        place = tmp_path / "elsewhere"
        place.mkdir()
        monkeypatch.syspath_prepend(place)
    if request.param == "module":
        file = place / "plug_code.py"
    else:
        file = place / "plug_code" / "inner" / "nets.py"
        file.parent.mkdir(parents=True)
        (place / "plug_code" / "__init__.py").write_text(BOOM)
    file.write_text(BOOM)
    return file


def values(**more):
    return {"plugins": ["plug_code"], "model": {"_target_": "plug_code.Net"}, **more}


def test_a_changed_plugin_is_another_version_and_nothing_is_imported(plugin):
    first = code_reader()(values())
    assert code_reader()(values()) == first != code_version()
    plugin.write_text(BOOM + "\n")
    assert code_reader()(values()) != first
    assert "plug_code" not in sys.modules


def test_the_same_files_elsewhere_are_the_same_version(plugin, tmp_path, monkeypatch):
    first = code_reader()(values())
    (other := tmp_path / "other").mkdir()
    root = plugin if plugin.name == "plug_code.py" else plugin.parents[1]
    root.rename(other / root.name)
    monkeypatch.chdir(other)
    assert code_reader()(values()) == first


def test_a_plugin_that_a_logger_alone_is_of_does_not_count(plugin):
    alone = {"plugins": ["plug_code"], "logger": {"_target_": "plug_code.Logger"}}
    assert code_reader()(alone) == code_version()
    assert code_reader()(values(logger=alone["logger"])) == code_reader()(values())


def test_what_is_not_there_has_no_files():
    assert located("plug_absent") is None
    assert code_reader()({"plugins": ["plug_absent", "builtins"]}) == code_version()


def test_a_sweep_of_a_changed_plugin_has_another_folder(plugin):
    typed = ["seed=0,1", "plugins=[plug_code]", "model._target_=plug_code.Net"]
    before = expand(typed, code_reader()).folder
    assert expand(typed, code_reader()).folder == before
    plugin.write_text(BOOM + "\n")
    assert expand(typed, code_reader()).folder != before


def test_lists_within_a_configuration_are_looked_through():
    Path("plug_code.py").write_text(BOOM)
    config = plain(composed("train", ["regularizer=jacobian", "plugins=[plug_code]"]))
    config["regularizer"]["penalties"][0]["_target_"] = "plug_code.Mine"
    config["logger"]["_target_"] = "plug_code.Logger"
    assert code_reader()(config) != code_version()

"""The closed door: what a configuration may build, and what it may not even import."""

import sys

import pytest

from jhrun.config.door import PACKAGES, build, target
from jhrun.errors import ConfigError, UnsafeError
from jhrun.linalg import Lanczos


@pytest.mark.parametrize("group", PACKAGES)
@pytest.mark.parametrize(
    "name",
    [
        "os.system",
        "torch.load",
        "numpy.load",
        "pathlib.Path.unlink",
        "subprocess.run",
        "builtins.eval",
        "jhrun.cli.main",
        "jhrun.folder.write_aside",
        "jhrun.training.checkpoint.Checkpoint",
        "jhrun.data.torchvision.tv.MNIST",
        "jhrun.data.torchvision.socket",
        "jhrun.models.cnn.nn",
        "jhrun.models.resnet.partial",
        "jhrun.models.cnn.CNN.load_state_dict",
        "jhrun.linalg.solver._private",
        "jhrun.models..cnn.CNN",
        "jhrun.modelsx.cnn.CNN",
        "lanczos",
        "",
        None,
        ".",
        "jhrun.models.",
        "antigravity.webbrowser",
    ],
)
def test_a_foreign_name_is_refused(group, name):
    with pytest.raises(UnsafeError) as refusal:
        build(group, {"_target_": name})
    assert f"{group}._target_" in str(refusal.value)
    assert refusal.value.exit_code == 7


def test_nothing_is_imported_before_its_name_has_passed(tmp_path, monkeypatch):
    (tmp_path / "canary_package.py").write_text(
        "from pathlib import Path\nPath('executed').touch()\ndef f(): ...\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UnsafeError):
        target("model", "canary_package.f")
    assert "canary_package" not in sys.modules
    assert not (tmp_path / "executed").exists()
    target("model", "canary_package.f", plugins=["canary_package"])
    assert (tmp_path / "executed").exists()


def test_a_group_opens_for_its_own_package_alone():
    assert target("solver", "jhrun.linalg.lanczos.Lanczos") is Lanczos
    assert target("solver", "jhrun.linalg.Lanczos") is Lanczos
    with pytest.raises(UnsafeError):
        target("model", "jhrun.linalg.lanczos.Lanczos")


def test_what_stored_runs_name_stays_valid():
    moved = target("dataset", "jhrun.data.torchvision.image_folder")
    assert moved is target("dataset", "jhrun.data.image_folder.image_folder")


def test_an_unknown_argument_names_the_nearest():
    with pytest.raises(ConfigError, match=r"'solver\.iteratoins'.*did you mean 'iterations'"):
        build("solver", {"_target_": "jhrun.linalg.lanczos.Lanczos", "iteratoins": 3})


@pytest.mark.parametrize("key", ["_partial_", "_args_", "_recursive_"])
def test_hydras_own_keys_are_refused(key):
    with pytest.raises(UnsafeError, match=key):
        build("solver", {"_target_": "jhrun.linalg.lanczos.Lanczos", key: True})


def test_a_value_that_the_class_refuses_is_a_configuration_error():
    with pytest.raises(ConfigError, match="iterations=0"):
        build("solver", {"_target_": "jhrun.linalg.lanczos.Lanczos", "iterations": 0})


def test_a_name_that_is_not_there_is_a_configuration_error():
    with pytest.raises(ConfigError, match="is not there"):
        build("solver", {"_target_": "jhrun.linalg.lanczos.Lanzcos"})

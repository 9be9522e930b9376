"""The closed door: what a configuration may build, and what it may not even import."""

import sys
from pathlib import Path

import pytest

from jhrun.config.door import PACKAGES, build, target
from jhrun.config.objects import attacks
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
    with pytest.raises(ConfigError, match=r"has no 'Lanzcos', solver\._target_, did you mean 'Lanczos'\?"):
        build("solver", {"_target_": "jhrun.linalg.lanczos.Lanzcos"})


def write_plugin(name, text):
    Path(name).mkdir()
    Path(name, "__init__.py").write_text(text)
    Path(name, "nets.py").write_text("class Net: ...\n")


@pytest.fixture
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = {*sys.modules}
    yield
    for name in {*sys.modules} - before:
        del sys.modules[name]


@pytest.mark.usefixtures("_here")
def test_a_plugin_in_the_current_folder_is_found_and_nothing_else_there():
    write_plugin("plugin_here", "from plugin_here.nets import Net\n")
    Path("plugin_beside.py").write_text("")
    path = list(sys.path)
    assert target("model", "plugin_here.nets.Net", plugins=["plugin_here"]) is target(
        "model", "plugin_here.Net", plugins=["plugin_here"]
    )
    assert sys.path == path
    with pytest.raises(ModuleNotFoundError):
        __import__("plugin_beside")


@pytest.mark.usefixtures("_here")
@pytest.mark.parametrize(
    ("text", "name", "told"),
    [
        (None, "plugin_lost.Net", "there is no module 'plugin_lost', neither installed nor in "),
        ("", "plugin_lost.none.Net", "there is no module 'plugin_lost.none', neither installed nor in "),
        ("import absent_package", "plugin_lost.Net", "needs a package that is not installed (absent_package)"),
        ("def f(:", "plugin_lost.Net", "plugin_lost cannot be imported (SyntaxError: "),
        ("x = 1 / 0", "plugin_lost.Net", "plugin_lost cannot be imported (ZeroDivisionError: division by zero)"),
        ("class Net: ...", "plugin_lost.Nte", "plugin_lost has no 'Nte', model._target_, did you mean 'Net'?"),
    ],
)
def test_of_a_plugin_that_cannot_be_used_it_is_said_why(text, name, told):
    if text is not None:
        write_plugin("plugin_lost", f"{text}\n")
    with pytest.raises(ConfigError) as refusal:
        target("model", name, plugins=["plugin_lost"])
    assert told in str(refusal.value)
    if "imported" in told:
        assert f"{Path('plugin_lost/__init__.py').absolute()}, line 1, mend it there" in str(refusal.value)


PLUGIN_ATTACKS = """
from jhrun.attacks import Attack


class Silent(Attack):
    def perturb(self, model, inputs, targets):
        return inputs


class Stating(Silent):
    kind = "score"


def nothing(epsilon):
    return epsilon
"""


@pytest.mark.usefixtures("_here")
def test_an_attack_of_a_plugin_is_built_if_it_states_its_kind():
    write_plugin("plugin_attacks", PLUGIN_ATTACKS)

    def made(name):
        node = {"_target_": f"plugin_attacks.{name}"}
        return attacks({"attack": {"mine": node}}, {"inf": 0.1}, ["plugin_attacks"])["mine"]

    assert made("Stating").kind == "score"
    with pytest.raises(ConfigError, match=r"Silent does not state its kind: .*kind = one of 'gradient' \("):
        made("Silent")
    with pytest.raises(ConfigError, match=r"it made a float, and no jhrun\.attacks\.Attack, attack mine"):
        made("nothing")

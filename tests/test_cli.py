"""The command line: help, the nearest right word, exit codes."""

import subprocess
import sys

import pytest

import jhrun
from jhrun.cli import COMMANDS, main
from jhrun.config.groups import CONF, choices, groups

QUICK = "import sys; from jhrun.cli import main; main({argv}); assert not {{'torch', 'hydra'}} & set(sys.modules)"


@pytest.mark.parametrize(
    "argv",
    [
        ["--help"],
        ["--version"],
        ["train", "--help"],
        ["report", "--help"],
        ["compare", "--help"],
        ["list", "model"],
    ],
)
def test_help_imports_neither_torch_nor_hydra(argv):
    subprocess.run([sys.executable, "-c", QUICK.format(argv=argv)], check=True, capture_output=True)


def test_help_names_every_command(capsys):
    assert main(["--help"]) == 0
    said = capsys.readouterr().out
    assert all(command in said for command in COMMANDS)


@pytest.mark.parametrize("command", ["train", "eval"])
def test_help_of_a_command_names_every_choice_and_key(command, capsys):
    assert main([command, "--help"]) == 0
    said = capsys.readouterr().out
    for group in groups(command):
        assert f"{group}=…" in said
        assert choices(group), group
        for name, text in choices(group).items():
            assert name in said
            assert text, f"{group}/{name}.yaml says nothing of itself"
            assert text in said
    for key in ("seed", "device", "epsilon", "run" if command == "eval" else "resume"):
        assert f"  {key}:" in said


def test_every_folder_of_conf_is_a_group_of_some_command():
    folders = {path.name for path in CONF.iterdir() if path.is_dir()}
    # parts of experiments, and our settings of hydra/launcher
    assert folders - {"paper", "launcher"} == {*groups("train"), *groups("eval")}


def test_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"jhrun {jhrun.__version__}\n"


def test_nothing_typed_shows_the_help_and_is_an_error(capsys):
    assert main([]) == 2
    assert "usage: jhrun COMMAND" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("trian", "did you mean 'train'?"),
        ("train trian.epochs=3", "did you mean 'train.epochs'?"),
        ("train regularizer=jacobain", "did you mean 'jacobian'?"),
        ("train attack=[fgsm,pgd2]", "did you mean 'pgd20'?"),
        ("train modle=cnn", "did you mean 'model'?"),
        ("train regularizer.wieght=0.1", "did you mean 'regularizer.weight'?"),
        ("train wieght=0.1", "did you mean 'regularizer.weight'?"),
        ("train model.widht=3", "did you mean 'model.widths'?"),
        ("train -m seed=0,1 sovler=lanczos", "did you mean 'solver'?"),
        ("train experiment=digits_stage", "did you mean 'digits_stages'?"),
        ("train ~seeed", "did you mean 'seed'?"),
        ("eval rnu=x", "did you mean 'run'?"),
        ("train digits", "'digits' is not of the form KEY=VALUE"),
        ("train --multi", "did you mean '--multirun'?"),
        ("train --cfg", "flag '--cfg' needs a value"),
        ("train model.hidden=[3", "cannot be read"),
        ("eval", "give it on the command line: run=…"),
        ("train lr=0.1", "there is no key 'lr', jhrun train, did you mean 'optimizer.lr'?"),
        ("train --seed=1", "there is no flag '--seed', command line, keys have no dashes: seed=1"),
        ("train --batch-size 4", "keys have no dashes: batch_size=…"),
        ("train --cfg nothing", "choose one of job, hydra, all"),
        ("train --config-dir nowhere", "there is no folder 'nowhere'"),
        ("train attack=null", "attack is given no choice, 'attack=null', choose one of apgd_ce"),
        ("train attack=none", "there is no attack called 'none'"),
        ("train attack=none", "attack=[] is for none"),
        ("train attack=[null]", "attack takes a list of names and nothing else"),
        ("train attack=[[fgsm]]", "attack takes a list of names and nothing else"),
        ("train attack=5", "there is no attack called '5'"),
        ("train model=null", "choose one of cnn, mlp, resnet18, wrn28_10"),
        ("train model=", "model is given no choice"),
        ("train model=5", "there is no model called '5'"),
        ("train model={_target_:jhrun.models.mlp.MLP}", "model takes the name of a choice and no mapping"),
        ("train -m model=cnn,null", "model is given no choice"),
        ("train dataset={}", "set its keys one by one, as in dataset.KEY=VALUE"),
        ("train ~regularizer", "'~regularizer' cannot be taken away"),
        ("train ~regularizer", "regularizer=none is for none"),
        ("train ~attack", "attack=[] is for none"),
        ("bench ~model", "choose one of cnn, mlp, resnet18, wrn28_10"),
        ("train regularizer=[jacobian]", "regularizer takes one choice and no list, 'regularizer=[jacobian]'"),
        ("train regularizer=jacobian,hessian", "add -m to sweep over several values"),
        ("train model.hidden=[3;4]", "cannot be read"),
        ("train hydra.mode=MULTIRUN seed=0,1", "hydra.mode is not used, jhrun train, add -m for several values"),
        ("train hydra.verbose=true", "hydra.verbose is not used"),
        ("train hydra.launcher.n_jobs=3", "choose hydra/launcher=joblib"),
        ("train seed=${nothing}", "Interpolation key 'nothing' not found, seed"),
        ("train seed=${oc.env:NOT_THERE}", "Environment variable 'NOT_THERE' not found"),
        ("train seed=${seed}", "Recursive interpolation detected, seed"),
        ("train model.hidden=wide", "model.hidden=wide: must be a whole number"),
        ("train watch=5", "watch=5: must hold keys of its own: set them, as in watch.part=…"),
        (
            "train checkpoint=last",
            "checkpoint=last: must hold keys of its own: set them, as in checkpoint.s",
        ),
        ("train log=null", "log=null: must hold keys of its own"),
        ("train regularizer.penalties=5", "must be a list of mappings with a _target_ each"),
        ("train regularizer.penalties=[jacobian]", "must be a list of mappings with a _target_ each"),
        ("train optimizer.betas=3", "optimizer.betas=3: must be two numbers, as in [0.9, 0.999]"),
        ("train optimizer.betas=[0.9,a]", "optimizer.betas=[0.9, a]: must be at least 0 and below 1"),
        ("train attack.fgsm=null", "~attack.fgsm takes one away"),
        ("train dataset.flip=yes", "dataset.flip=yes: must be true or false"),
        ("train attack.pgd20.relative_step=big", "attack.pgd20.relative_step=big: must be a number or null"),
        ("train solver=lanczos solver.image=1", "solver.image=1: must be true or false"),
        ("train train.examples=9999", "there are 1295 training examples, train.examples=9999"),
        ("train hydra.run.dir=a/b train.epochs=null", "train.epochs=null: must be a whole number of at least 1\n"),
        ("bench solvers=lanczos", "solvers=lanczos: must be a list of names, as in [lanczos, power]"),
        ("bench solvers=[lanzcos]", "did you mean 'lanczos'?"),
        ("bench regularizer=none", "there are 0 matrices"),
        ("report", "report takes folders of runs"),
        ("report outputs papre=true", "did you mean 'paper'?"),
        ("report outputs paper=maybe", "must be true or false"),
        ("report paper=true", "report takes folders of runs"),
        ("report --paper outputs", "report takes folders of runs"),
        ("compare", "compare takes folders of runs or sweeps"),
        ("compare a --jsn", "there is no flag '--jsn', jhrun compare, did you mean '--json'?"),
        ("compare a b --json --tex", "--json and --tex are two forms of the same"),
        ("list slover", "there is no group 'slover', jhrun list slover, did you mean 'solver'?"),
        ("list solver attack", "list takes one group"),
    ],
)
def test_a_mistyped_word_is_one_line_with_the_nearest_right_one(typed, said, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(typed.split()) == 2
    streams = capsys.readouterr()
    assert streams.err.startswith("error: ")
    assert streams.err.count("\n") == 1
    assert said in streams.err
    assert list(tmp_path.iterdir()) == []


def test_all_values_out_of_range_are_named_at_once(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    bad = {
        "train.epochs": "0",
        "train.batch_size": "-1",
        "epsilon": "-0.1",
        "seed": "1.5",
        "dataset.validation": "1",
        "checkpoint.steps": "0",
        "device": "gpu",
        "evaluate": "maybe",
    }
    assert main(["train", *(f"{k}={v}" for k, v in bad.items())]) == 2
    said = capsys.readouterr().err
    assert all(f"{key}=" in said for key in bad), said
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("regularizer.weight=1.5", "must lie in [0, 1]"),
        ("regularizer.weight={0: 0.1, 3: -0.1}", "-0.1 must lie in [0, 1]"),
        ("regularizer.weight={interpolate: {0: 0, 2.5: 1.5}}", "1.5 must lie in [0, 1]"),
        ("train=5", "train=5: must hold keys of its own"),
        ("plugins=os", "must be a list of packages"),
        ("epsilon=null", "epsilon=…"),
        ("seed=null", "seed=…"),
        ("solver.iterations={0: 2, 5: 2.5}", "whole number"),
        ("optimizer.lr=nan", "finite number"),
        ("optimizer.lr={cosine: {start: 1, warmup: 99}}", "warmup"),
        ("optimizer.lr={cosine: {end: 1}}", "needs start"),
    ],
)
def test_schedules_are_checked_over_the_whole_training(override, said, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["train", "solver=lanczos", override]) == 2
    assert said in capsys.readouterr().err


def test_cfg_prints_the_composed_configuration_and_runs_nothing(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["train", "--cfg", "job", "train.epochs=7", "model=mlp"]) == 0
    said = capsys.readouterr().out
    assert "epochs: 7" in said
    assert "jhrun.models.mlp.MLP" in said
    assert list(tmp_path.iterdir()) == []

"""Methods of others: each one Python file and one YAML beside the package, through the whole life of a run."""

import os
import shutil
import signal
import threading
from pathlib import Path

import pytest
from safetensors.torch import load_file
from tqdm import tqdm

from jhrun.cli import main
from jhrun.jsonio import read_json, read_lines
from jhrun.training import Trainer

HERE = Path(__file__).parent
SMALL = [
    *("model=mlp", "model.widths=[8]", "train.epochs=2", "train.batch_size=16", "train.examples=64"),
    *("checkpoint.steps=1", "attack=[fgsm]", "train.on_nonfinite=skip", "subset=60"),
]
"""Four steps an epoch."""
METHODS = {
    "trades": ("trades", "regularizer=trades", "regularizer=trades regularizer.fraction=0.5"),
    "distilled": ("distilled", "objective=distilled regularizer=none", "objective=distilled"),
    "sam": ("sharpness", "optimizer=sam", "optimizer=sam solver=tracked"),
    "levelled": ("levelled", "regularizer=levelled solver=tracked", "regularizer=levelled"),
    "foretold": ("filtered", "regularizer=foretold", "regularizer=foretold train.micro_batch=8"),
    "teacher": ("teacher", "regularizer=teacher", "regularizer=teacher averaging=ema"),
}
"""Module, choices; and the same with more around it."""
WORDS = {
    "trades": ("TRADES", "at the adversarial twin"),
    "distilled": ("self-distillation", "last answer was known"),
    "sam": ("Sam (",),
    "levelled": ("Levelled",),
    "foretold": ("foretold outputs", "at noisy inputs"),
    "teacher": ("mean teacher", "averaged teacher"),
}
"""What a report says of a method, in the method's own words."""


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with the plugins in it."""
    shutil.copytree(HERE, tmp_path, dirs_exist_ok=True, ignore=shutil.ignore_patterns("test_*", "__pycache__"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def call(module, choices, folder):
    return [
        *("train", "--config-dir", "conf", *SMALL, *choices.split()),
        *(f"plugins=[{module}]", f"hydra.run.dir={folder}"),
    ]


def killed(arguments, steps):
    """Train in a child process that is killed before a step."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    tqdm.set_lock(threading.RLock())
    made = Trainer.take_step

    def step(trainer, batch):
        if trainer.steps_done == steps:
            os.kill(os.getpid(), signal.SIGKILL)
        made(trainer, batch)

    Trainer.take_step = step
    try:
        main(arguments)
    finally:
        os._exit(70)


def kept(run):
    """Every tensor of the last checkpoint."""
    folder = run / "checkpoints" / "last"
    return {**load_file(folder / "weights.safetensors"), **load_file(folder / "state.safetensors")}


def figures(run):
    lines = read_lines(run / "metrics.jsonl")
    return [
        {key: value for key, value in line.items() if key not in {"seconds", "memory", "cost"}} for line in lines
    ]


@pytest.mark.parametrize("name", METHODS)
def test_a_plugin_trains_is_killed_resumes_bit_for_bit_and_is_evaluated_and_reported(name, here, jhrun):
    module, choices, _ = METHODS[name]
    code, _, err = jhrun(*call(module, choices, "whole"), "evaluate=false")
    assert code == 0, err
    assert killed(call(module, choices, "pieces"), 6) == -signal.SIGKILL
    assert read_json(Path("pieces/checkpoints/last/state.json"))["step"] == 2
    code, _, err = jhrun("train", "resume=pieces", f"plugins=[{module}]", "evaluate=false")
    assert code == 0, err
    whole, pieces = kept(Path("whole")), kept(Path("pieces"))
    assert whole.keys() == pieces.keys()
    for key, tensor in whole.items():
        assert tensor.equal(pieces[key]), key
    assert figures(Path("whole")) == figures(Path("pieces"))
    code, _, err = jhrun("eval", "run=pieces", "attack=[fgsm]", "subset=60", f"plugins=[{module}]")
    assert code == 0, err
    page = Path("pieces/report.html").read_text(encoding="utf-8")
    for words in WORDS[name]:
        assert words in page


@pytest.mark.parametrize("name", METHODS)
def test_a_plugin_goes_with_what_else_there_is(name, here, jhrun):
    module, _, choices = METHODS[name]
    code, _, err = jhrun(*call(module, choices, "run"), "evaluate=false")
    assert code == 0, err


@pytest.mark.rendered
def test_an_analysis_shows_on_every_page_with_its_figure_and_its_data(here):
    small = ["model=mlp", "model.widths=[8]", "train.epochs=1", "attack=[fgsm]", "subset=60"]
    assert main(["train", *small, "hydra.run.dir=run"]) == 0
    call = ["eval", "--config-dir", "conf", "run=run", "name=fgsm", "analysis=mistaken"]
    assert main(call) == 7  # nothing of a plugin is executed that this call does not name
    assert main([*call, "plugins=[mistaken]"]) == 0
    assert main(["report", "run"]) == 0  # no plugin is named, and none is needed
    report = read_json(Path("run/report.json"))
    assert report["sources"] == {"verdict": "fgsm", "mistaken": "fgsm"}
    record = report["analyses"]["mistaken"]["record"]
    assert record["times"] > 0
    words = f"{record['commonest'][0]} is taken for {record['commonest'][1]}."
    page, text = (Path(f"run/report.{ending}").read_text() for ending in ("html", "md"))
    for shown in (page, text):
        assert words in shown
        assert "Mistaken classes" in shown
    assert 'download="mistaken.csv"' in page
    assert "figures/mistaken.svg" in text
    assert Path("run/figures/mistaken.svg").stat().st_size > 1000
    data = Path("run/figures/mistaken.csv").read_text().splitlines()
    assert data[0] == "class,taken,n"
    assert sum(int(line.split(",")[2]) for line in data[1:]) == 60


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("return None", "it gave a NoneType, and no jhrun.evaluation.analyses.Result"),
        ("return Result(subject)", "its result cannot be kept"),
        ("return Result({}, (Section('a', figures=(Figure('a', '', '', {}, ()),)),))", "'a' has no panel"),
        ("raise RuntimeError('mine')", "mine"),
    ],
)
def test_an_analysis_that_fails_is_named_and_the_evaluation_goes_on_later(here, jhrun, body, told):
    # a module is imported once
    module = f"faulty_{len(told)}"
    Path(f"{module}.py").write_text(
        "from jhrun.evaluation.analyses import *\n\n\nclass Faulty(Analysis):\n    title = 'faulty'\n\n"
        f"    def __call__(self, subject):\n        {body}\n"
    )
    Path("conf/analysis/faulty.yaml").write_text(f"# @package analysis.faulty\n_target_: {module}.Faulty\n")
    small = ["model=mlp", "model.widths=[8]", "train.epochs=1", "evaluate=false", "hydra.run.dir=run"]
    assert main(["train", *small]) == 0
    call = ["eval", "--config-dir", "conf", "run=run", "attack=fgsm", "subset=40", f"plugins=[{module}]"]
    call.append("analysis=[quick_verdict,faulty]")
    code, _, err = jhrun(*call)
    assert code in {2, 1}, err
    assert told in err
    assert not Path("run/eval/fgsm/results.json").exists()
    assert Path("run/eval/fgsm/analyses/verdict.json").exists()
    assert main(["eval", "run=run", "attack=fgsm", "subset=40", "analysis=quick_verdict"]) == 0
    assert Path("run/eval/fgsm/results.json").exists()

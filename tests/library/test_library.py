"""``import jhrun``: its results equal the files of the commands, and each error is one line."""

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest
import torch
from torch import nn

import jhrun as package
from jhrun.cli import main
from jhrun.data.digits import digits
from jhrun.errors import JhrunError
from jhrun.evaluation import load
from jhrun.jsonio import read_json
from jhrun.linalg import Lanczos

TINY = ["model=mlp", "model.widths=[16]", "train.epochs=2", "train.examples=400", "subset=60", "solver=lanczos"]


@dataclass
class Runs:
    """Two runs of one seed: with a penalty and without."""

    penalised: Path
    plain: Path


@pytest.fixture(scope="module")
def runs(tmp_path_factory, figures_wait):
    root = tmp_path_factory.mktemp("library")
    found = Runs(root / "penalised", root / "plain")
    with figures_wait():
        for path, regularizer in ((found.penalised, "jacobian"), (found.plain, "none")):
            call = ["train", *TINY, f"regularizer={regularizer}", "attack=[fgsm,pgd20]", f"hydra.run.dir={path}"]
            assert main(call) == 0
    return found


@pytest.fixture(scope="module")
def run(runs):
    return package.load(runs.penalised)


def test_the_package_imports_nothing_before_it_is_asked():
    code = (
        "import sys, jhrun; dir(jhrun); print('torch' in sys.modules); jhrun.load; print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]


def test_every_name_is_there_and_another_is_an_error():
    for name in package.__all__:
        assert getattr(package, name).__doc__
        assert name in dir(package)
    with pytest.raises(AttributeError, match="lod"):
        package.lod  # noqa: B018


def test_an_attack_gives_the_figures_of_the_report(run):
    report = read_json(run.path / "report.json")
    found = run.attack("pgd20", n=60)
    assert found.accuracy.accuracy == report["attacks"]["pgd20"]["robust"]["accuracy"]
    each, images = load(run.path / "eval/fgsm+pgd20")
    assert found.right.tolist() == each["pgd20.robust"].tolist()
    # the inputs themselves, of those whose images are kept
    assert torch.equal(found.inputs[images["position"]], torch.from_numpy(images["pgd20"]))
    assert found.inputs.shape == (60, 1, 8, 8)
    assert str(found).startswith("pgd20, ε = 0.1: ")
    weaker = run.attack("pgd20", n=60, epsilon="0.1/2", steps=2)
    assert (weaker.inputs - found.inputs).abs().max() > 0.04
    assert weaker.right.sum() >= found.right.sum()


def test_a_run_has_its_network_its_data_and_its_figures(run):
    assert not run.model.training
    assert run.test.inputs.shape == (359, 1, 8, 8)
    right = run.model(run.test.inputs / 255).argmax(1) == run.test.labels
    report = read_json(run.path / "report.json")
    assert 0 < right.float().mean() < 1
    assert list(run.history.index) == [1, 2]
    assert run.history["loss"].tolist() == [epoch["loss"] for epoch in report["epochs"]]
    results = run.results.set_index("figure")
    assert list(results.index) == ["clean", "fgsm", "pgd20", "worst case"]
    assert results["share"]["clean"] == report["clean"]["accuracy"]
    assert results["share"]["worst case"] == report["worst_case"]["accuracy"]
    assert set(results["n"]) == {60}
    assert "worst case" in str(run)
    assert run._repr_html_().startswith("<iframe srcdoc=")


def test_nothing_of_a_run_is_written(runs):
    before = {path: path.stat().st_mtime_ns for path in runs.penalised.rglob("*")}
    run = package.load(runs.penalised)
    run.attack("fgsm", n=10)
    package.results(runs.penalised, runs.plain)
    package.compare(runs.penalised, runs.plain)
    assert str(run)
    assert before == {path: path.stat().st_mtime_ns for path in runs.penalised.rglob("*")}


def test_the_page_about_it_runs_as_it_stands(runs):
    """With a real run for each placeholder, and one quick attack."""
    folder = runs.plain.parent
    assert main(["report", str(folder)]) == 0
    run = package.load(runs.penalised)
    names = {"model": run.model, "images": run.test.inputs, "labels": run.test.labels}
    text = (Path(__file__).parents[2] / "docs/notebook.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    assert len(blocks) == 4
    for block in blocks:
        real = block.replace("outputs/sweeps/…:1", f"{runs.penalised}").replace(
            "outputs/sweeps/…:2", f"{runs.plain}"
        )
        real = real.replace("outputs/sweeps/…", f"{folder}").replace("outputs/…/…", f"{runs.penalised}")
        real = (
            real.replace('"standard"', '"fgsm"')
            .replace("n=1000", "n=20")
            .replace("n=500, steps=50", "n=20, steps=2")
        )
        exec(real, names)
    assert names["judged"].verdict.outcome == "incomplete"
    assert len(names["table"]) == 2


def test_the_tables_are_those_of_leaderboard_and_compare(runs, jhrun):
    found = package.results(runs.penalised, runs.plain)
    assert set(found["configuration"]) == {"regularizer=jacobian", "regularizer=none"}
    code, out, _ = jhrun("report", str(runs.penalised), str(runs.plain))
    assert code == 0
    written = pd.read_csv(Path(out.splitlines()[-1]) / "leaderboard.csv")
    assert list(found.columns) == list(written.columns)
    assert found["clean_mean"].tolist() == written["clean_mean"].tolist()
    assert found["clean_sd"].isna().all()
    compared = package.compare(runs.penalised, runs.plain)
    _, out, _ = jhrun("compare", str(runs.penalised), str(runs.plain))
    # the command's text has the width of a terminal
    assert out.split() == str(compared).split()
    assert compared.pairs["test"].tolist() == ["mcnemar"]
    assert compared.methods["rank"].tolist() == [1, 1]
    assert r"\begin{tabular}" in compared.tex


class Odd(nn.Module):
    """BatchNorm and ReLU, trained elsewhere."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(288, 10)
        )

    def forward(self, x):
        return self.body(x)


@pytest.fixture(scope="module")
def odd():
    data = digits()
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = Odd()
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    for epoch in range(2):
        for batch in data.epoch(epoch, 64, seed=0):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(batch.inputs), batch.targets).backward()
            optimizer.step()
    return model.train()


def test_a_network_of_others_is_judged(odd):
    before = {name: tensor.clone() for name, tensor in odd.state_dict().items()}
    found = package.evaluate(odd, digits(), ["fgsm", "pgd20"], 0.1, n=50, analyses=["quick_verdict"])
    assert found.clean.accuracy > 0.8
    assert found.worst_case.accuracy <= min(a.robust.accuracy for a in found.attacks.values())
    assert found.verdict.outcome == "incomplete"
    assert found.per_example["robust"].mean() == found.worst_case.accuracy
    assert "verdict: incomplete" in str(found)
    assert "<table" in found._repr_html_()
    # it is left as it was: in training mode, with its running statistics
    assert odd.training
    assert all(torch.equal(before[name], tensor) for name, tensor in odd.state_dict().items())


def test_data_are_given_in_any_form(odd):
    data = digits()
    images, labels = data.test.inputs, data.test.labels
    pairs = [(image, int(label)) for image, label in zip(images, labels, strict=True)]
    forms = [data, data.test, (images, labels), (images.float() / 255, labels), pairs]
    found = [package.evaluate(odd, form, "fgsm", 0.1, n=40, analyses=()) for form in forms]
    assert len({(one.clean.accuracy, one.worst_case.accuracy, one.total) for one in found}) == 1


def test_a_verdict_reads_the_curve_and_knows_the_twin(odd):
    test = {"rule": "highest accuracy", "part": "test"}
    more = {"analyses": ["verdict", "curve"], "twin": odd, "selection": test}
    found = package.evaluate(odd, digits(), "fgsm", 0.1, n=20, **more)
    checks = {check.name: check.outcome for check in found.verdict.checks}
    assert checks["selection never on test data"] == "fail"
    assert checks["accuracy falls in ε"] != "not checked"
    assert checks["transfer from an undefended twin"] != "not checked"


@pytest.mark.parametrize(
    ("ask", "told"),
    [
        (lambda run: package.load("nowhere"), "'nowhere' does not exist"),
        (lambda run: package.load(run.path, checkpoint="lst"), "there are best, last"),
        (lambda run: run.attack("pdg20"), "did you mean 'pgd20'?"),
        (lambda run: run.attack("quick"), "call each by its name: fgsm, pgd20"),
        (lambda run: run.attack("pgd20", epsilon=3), "did you mean 3/255?"),
        (lambda run: run.attack("pgd20", stpes=3), "did you mean 'steps'?"),
        (lambda run: package.evaluate(run.model, 3), "a int is no data set"),
        (lambda run: package.evaluate(run.model, (run.test.inputs * 1.0, run.test.labels)), "lie between 0 and"),
        (lambda run: package.evaluate(run.model, run.data, "quick", analyses="verdct"), "did you mean 'verdict'?"),
        (lambda run: package.evaluate(nn.Identity(), run.data), "keep the first axis|outputs of shape"),
        (lambda run: package.penalty("jacobain"), "did you mean 'jacobian'?"),
        (lambda run: package.penalty("combined"), "is 2 matrices"),
        (lambda run: package.penalty("hessian", "auto"), "decides between the epochs"),
        (lambda run: package.penalty("hessian", "tracked"), "examples=len"),
        (lambda run: package.penalty("hessian", "lanczos", iteratons=3), "did you mean 'iterations'?"),
        (lambda run: package.penalty("hessian", Lanczos(2), iterations=3), "is made already"),
        (lambda run: package.compare(run.path), "compare takes two or more"),
    ],
)
def test_what_is_asked_wrongly_is_told_in_a_line(run, ask, told):
    with pytest.raises(JhrunError, match="|".join(map(_escaped, told.split("|")))) as raised:
        ask(run)
    assert "\n" not in str(raised.value)


def _escaped(text):
    return "".join(f"\\{letter}" if letter in "?.()" else letter for letter in text)


def test_an_example_without_an_index_has_no_direction_to_keep():
    penalty = package.penalty("jacobian", "tracked", examples=4)
    with pytest.raises(ValueError, match="give index="):
        penalty(nn.Linear(3, 2), torch.rand(2, 3), torch.tensor([0, 1]))


def test_what_moves_directions_moves_none_before_the_first_batch_or_twice():
    penalty = package.penalty("jacobian", "tracked", examples=2)
    penalty.observe()
    assert not penalty.solver.known.any()
    out = penalty(nn.Linear(3, 2), torch.rand(2, 3), torch.tensor([0, 1]), torch.arange(2))
    out.values.sum().backward()
    penalty.observe()
    kept = penalty.solver.vectors.clone()
    penalty.observe()
    assert penalty.solver.known.all()
    assert torch.equal(penalty.solver.vectors, kept)


def test_a_loop_of_ones_own_with_kept_directions_nears_the_spectral_norm():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 16), nn.Softplus(), nn.Linear(16, 4)).double()
    x, y, index = torch.rand(5, 6).double(), torch.randint(4, (5,)), torch.arange(5)
    penalty = package.penalty("jacobian", "tracked", examples=5)
    for _ in range(60):
        model.zero_grad()
        out = penalty(model, x, y, index)
        (out.losses.mean() + out.values.mean()).backward()
        penalty.observe()
    dense = torch.func.vmap(torch.func.jacrev(model))(x)
    sigma = torch.linalg.matrix_norm(dense, 2)
    assert torch.allclose(out.values.sqrt(), sigma, rtol=1e-3)

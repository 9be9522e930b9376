"""A report with a verdict, classes and a curve, of a run as the command line leaves it."""

import csv
import json
import os
import shutil
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from jhrun.cli import main
from jhrun.jsonio import as_line, read_json, write_json
from jhrun.records import PASS, SUSPECT, Check, CurveRecord, Proportion, Verdict

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DOCUMENTED = (Path(__file__).parents[2] / "docs/report.md").read_text()
TINY = ["model=mlp", "model.widths=[16]", "train.epochs=2", "solver=lanczos", "solver.iterations=2"]
NEW = ("total", "per_class", "curve")
SUBSET = "359 of 5,000 test examples, drawn at random"


def columns(path):
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    return {name: [row[name] for row in rows] for name in rows[0]}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run whose evaluation is of a subset, with classes, a curve and a verdict of our making."""
    run = tmp_path_factory.mktemp("gallery") / "run"
    assert main(["train", *TINY, "evaluate=false", f"hydra.run.dir={run}"]) == 0
    assert main(["eval", f"run={run}", "attack=[fgsm,uniform,gaussian]", "name=x", "analysis=curvature"]) == 0
    shutil.rmtree(run / "figures")
    place = run / "eval/x"
    record, each = read_json(place / "results.json"), np.load(place / "per_example.npz")
    curve = CurveRecord(
        "PGD", "inf", {}, 5000, tuple((e, Proportion.of(round(300 * (1 - e)), 359)) for e in (0.0, 0.1, 1.0))
    )
    per_class = {}
    for i, name in enumerate(record["classes"]):
        those = each["target"] == i
        clean = Proportion.of(int((each["clean"] == i)[those].sum()), int(those.sum()))
        worst = Proportion.of(0, int(those.sum()))
        per_class[name] = {"clean": asdict(clean), "worst_case": asdict(worst)}
    record |= {"total": 5000, "per_class": per_class, "curve": curve.flat()}
    write_json(place / "results.json", record)
    text = (
        "logits & probabilities: <not> the same, and a_very_long_word_that_must_not_make_the_page_wider_than_it_is"
    )
    checks = (
        Check("suite", SUSPECT, None, None, text, "arXiv 2003.01690"),
        Check("clean accuracy recomputed", PASS, 0.0, 0.0, text, "arXiv 1902.06705"),
    )
    write_json(place / "verdict.json", Verdict(checks).flat())
    assert main(["report", str(run)]) == 0
    return run


def test_the_report_has_verdict_classes_and_curve_of_the_newest_evaluation(run):
    report = read_json(run / "report.json")
    assert report["verdict"] == read_json(run / "eval/x/verdict.json")
    for key in NEW:
        assert report[key] == read_json(run / "eval/x/results.json")[key]


@pytest.mark.parametrize(
    ("file", "key"),
    [
        ("metrics.jsonl", "skipped"),
        ("eval/x/results.json", "total"),
        ("eval/x/verdict.json", None),
        ("terms.json", None),
    ],
)
def test_a_record_without_a_key_that_every_run_has_is_damaged(run, tmp_path, jhrun, file, key):
    path = shutil.copytree(run, tmp_path / "run") / file
    if key is None:
        path.unlink()
    else:
        lines = path.read_text().splitlines() if path.suffix == ".jsonl" else [path.read_text()]
        left = [{k: v for k, v in json.loads(line).items() if k not in {key, "checksum"}} for line in lines]
        path.write_text("".join(map(as_line, left)))
    code, _, err = jhrun("report", str(tmp_path / "run"))
    assert (code, err.count("\n")) == (4, 1), err
    assert str(path) in err
    assert f"lacks {key}" in err or key is None


def test_the_verdict_comes_first(run):
    text = (run / "report.md").read_text()
    assert next(line for line in text.splitlines() if line.startswith("## ")) == "## Verdict: ? SUSPECT"
    assert "| ? suspect | suite | – | – | logits & prob" in text
    page = (run / "report.html").read_text()
    assert page.index("SUSPECT") < page.index("<h1>")
    assert "&lt;not&gt;" in page


def test_a_subset_is_called_one_at_every_figure(run):
    text = (run / "report.md").read_text()
    captions = [line for line in text.splitlines() if "[Its data (CSV)]" in line]
    about_the_test_set = [
        line for line in captions if "training" not in line.lower() and "solver found" not in line
    ]
    assert len(about_the_test_set) >= 8
    for line in about_the_test_set:
        assert SUBSET in line
    assert f"evaluation x, {SUBSET}" in text
    assert f"The shares are of {SUBSET}" in text
    assert "| n of 5,000 |" in text
    assert "| 359 of 5,000 |" in text


def test_every_figure_has_its_data_beside_it(run):
    figures = run / "figures"
    drawn = {p.stem for p in figures.iterdir() if p.suffix != ".csv"}
    assert drawn >= {"accuracy", "curve", "per_class", "training", "penalty", "curvature", "slices"}
    assert {p.stem for p in figures.glob("*.csv")} == drawn
    page = (run / "report.html").read_text()
    assert all(f'download="{name}.csv"' in page for name in drawn)
    assert columns(figures / "training.csv")["task_loss"] == [
        str(e["task_loss"]) for e in read_json(run / "report.json")["epochs"]
    ]
    assert list(columns(figures / "penalty.csv")) == [
        "epoch",
        "steps",
        "penalty",
        "weight",
        "residual",
        "iterations",
    ]
    grid, each = columns(figures / "adversarial_fgsm.csv"), np.load(run / "eval/x/per_example.npz")
    position = np.load(run / "eval/x/images.npz")["position"]
    assert grid["position"] == [str(i) for i in position]
    assert grid["predicted"] == [str(i) for i in each["fgsm.predicted"][position]]
    assert grid["robust"] == [str(bool(r)) for r in each["fgsm.robust"][position]]


def test_every_key_is_documented(run):
    report = read_json(run / "report.json")
    point = report["curve"]["points"][0]
    for key in [*report, *report["verdict"], *report["verdict"]["checks"][0], *report["curve"], *point]:
        assert f"`{key}`" in DOCUMENTED or f"{key}," in DOCUMENTED or f"{{{key}" in DOCUMENTED, key


@pytest.mark.browser
@pytest.mark.skipif(BROWSER is None and not os.environ.get("CI"), reason="there is no Chromium here")
@pytest.mark.parametrize("width", [1280, 400])
def test_nothing_is_wider_than_the_page_and_what_is_folded_is_open_on_paper(run, width):
    from playwright.sync_api import sync_playwright

    complaints = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": width, "height": 900})
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto((run / "report.html").as_uri())
        first = page.locator("body").inner_text().split()[:2]
        folded = page.locator("details.folded").count()
        page.locator(".verdict summary").click()
        seen = page.locator(".checks").is_visible()
        inside = page.evaluate(
            "document.querySelector('.checks').scrollWidth <= document.querySelector('.verdict').clientWidth"
        )
        overflow = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        page.evaluate(
            "addEventListener('beforeprint', () => {"
            " window.shut = document.querySelectorAll('details:not([open])').length; })"
        )
        page.pdf()
        shut, again = page.evaluate("[window.shut, document.querySelectorAll('details:not([open])').length]")
        browser.close()
    assert complaints == []
    assert first == ["?", "SUSPECT"]
    assert folded == 1
    assert seen
    assert inside
    assert overflow <= 0
    assert shut == 0
    assert again == 3

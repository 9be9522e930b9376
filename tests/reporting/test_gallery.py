"""A report with a verdict, classes and a curve, of a run as the command line leaves it."""

import csv
import json
import os
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from jhrun.cli import main
from jhrun.jsonio import as_line, as_plain, read_json, read_record, write_json
from jhrun.records import PASS, SUSPECT, Check, EvaluationRecord, Proportion, Verdict

pytestmark = pytest.mark.rendered

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DOCUMENTED = (Path(__file__).parents[2] / "docs/report.md").read_text()
TINY = ["model=mlp", "model.widths=[16]", "train.epochs=2", "solver=lanczos", "solver.iterations=2"]
NEW = ("total", "per_class", "classes")
SUBSET = "359 of 5,000 test examples, drawn at random"


def columns(path):
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    return {name: [row[name] for row in rows] for name in rows[0]}


@pytest.fixture(scope="module")
def run(tmp_path_factory, figures_wait):
    """A run whose evaluation is of a subset, with classes and a verdict of our making."""
    run = tmp_path_factory.mktemp("gallery") / "run"
    analyses = "analysis=[verdict,curve,curvature,slices]"
    with figures_wait():
        assert main(["train", *TINY, "evaluate=false", f"hydra.run.dir={run}"]) == 0
        assert main(["eval", f"run={run}", "attack=[fgsm,uniform,gaussian]", "name=x", analyses]) == 0
    shutil.rmtree(run / "figures")
    place = run / "eval/x"
    record = read_record(place / "results.json", EvaluationRecord)
    classes = {
        name: replace(one, worst_case=Proportion.of(0, one.clean.n)) for name, one in record.per_class.items()
    }
    write_json(place / "results.json", as_plain(replace(record, total=5000, per_class=classes)))
    text = (
        "logits & probabilities: <not> the same, and a_very_long_word_that_must_not_make_the_page_wider_than_it_is"
    )
    checks = (
        Check("suite", SUSPECT, None, None, text, "arXiv 2003.01690"),
        Check("clean accuracy recomputed", PASS, 0.0, 0.0, text, "arXiv 1902.06705"),
    )
    path = place / "analyses/verdict.json"
    write_json(path, read_json(path) | {"record": as_plain(Verdict(checks))})
    assert main(["report", str(run)]) == 0
    return run


def test_the_report_has_verdict_classes_and_analyses_of_the_evaluation(run):
    report = read_json(run / "report.json")
    stored = {path.stem: read_json(path) for path in (run / "eval/x/analyses").glob("*.json")}
    assert report["verdict"] == stored["verdict"]["record"]
    assert report["analyses"] == stored
    assert report["sources"] == dict.fromkeys(stored, "x")
    for key in NEW:
        assert report[key] == read_json(run / "eval/x/results.json")[key]


@pytest.mark.parametrize(
    ("file", "key"),
    [
        ("metrics.jsonl", "steps"),
        ("eval/x/results.json", "total"),
        ("eval/x/analyses/curve.npz", None),
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
    assert f"field `{key}`" in err or key is None


def test_the_most_important_comes_first(run):
    text = (run / "report.md").read_text()
    sentence = next(line for line in text.splitlines() if line.startswith("**"))
    words = r"[\d.]+ % of 359 of 5,000 test examples survive every attack tried within ε\u00a0=\u00a0[\d./]+\."
    assert re.fullmatch(rf"\*\*{words}\*\*", sentence)
    assert next(line for line in text.splitlines() if line.startswith("## ")) == "## Verdict: ? SUSPECT"
    assert "| ? suspect | suite | – | – | logits & prob" in text
    page = (run / "report.html").read_text()
    order = [
        "survive every attack",
        'alt="Ladder',
        "SUSPECT",
        "Reproduce the run",
        'id="figures"',
        'id="what-was-run"',
    ]
    places = [page.index(word) for word in order]
    assert places == sorted(places)
    assert "&lt;not&gt;" in page


def test_every_title_of_the_contents_has_its_place(run):
    page = (run / "report.html").read_text()
    links = re.findall(r'<li><a href="#([^"]+)">', page)
    assert len(links) > 8
    assert len({*links}) == len(links)
    assert all(page.count(f'id="{link}"') == 1 for link in links)


def test_a_subset_is_called_one_at_every_figure(run):
    text = (run / "report.md").read_text()
    captions = [line for line in text.splitlines() if "[Its data (CSV)]" in line]
    # the ladder stands below a sentence that does; the analyses were made before this test changed the total
    elsewhere = [
        f"figures/{name}.csv" for name in ("training", "penalty", "ladder", "curve", "curvature", "slices")
    ]
    about = [line for line in captions if not any(name in line for name in elsewhere)]
    assert len(about) >= 6
    assert all(SUBSET in line for line in about)
    assert f"evaluation x, {SUBSET}" in text
    assert f"The shares are of {SUBSET}" in text
    assert "| n of 5,000 |" in text
    assert "| 359 of 5,000 |" in text


def test_every_figure_has_its_data_beside_it(run):
    figures = run / "figures"
    drawn = {p.stem for p in figures.iterdir() if p.suffix != ".csv"}
    assert drawn >= {"ladder", "accuracy", "curve", "per_class", "confusion", "training", "curvature", "slices"}
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
    said = [text.split()[0] for text in grid["predicted"]]
    assert said == [str(i) for i in each["fgsm.predicted"][position]]
    assert grid["robust"] == [str(bool(r)) for r in each["fgsm.robust"][position]]


def test_every_key_is_documented(run):
    report = read_json(run / "report.json")
    keys = [*report, *report["verdict"], *report["verdict"]["checks"][0], *report["attacks"]["fgsm"]]
    for analysis in report["analyses"].values():
        keys += [*analysis, *analysis["record"]]
    for key in keys:
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
        first = page.locator("body").inner_text()
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
        shut_before = page.evaluate("document.querySelectorAll('details:not([open])').length")
        page.pdf()
        shut, again = page.evaluate("[window.shut, document.querySelectorAll('details:not([open])').length]")
        browser.close()
    assert complaints == []
    assert first.index("survive every attack") < first.index("SUSPECT") < first.index("Reproduce the run")
    assert folded == 1
    assert seen
    assert inside
    assert overflow <= 0
    assert shut == 0
    assert again == shut_before

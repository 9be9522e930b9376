"""Runs of the paper's protocol beside the published tables, and plainly what is not comparable."""

import csv
import json
import shutil
import statistics

import numpy as np
import pytest

from jhrun.cli import main
from jhrun.config import stored
from jhrun.jsonio import as_line, write_json
from jhrun.reporting.leaderboard.published import METHODS, TABLES

SELECTED = [{"epoch": 1, "clean": 0.5, "pgd20": 0.4, "n": 359}, {"epoch": 2, "clean": 0.3, "pgd20": 0.45, "n": 9}]


@pytest.fixture
def protocol(runs):
    """Two seeds of lanczos and a run without a penalty, as ``experiment=paper/…`` would make them."""

    def make(scale="tiny", dataset=None, table="hessian_cifar10"):
        for name in ("zero", "one", "plain"):
            config = stored.read(runs / name / "config.yaml")
            method = "normal" if name == "plain" else "lanczos"
            config["paper"] = {"table": table, "method": method, "scale": scale}
            if dataset:
                config["dataset"]["_target_"] = dataset
            stored.write(runs / name / "config.yaml", config)
            (runs / name / "report.json").unlink(missing_ok=True)
        (runs / "one/selected.jsonl").write_text("".join(map(as_line, SELECTED)))
        return runs

    return make


def board(folder, *words):
    assert main(["report", str(folder), *words]) == 0
    return json.loads((folder / "leaderboard.json").read_text())


def test_ours_are_the_means_of_the_last_epochs_networks(protocol, report_of):
    reports = [report_of("zero"), report_of("one")]
    (table,) = board(protocol(), "paper=true")["paper"]
    line = next(line for line in table["lines"] if line["method"] == "lanczos")
    for key, values in {
        "clean": [r["clean"]["accuracy"] for r in reports],
        "pgd20": [r["attacks"]["pgd20"]["robust"]["accuracy"] for r in reports],
        "worst_case": [r["worst_case"]["accuracy"] for r in reports],
        "seconds_per_epoch": [r["epochs"][0]["seconds"] for r in reports],
    }.items():
        mean, sd = statistics.fmean(values), statistics.stdev(values)
        found = line["figures"][key]
        assert (found["mean"], found["sd"], sorted(found["values"])) == (mean, sd, sorted(values))
    assert line["published"] == {"clean": [0.734, 0.001], "pgd20": [0.385, 0.002]}
    with (protocol() / "paper.csv").open(newline="") as file:
        lines = {line["method"]: line for line in csv.DictReader(file)}
    assert tuple(lines) == METHODS
    assert float(lines["lanczos"]["clean_difference"]) == line["figures"]["clean"]["mean"] - 0.734
    assert lines["power"]["clean_mean"] == ""


def test_what_is_selected_on_test_data_stands_in_columns_that_say_so(protocol):
    folder = protocol()
    (table,) = board(folder, "paper=true")["paper"]
    line = next(line for line in table["lines"] if line["method"] == "lanczos")
    assert line["figures"]["selected_clean"]["values"] == [0.5]
    assert line["figures"]["selected_pgd20"]["values"] == [0.45]
    for ending in ("md", "html"):
        text = (folder / f"leaderboard.{ending}").read_text()
        assert "clean, selected on test data" in text
        assert "50.0 (n = 1)" in text


@pytest.mark.parametrize("scale", ["tiny", "full"])
@pytest.mark.parametrize("data", ["digits", "cifar10"])
def test_the_title_says_plainly_what_is_not_comparable(protocol, scale, data):
    folder = protocol(scale, f"jhrun.data.{data}")
    (table,) = board(folder, "paper=true")["paper"]
    assert ("scale=tiny" in table["title"]) == (scale == "tiny")
    assert ("the data are digits, not CIFAR-10" in table["title"]) == (data == "digits")
    assert ("not comparable" in table["title"]) == bool(table["departures"])
    assert table["remarks"][:2] == [
        "Trained for 1 epochs, the paper's for 100.", "PGD-20 at ε = 0.1, the paper's at 8/255."
    ]  # fmt: skip
    assert f"### {table['title']}" in (folder / "leaderboard.md").read_text()


def test_a_stronger_evaluation_lowers_the_worst_case_and_the_best_checkpoint_does_not_count(protocol, report_of):
    usual = report_of("plain")["evaluations"]["fgsm+pgd20"]
    folder = protocol()
    for name, checkpoint, accuracy in (("strong", "last", 1 / 359), ("other", "best", 0.0)):
        source, target = folder / "plain/eval/fgsm+pgd20", folder / "plain/eval" / name
        shutil.copytree(source, target)
        with np.load(target / "per_example.npz") as file:
            each = dict(file)
        # what it breaks beyond the other: all but the first example that the other leaves
        left = np.flatnonzero(each["fgsm.robust"] & each["pgd20.robust"])
        each["pgd20.robust"] = np.isin(np.arange(359), left[: round(359 * accuracy)])
        np.savez(target / "per_example.npz", **each)
        worst = {"accuracy": accuracy, "n": 359, "ci95": [0.0, 0.1]}
        changed = {"name": name, "checkpoint": checkpoint, "worst_case": worst, "date": f"9{usual['date']}"}
        write_json(target / "results.json", usual | changed)
    (table,) = board(folder, "paper=true")["paper"]
    figures = table["lines"][0]["figures"]
    assert figures["worst_case"]["mean"] == 1 / 359
    assert figures["clean"]["mean"] == usual["clean"]["accuracy"]


def test_without_the_word_there_is_no_such_section_and_an_older_table_goes(protocol):
    folder = protocol()
    assert board(folder, "paper=true")["paper"]
    assert board(folder)["paper"] is None
    assert not (folder / "paper.csv").exists()
    assert "published" not in (folder / "leaderboard.md").read_text()


def test_runs_of_no_known_table_are_left_out(protocol):
    folder = protocol(table="<b>made up</b>")
    assert board(folder, "paper=true")["paper"] == []
    assert "None of these runs" in (folder / "leaderboard.html").read_text()


def test_the_documented_columns_are_those_of_the_csv(protocol, pytestconfig):
    folder = protocol()
    found = board(folder, "paper=true")["paper"][0]
    documented = (pytestconfig.rootpath / "docs/leaderboard.md").read_text()
    header = (folder / "paper.csv").read_text().splitlines()[0].split(",")
    keys = [key for key in header if not key.endswith(("_mean", "_sd", "_n", "_published", "_difference"))]
    assert [key for key in [*keys, *found, *found["lines"][0]] if f"`{key}`" not in documented] == []


def test_the_published_tables_are_the_papers():
    assert {table: list(lines) for table, lines in TABLES.items()} == {table: list(METHODS) for table in TABLES}
    assert len(TABLES) == 4
    assert TABLES["hessian_cifar100"]["hutchinson-0.1"].pgd20 == (0.101, 0.001)
    assert TABLES["jacobian_cifar10"]["hutchinson"].clean == (0.601, 0.039)

"""The leaderboard as files: its figures are the runs' own, and no run, however spoilt, ends it."""

import csv
import json
import os
import shutil
import statistics
from pathlib import Path

import pytest

from jhrun.cli import main
from jhrun.config import stored
from jhrun.config.groups import brought
from jhrun.jsonio import _checksum, as_line, read_json, write_json
from jhrun.reporting.leaderboard import Cell, as_text, cells_in, write_leaderboard

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FILES = brought("train")
HOSTILE = "<script>alert(1)</script> | $\\frac$ `x` [a](http://b) & % _\ud800\n=1+1"


def write(folder):
    board = write_leaderboard(cells_in(folder, stored.read), folder, FILES)
    return board, json.loads((folder / "leaderboard.json").read_text())


def test_every_figure_is_the_mean_of_the_runs_own_reports(runs, report_of):
    _, board = write(runs)
    reports = [report_of("zero"), report_of("one")]
    row = next(row for row in board["rows"] if row["label"] == "regularizer=jacobian")
    expected = {
        "clean": [r["clean"]["accuracy"] for r in reports],
        "fgsm@0.1": [r["attacks"]["fgsm"]["robust"]["accuracy"] for r in reports],
        "pgd20@0.1": [r["attacks"]["pgd20"]["robust"]["accuracy"] for r in reports],
        "worst_case@0.1": [r["worst_case"]["accuracy"] for r in reports],
        "shared_worst_case@0.1": [r["worst_case"]["accuracy"] for r in reports],
        "seconds_per_epoch": [r["epochs"][0]["seconds"] for r in reports],
        "cost": [r["epochs"][0]["cost"] for r in reports],
        "memory": [r["epochs"][0]["memory"] for r in reports],
    }
    assert row["figures"].keys() == expected.keys()
    for key, values in expected.items():
        mean, sd = statistics.fmean(values), statistics.stdev(values)
        found = row["figures"][key]
        assert sorted(found.pop("values")) == sorted(values)
        assert found == {"mean": mean, "sd": sd, "n": 2, "ci95": None}, key
    alone = next(row for row in board["rows"] if row["label"] == "regularizer=none")["figures"]["clean"]
    clean = report_of("plain")["clean"]
    assert (alone["mean"], alone["sd"], alone["n"], alone["ci95"]) == (clean["accuracy"], None, 1, clean["ci95"])


def test_the_csv_has_the_same_figures_with_all_digits(runs):
    _, board = write(runs)
    with (runs / "leaderboard.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    for line, row in zip(lines, board["rows"], strict=True):
        assert (int(line["rank"]), line["configuration"]) == (row["rank"], row["label"])
        for key, figure in row["figures"].items():
            assert float(line[f"{key}_mean"]) == figure["mean"]
            assert line[f"{key}_sd"] == ("" if figure["sd"] is None else repr(figure["sd"]))


def test_a_sweep_is_written_into_its_folder_with_what_is_missing(sweep, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    before = {p: p.stat().st_mtime_ns for p in sweep.rglob("*") if p.is_file()}
    assert main(["report", str(sweep)]) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[-1] == str(sweep)
    assert "2 finished, 1 waiting, 1 failed" in out
    board = json.loads((sweep / "leaderboard.json").read_text())
    assert [(c["state"], c["counts"]) for c in board["cells"]] == [
        *[("finished", True)] * 3, ("waiting", False), ("failed", False), ("failed", False)
    ]  # fmt: skip
    assert board["rows"][-1]["label"] == "regularizer.weight=7"
    text = (sweep / "leaderboard.md").read_text()
    assert r"| regularizer=jacobian | 3 | failed | memory ran out \<b\>now\</b\> |" in text
    assert "memory ran out &lt;b&gt;now&lt;/b&gt;" in (sweep / "leaderboard.html").read_text()
    assert before == {p: p.stat().st_mtime_ns for p in before}
    assert not (tmp_path / "outputs").exists()
    assert not list(sweep.rglob("*.tmp"))


def test_an_older_leaderboard_is_replaced(runs):
    (runs / "figures").mkdir()
    write(runs)
    assert (runs / "figures/front.svg").is_file()
    write_leaderboard([Cell(None, None, ("seed=0",), "waiting")], runs, FILES)
    assert not list((runs / "figures").iterdir())
    assert "1 waiting" in (runs / "leaderboard.md").read_text()


def test_a_damaged_run_is_a_failed_cell_and_ends_nothing(runs):
    (runs / "one/metrics.jsonl").write_text("{]\n")
    results = runs / "plain/eval/fgsm+pgd20/results.json"
    spoilt = read_json(results) | {"attacks": {"x": 3}, "clean": {"accuracy": float("nan")}}
    results.write_text(json.dumps(spoilt | {"checksum": _checksum(spoilt)}))
    found, board = write(runs)
    states = {Path(c["run"]).name: (c["state"], c["error"]) for c in board["cells"]}
    assert states["zero"] == ("finished", None)
    assert states["one"][0] == states["plain"][0] == "failed"
    assert "not a record" in states["one"][1]
    assert "no record of its kind" in states["plain"][1]
    assert len(found.rows[0].counted) == 1


@pytest.mark.parametrize("file", ["results.json", "analyses/verdict.json"])
@pytest.mark.parametrize("content", ["[" * 100_000, '{"a": 1' + "0" * 5000 + "}", "null", '{"attacks": 1}'])
def test_whatever_stands_in_a_record_ends_nothing(runs, file, content):
    (runs / "one/eval/fgsm+pgd20" / file).write_text(content)
    _, board = write(runs)
    assert [c["state"] for c in board["cells"] if c["run"].endswith("/one")] == ["failed"]


@pytest.mark.parametrize("file", ["results.json", "analyses/verdict.json"])
@pytest.mark.parametrize(
    "content", [{"attacks": 1, "record": []}, {"record": {"checks": 1}, "clean": {"accuracy": "x"}}]
)
def test_a_whole_record_of_another_shape_ends_nothing_either(runs, file, content):
    path = runs / "one/eval/fgsm+pgd20" / file
    write_json(path, read_json(path) | content)
    _, board = write(runs)
    ((state, error),) = [(c["state"], c["error"]) for c in board["cells"] if c["run"].endswith("/one")]
    assert state == "failed"
    assert "no record of its kind" in error


@pytest.mark.rendered
def test_a_strangers_words_are_no_markup_anywhere(runs):
    status = runs / "one/status.json"
    status.write_text(as_line(read_json(status) | {"state": "failed", "error": HOSTILE}))
    config = stored.read(runs / "plain/config.yaml")
    config["model"] = {"_target_": HOSTILE, HOSTILE: HOSTILE}
    cells = [
        *cells_in(runs / "zero", stored.read),
        *cells_in(runs / "one", stored.read),
        Cell(runs / "plain", config),
    ]
    cells.append(Cell(None, None, (HOSTILE,), "failed", HOSTILE))
    write_leaderboard(cells, runs, FILES)
    page = (runs / "leaderboard.html").read_text()
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page
    assert "<script>alert" not in (runs / "leaderboard.md").read_text()
    assert "[a](http" not in (runs / "leaderboard.md").read_text().replace(r"\[", "").replace(r"\]", "")
    body = (runs / "table.tex").read_text()
    assert r"\textless{}script\textgreater{}" in body
    assert r"\$\textbackslash{}frac\$" in body
    assert all(b"<script>" not in path.read_bytes() for path in (runs / "figures").glob("*.svg"))


def test_a_strangers_command_is_shown_only_where_it_is_one_and_quoted_anew(runs):
    for name, text in {
        "one": "jhrun train a=1; rm -r x `b`",
        "zero": "curl x | sh",
        "plain": "jhrun train\n# A",
    }.items():
        file = runs / name / "environment.json"
        write_json(file, read_json(file) | {"command": text})
    for name in ("one", "zero", "plain"):
        write_leaderboard(cells_in(runs / name, stored.read), runs / "alone", FILES)
        text = (runs / "alone/leaderboard.md").read_text()
        assert ("Train it again" in text) == (name == "one")
        assert "# A" not in text
        if name == "one":
            assert "``jhrun train 'a=1;' rm -r x '`b`'``" in text.replace("`` ", "``").replace(" ``", "``")


def test_the_tabular_has_as_many_cells_in_each_row(sweep):
    write(sweep)
    lines = (sweep / "table.tex").read_text().splitlines()
    columns = lines[1].removeprefix(r"\begin{tabular}{").removesuffix("}")
    assert (lines[2], lines[4], *lines[-2:]) == (r"\toprule", r"\midrule", r"\bottomrule", r"\end{tabular}")
    body = [lines[3], *lines[5:-2]]
    # that without figures is left out
    assert len(body) == 3
    assert {line.replace(r"\&", "").count("&") + 1 for line in body} == {len(columns)}
    assert all(line.endswith(r" \\") and line.isascii() for line in body)


def test_the_documented_keys_are_those_of_the_leaderboard(sweep):
    _, board = write(sweep)
    documented = (Path(__file__).parents[3] / "docs/leaderboard.md").read_text()
    front = (sweep / "figures/front.csv").read_text().splitlines()[0]
    curves = (sweep / "figures/curves.csv").read_text().splitlines()[0]
    with (sweep / "leaderboard.csv").open(newline="") as file:
        header = [key for key in next(csv.reader(file)) if "@" not in key and not key.startswith("config.")]
    keys = [
        *board, *board["rows"][0], *board["cells"][0], *board["columns"][0], *board["rows"][0]["figures"]["clean"],
        *front.split(","), *curves.split(","), *(key for key in header if not key.startswith("clean_")),
    ]  # fmt: skip
    assert [key for key in keys if f"`{key}`" not in documented] == []


def test_several_folders_make_a_leaderboard_of_their_own(runs, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["report", str(runs / "zero"), str(runs / "plain")]) == 0
    folder = Path(capsys.readouterr().out.splitlines()[-1])
    assert folder.parent == tmp_path / "outputs/leaderboard"
    assert {p.name for p in folder.iterdir()} == {
        "figures", "methods.tex", "references.bib", "table.tex",
        *(f"leaderboard.{ending}" for ending in ("csv", "html", "json", "md")),
    }  # fmt: skip
    assert not (runs / "leaderboard.md").exists()


@pytest.mark.browser
@pytest.mark.rendered
@pytest.mark.skipif(BROWSER is None and not os.environ.get("CI"), reason="there is no Chromium here")
@pytest.mark.parametrize("width", [1280, 400])
def test_the_page_opens_in_a_browser_without_asking_for_anything(sweep, width):
    from playwright.sync_api import sync_playwright

    write(sweep)
    complaints, requests = [], []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": width, "height": 900})
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: requests.append(request.url))
        page.goto((sweep / "leaderboard.html").as_uri())
        page.wait_for_load_state("networkidle")
        overflow = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        rows, images = page.locator("tr.line").count(), page.locator("img").count()
        browser.close()
    assert complaints == []
    assert [url for url in requests if not url.startswith("data:")] == [(sweep / "leaderboard.html").as_uri()]
    assert overflow <= 0
    assert (rows, images) == (3, 3)


@pytest.mark.browser
@pytest.mark.skipif(BROWSER is None and not os.environ.get("CI"), reason="there is no Chromium here")
def test_columns_sort_and_hide_rows_filter_and_open(sweep):
    from playwright.sync_api import sync_playwright

    _, board = write(sweep)
    clean = {row["label"]: row["figures"]["clean"]["mean"] for row in board["rows"] if row["figures"]}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        page = browser.new_page()
        page.goto((sweep / "leaderboard.html").as_uri())

        def names():
            return page.locator("tr.line:visible summary").all_inner_texts()

        def key(name):
            return clean.get(name, -1.0)

        page.get_by_role("button", name="clean", exact=True).click()
        assert names() == sorted(names(), key=key, reverse=True)
        page.get_by_role("button", name="clean", exact=True).click()
        # a row without the figure stays last
        assert names()[:2] == sorted(clean, key=key)
        assert page.locator("th[aria-sort=ascending]").inner_text().startswith("clean")
        page.fill("#filter", "=NONE")
        assert names() == ["regularizer=none"]
        assert page.locator("tr.more:visible").count() == 0
        page.get_by_text("regularizer=none", exact=True).first.click()
        assert "jhrun train" in page.locator("tr.more:visible code").first.inner_text()
        link = page.locator("tr.more:visible a").get_attribute("href")
        assert (sweep / link).is_file()
        page.fill("#filter", "")
        page.get_by_text("Columns", exact=True).click()
        page.get_by_label("clean", exact=True).uncheck()
        assert page.locator("tr.line td:nth-child(4):visible, #board th:nth-child(4):visible").count() == 0
        browser.close()


def test_a_terminal_s_table_fits_and_tells_what_it_leaves_out(sweep):
    found, _ = write(sweep)
    whole = as_text(found)
    for width in (200, 100, 70):
        lines = as_text(found, width).splitlines()
        assert max(map(len, lines)) <= width
        assert "clean" in lines[0]
    assert lines[-1].endswith("more columns in leaderboard.html")
    assert as_text(found, 1000) == whole


def test_what_was_typed_for_several_seeds_is_one_command(runs):
    _, board = write(runs)
    text = (runs / "leaderboard.md").read_text()
    assert "jhrun train -m seed=1,0 model=mlp" in text or "jhrun train -m seed=0,1 model=mlp" in text
    assert f"jhrun compare {runs}:2 {runs}:1" in text
    assert "hydra.run.dir" not in text.split("regularizer=jacobian**")[1].split("- seed")[0]
    assert [row["rank"] for row in board["rows"]] == [1, 2]


def test_a_title_with_braces_is_no_format_for_the_tabular(runs):
    for file in runs.glob("*/eval/fgsm+pgd20/results.json"):
        record = read_json(file)
        record["attacks"]["{0} {x}"] = record["attacks"].pop("pgd20")
        write_json(file, record)
    write(runs)
    assert r"\{0\} \{x\} (0.1)" in (runs / "table.tex").read_text()

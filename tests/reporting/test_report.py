"""The report: its numbers are the records', its page opens offline in a real browser."""

import json
import os
import shutil
from itertools import pairwise
from pathlib import Path

import pytest

from jhrun.cli import main
from jhrun.commands.environment import resumed
from jhrun.config import stored
from jhrun.jsonio import as_line, read_json, read_lines
from jhrun.reporting import tables, words

pytestmark = pytest.mark.rendered

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run whose folder's name would break a page that forgets to escape."""
    folder = tmp_path_factory.mktemp("report") / "<b>&'run"
    small = [
        "model=mlp",
        "model.widths=[16]",
        "train.epochs=2",
        "solver=lanczos",
        "solver.iterations=2",
        "attack=[fgsm,pgd20]",
    ]
    assert main(["train", *small, f"hydra.run.dir={folder}"]) == 0
    return folder


def test_markdown_has_the_headline_and_its_pictures_exist(run):
    text = (run / "report.md").read_text()
    report = json.loads((run / "report.json").read_text())
    assert f"| clean | {tables.percent(report['clean']['accuracy'])} |" in text
    assert f"| pgd20 | {tables.percent(report['attacks']['pgd20']['robust']['accuracy'])} |" in text
    pictures = [line.split("](")[1][:-1] for line in text.splitlines() if line.startswith("![")]
    assert len(pictures) >= 5
    assert all((run / picture).is_file() for picture in pictures)


def test_the_page_is_one_file(run):
    text = (run / "report.html").read_text()
    assert "http://" not in text.replace("http://www.w3.org", "")
    assert "https://" not in text
    assert "<b>&amp;" not in text
    assert "&lt;b&gt;&amp;&#39;run" in text


def test_the_page_tells_the_peak_of_the_memory(run):
    peaks = [epoch["memory"] for epoch in json.loads((run / "report.json").read_text())["epochs"]]
    assert peaks == sorted(peaks)
    assert (
        f"| peak memory | {words.memory(peaks[-1])} of the process, in training |"
        in (run / "report.md").read_text()
    )


def test_the_documented_keys_are_those_of_the_report(run):
    report = json.loads((run / "report.json").read_text())
    documented = (Path(__file__).parents[2] / "docs/report.md").read_text()
    again = resumed({}, report["environment"], epoch=1, step=0, differences=[])
    for key in [
        *report,
        *again,
        *again["resumed"][0],
        *report["epochs"][0],
        *report["environment"],
        *report["status"],
        *report["attacks"]["fgsm"],
    ]:
        assert f"`{key}`" in documented or f"{key}," in documented or f"{key}}}" in documented, key


def test_more_epochs_than_a_page_can_show_are_thinned(run, tmp_path):
    folder, n = tmp_path / "long", 30_000
    shutil.copytree(run, folder)
    config = stored.read(folder / "config.yaml")
    stored.write(folder / "config.yaml", config | {"train": config["train"] | {"epochs": n}})
    *_, record = read_lines(folder / "metrics.jsonl")
    lines = (as_line(record | {"epoch": epoch, "seconds": 1.0}) for epoch in range(1, n + 1))
    (folder / "metrics.jsonl").write_text("".join(lines))
    assert main(["report", str(folder)]) == 0
    report = read_json(folder / "report.json")
    epochs = [epoch["epoch"] for epoch in report["epochs"]]
    assert 3000 < len(epochs) <= 10_000
    assert (epochs[0], epochs[-1]) == (1, n)
    assert len({later - one for one, later in pairwise(epochs[:-1])}) == 1
    assert report["seconds"] == pytest.approx(n + sum(a["seconds"] for a in report["attacks"].values()))
    assert f"| epochs | {n} of {n} |" in (folder / "report.md").read_text()


@pytest.mark.browser
@pytest.mark.skipif(BROWSER is None and not os.environ.get("CI"), reason="there is no Chromium here")
@pytest.mark.parametrize("width", [1280, 400])
def test_the_page_opens_in_a_browser_without_asking_for_anything(run, width):
    from playwright.sync_api import sync_playwright

    complaints, requests = [], []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": width, "height": 900})
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: requests.append(request.url))
        page.goto((run / "report.html").as_uri())
        page.wait_for_load_state("networkidle")
        widths = page.evaluate("[...document.images].map(image => image.naturalWidth)")
        overflow = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        title, rows = page.title(), page.locator("table.headline").first.locator("tbody tr").count()
        browser.close()
    assert complaints == []
    assert [url for url in requests if not url.startswith("data:")] == [(run / "report.html").as_uri()]
    assert len(widths) == len([*(run / "figures").glob("*.svg"), *(run / "figures").glob("*.png")]) >= 5
    assert min(widths) > 100
    assert overflow <= 0
    assert "<b>&'run" in title
    assert rows == 4


def test_a_line_cut_off_by_a_crash_is_left_out(tmp_path):
    path = tmp_path / "metrics.jsonl"
    assert list(read_lines(path)) == []
    path.write_text(as_line({"epoch": 1}) + '{"epoch": 2')
    assert list(read_lines(path)) == [{"epoch": 1}]


def test_a_table_escapes_what_markdown_would_read():
    assert tables.markdown([("", "a"), ("x|y", "1")]).splitlines()[-1] == r"| x\|y | 1 |"

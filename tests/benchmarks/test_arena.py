"""The arena: a tiny one for real, interrupted and gone on with; the tuning rule; ties."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from arena import data, page, runs, table, tuning
from arena.data import Parts, Source
from arena.methods import Setting, methods
from arena.records import Job, Store, packed, unpacked
from arena.tuning import Programme
from forked import Forked

from jhrun.config import compose, objects, stored
from jhrun.data.digits import digits

ROOT = Path(__file__).parents[2]
NAMES = ["plain", "jacobian tracked"]
COSTS = {"forward": 0.25, "weights-1": 0.5, "update": 0.25, "inputs-1": 0.5, "weights-2": 1.0}
TINY = """
import runpy, sys
from arena import data
from jhrun.data.digits import digits

def load(_):
    return digits(validation=0)

data.SOURCES["tiny"] = data.Source(load, 320, 10, 16, 16, (0.1,), selected_at=0.1, floor=0.3)
sys.argv[0] = "benchmarks/arena.py"
runpy.run_path({script!r}, run_name="__main__")
"""


class Arena:
    """A tiny arena in a folder, called as a user would."""

    def __init__(self, folder: Path) -> None:
        self.lines = folder / "out/runs.jsonl"
        self.folder = folder
        (folder / "costs.json").write_text(json.dumps({"tiny": {"costs": COSTS}}))

    def start(self, *words: str) -> Forked:
        code = TINY.format(script=str(ROOT / "benchmarks/arena.py"))
        command = [
            sys.executable,
            "-c",
            code,
            "--data",
            "tiny",
            "--budget",
            "8",
            "--seeds",
            "2",
            "--methods",
            *NAMES,
        ]
        command += ["--out", str(self.folder / "out"), "--costs", str(self.folder / "costs.json"), *words]
        paths = os.pathsep.join([str(ROOT), str(ROOT / "benchmarks")])
        environment = {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}
        return Forked(command, env=environment, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def text(self) -> str:
        return self.lines.read_text() if self.lines.exists() else ""


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory):
    """An arena that was stopped by SIGTERM after its second run, left with half a line, and then finished."""
    arena = Arena(tmp_path_factory.mktemp("arena"))
    with arena.start() as process:
        while arena.text().count("\n") < 2 and process.poll() is None:
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        said = process.communicate(timeout=120)[1]
    assert process.returncode == 130, said
    before = arena.text()
    arena.lines.write_text(before + before.splitlines()[0][:40])
    with arena.start() as process:
        finished = process.communicate(timeout=300)
    assert process.returncode == 0, finished[1]
    return arena, {"said": said, "before": before, "finished": finished}


def test_an_interrupted_arena_says_so_and_goes_on_without_repeating_a_run(interrupted):
    arena, seen = interrupted
    assert 2 <= seen["before"].count("\n") < 20
    assert "interrupted:" in seen["said"]
    assert "the same command goes on" in seen["said"]
    assert arena.text().startswith(seen["before"])
    records = [json.loads(line) for line in arena.text().splitlines()]
    jobs = [Job.of(record) for record in records]
    assert len(set(jobs)) == len(jobs)
    # eight to ten trials of each method, and two seeds
    assert 20 <= len(jobs) <= 24
    assert [job.part for job in jobs] == sorted(job.part for job in jobs)
    # seeds outermost, methods innermost
    assert [(job.seed, job.method) for job in jobs[-4:]] == [(s, n) for s in (0, 1) for n in NAMES]


def test_another_arena_on_the_same_file_is_refused(tmp_path):
    first, second = (Store(tmp_path / "runs.jsonl") for _ in range(2))
    with first.alone(), pytest.raises(SystemExit, match="another arena writes there"), second.alone():
        pass
    with second.alone():
        pass


def test_a_finished_arena_makes_nothing_and_writes_the_same_page(interrupted):
    arena, _ = interrupted
    text, pages = arena.text(), [(arena.folder / "out" / name).read_text() for name in ("arena.md", "arena.html")]
    with arena.start() as process:
        process.communicate(timeout=120)
    assert process.returncode == 0
    assert arena.text() == text
    assert [(arena.folder / "out" / name).read_text() for name in ("arena.md", "arena.html")] == pages
    for written in pages:
        assert "tiny, B = 8 plain steps, cnn, softplus, no normalisation, 2 seeds" in written
        assert "jacobian tracked" in written


def test_a_run_repeats_bit_for_bit_and_spends_its_budget(interrupted):
    record = json.loads(interrupted[0].text().splitlines()[-1])
    source = Source(lambda _: digits(validation=0), 320, 10, 16, 16, (0.1,), 0.1, 0.3)
    job = Job.of(record)
    again = runs.run(job, methods(0.1)[job.method], source, data.cut(source, source.load("")), COSTS)
    # 2.5 plain steps each: a fourth would exceed the eight
    assert (record["steps"], record["spent"]) == (3, 7.5)
    assert again["right"] == record["right"]


def test_the_parts_of_a_data_set_have_no_image_in_common():
    whole = digits(validation=0)
    source = Source(lambda _: whole, 300, 50, 60, 40, (0.1,), 0.1, 0.5)
    parts = data.cut(source, whole)
    assert isinstance(parts, Parts)
    assert [len(p) for p in (parts.dataset.train, parts.tune, parts.select, parts.test)] == [300, 50, 60, 40]
    # an image of these handwritten digits occurs once
    seen = {image.numpy().tobytes() for p in (parts.dataset.train, parts.tune, parts.select) for image in p.inputs}
    assert len(seen) == 410
    again = data.cut(source, whole)
    assert (again.select.inputs == parts.select.inputs).all()
    assert (again.test.inputs == parts.test.inputs).all()
    with pytest.raises(ValueError, match="10000 train images are wanted"):
        data.cut(Source(lambda _: whole, 9_000, 500, 500, 1, (0.1,), 0.1, 0.5), whole)


def test_quick_is_the_configurations_own_but_for_its_order():
    values = stored.plain(compose.complete("train", ["attack=quick", "epsilon=0.1"])[0])
    theirs = objects.attacks(values, {"inf": 0.1, "2": 1.0}, [])
    ours = runs.quick(0.1)
    assert {n: (type(a), a.epsilon, a.parameters) for n, a in ours.items()} == {
        n: (type(a), a.epsilon, a.parameters) for n, a in theirs.items()
    }


SOURCE = Source(lambda _: digits(), 10, 0, 5, 5, (0.1, 0.2), selected_at=0.2, floor=0.95)


def programme(budget=2_000, *names):
    known = methods(0.2)
    chosen = {name: known[name] for name in names or ["hessian tracked"]}
    return Programme("tiny", SOURCE, chosen, budget, [0, 1])


def with_figures(jobs, figures):
    """Records of tuning jobs: clean and worst case by setting, nothing right without an entry."""
    found = {}
    for job in jobs:
        clean, worst = figures.get((round(job.strength, 3), job.rate), (0.0, 0.0))
        found[job] = {**vars(job), "accuracy": {"clean": clean, "worst 0.2": worst}}
    return found


@pytest.mark.parametrize(("name", "method"), methods(0.2).items())
def test_each_method_has_eight_settings_the_published_one_among_them(name, method):
    assert len(set(method.settings)) == 8
    assert method.published in method.settings
    beyond = [method.beyond(setting) for setting in method.settings]
    assert any(beyond)
    assert all(len(two) in {0, 2} and not set(two) & set(method.settings) for two in beyond)


def test_the_most_robust_of_the_clean_enough_is_chosen_and_an_edge_brings_two_more():
    wanted = programme()
    jobs = wanted.trials("hessian tracked", {})
    assert len(jobs) == 8
    assert {(job.seed, job.part) for job in jobs} == {(100, "select")}
    # the most robust of all is not clean enough
    figures = {(1.0, 1e-3): (0.94, 0.9), (9.0, 1e-3): (0.95, 0.5), (9.0, 3e-3): (0.99, 0.4)}
    records = with_figures(jobs, figures)
    more = wanted.trials("hessian tracked", records)
    assert [(job.strength, job.rate) for job in more[8:]] == [(27.0, 1e-3), (27.0, 3e-3)]
    assert wanted.choice("hessian tracked", records) is None
    records = with_figures(more, figures | {(27.0, 3e-3): (0.96, 0.6)})
    choice = wanted.choice("hessian tracked", records)
    assert (choice.setting, choice.short, len(choice.trials)) == (Setting(27.0, 3e-3), False, 10)


def test_a_strength_within_is_tried_at_two_more_learning_rates():
    wanted = programme()
    jobs = wanted.trials("hessian tracked", {})
    more = wanted.trials("hessian tracked", with_figures(jobs, {(3.0, 1e-3): (0.99, 0.7)}))
    assert [job.strength for job in more[8:]] == [3.0, 3.0]
    assert [job.rate for job in more[8:]] == pytest.approx([1e-3 / 3**0.5, 1e-3 / 3])


def test_without_a_clean_enough_setting_the_cleanest_is_taken_and_marked():
    wanted = programme(2_000, "plain")
    figures = {(0.0, 1e-3): (0.9, 0.0), (0.0, 3e-3): (0.8, 0.7)}
    records = with_figures(wanted.trials("plain", {}), figures)
    # 1e-3 is no edge of the eight learning rates
    assert len(wanted.trials("plain", records)) == 8
    choice = wanted.choice("plain", records)
    assert (choice.setting, choice.short) == (Setting(0.0, 1e-3), True)


def test_of_equals_the_cleaner_and_then_the_earlier_is_chosen():
    trials = [{"accuracy": {"clean": c, "worst 0.2": w}, "n": n} for n, (c, w) in enumerate([(0.96, 0.5)] * 2)]
    trials.append({"accuracy": {"clean": 0.97, "worst 0.2": 0.5}, "n": 2})
    assert [trial["n"] for trial in tuning.ranked(trials, SOURCE)] == [2, 0, 1]


def test_a_larger_budget_tries_the_two_best_again():
    large = programme(8_000)
    jobs = large.trials("hessian tracked", {})
    assert {job.budget for job in jobs} == {2_000}
    figures = {(3.0, 1e-3): (0.99, 0.7), (1.0, 3e-3): (0.99, 0.6)}
    records = with_figures(jobs, figures)
    records |= with_figures(large.trials("hessian tracked", records), figures)
    again = large.trials("hessian tracked", records)
    assert [(job.strength, job.rate, job.budget) for job in again] == [(3.0, 1e-3, 8_000), (1.0, 3e-3, 8_000)]
    records |= with_figures(again, {(1.0, 3e-3): (0.99, 0.8)})
    assert large.choice("hessian tracked", records).setting == Setting(1.0, 3e-3)


def right(share, seeds=5, images=400, of=0):
    """Answers that are right with a probability, (S, N)."""
    return np.random.default_rng(of).random((seeds, images)) < share


def test_answers_are_kept_bit_by_bit():
    answers = right(0.5, 1, 13)[0]
    assert (unpacked(packed(answers), 13) == answers).all()


def test_a_collapsed_run_stays_in_the_mean_and_in_the_collapse_rate(tmp_path):
    wanted = programme(2_000, "plain")
    store = Store(tmp_path / "runs.jsonl")
    store.path.touch()
    for job in wanted.trials("plain", {}):
        store.add(job, {"accuracy": {"clean": 0.99, "worst 0.2": 0.1 + job.rate * (job.rate < 2e-3)}})
    columns = runs.columns("test", SOURCE)
    for seed, share in enumerate([1.0, 0.0]):
        answers = np.full(5, bool(share))
        figures = {"accuracy": dict.fromkeys(columns, share), "right": dict.fromkeys(columns, packed(answers))}
        figures |= {"n": 5, "collapsed": not share, "steps": 4, "spent": 4.0}
        store.add(wanted.seeded("plain", seed, store.records), figures)
    made = table.Table.of(wanted, Store(store.path).records)
    main = made.sections()[0]
    cells = dict(zip(main.head, main.rows[0], strict=True))
    assert cells["clean"].startswith("50.0")
    assert (cells["collapsed"], cells["cost of a step"], cells["seeds"]) == ("1 of 2", "1.00", "2")


def test_rows_are_ranked_and_stand_on_the_ladder_in_that_order(tmp_path):
    wanted = programme(2_000, "plain", "pgd_at")
    store = Store(tmp_path / "runs.jsonl")
    store.path.touch()
    for name in ("plain", "pgd_at"):
        for job in wanted.trials(name, {}):
            store.add(job, {"accuracy": {"clean": 0.99, "worst 0.2": 0.1 + job.rate * (job.rate < 2e-3)}})
        while missing := [job for job in wanted.trials(name, store.records) if job not in store.records]:
            store.add(missing[0], {"accuracy": {"clean": 0.99, "worst 0.2": 0.0}})
    columns = runs.columns("test", SOURCE)
    for name, share in (("plain", 0.2), ("pgd_at", 0.8)):
        for seed in range(5):
            answers = {column: right(share, 1, of=seed)[0] for column in columns}
            figures = {"accuracy": {column: float(each.mean()) for column, each in answers.items()}}
            figures |= {"right": {column: packed(each) for column, each in answers.items()}}
            figures |= {"n": 400, "collapsed": False, "steps": 4, "spent": 4.0}
            store.add(wanted.seeded(name, seed, store.records), figures)
    made = table.Table.of(wanted, store.records)
    assert [row.name for row in made.rows] == ["pgd_at", "plain"]
    assert made.ranks[0.2] == {"pgd_at": 1, "plain": 2}
    lines = page.ladder(made).csv.splitlines()
    assert [line.split(",")[0] for line in lines] == ["label", "pgd_at", "plain"]

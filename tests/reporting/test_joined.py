"""The headline: the per-example worst case over the evaluations of one network, ε and norm."""

import re
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from jhrun.evaluation.store import save_analysis
from jhrun.folder import RunFolder
from jhrun.jsonio import read_json, write_json
from jhrun.records import AnalysisRecord, AttackRecord, Check, ClassRecord, Proportion, Verdict
from jhrun.reporting import write_report
from jhrun.reporting.document import Evaluated
from jhrun.reporting.joined import headline_of

N = 20


class Evaluations:
    """Writes evaluations of 20 examples, of which a set is broken by each attack."""

    def __init__(self, path):
        self.folder, self.records = RunFolder(path), {}

    def add(self, name, broken, *, index=range(N), complete=False, checkpoint="last", epoch=3, **more):
        epsilon, norm = more.pop("epsilon", 0.1), more.pop("norm", "inf")
        index = np.array(index)
        target = np.zeros(len(index), dtype=np.int64)
        each = {"index": index, "target": target, "clean": np.where(index == 0, 1, 0)}
        attacks, worst = {}, each["clean"] == 0
        for attack, those in broken.items():
            each[f"{attack}.robust"] = (each["clean"] == 0) & ~np.isin(index, list(those))
            worst = worst & each[f"{attack}.robust"]
            accuracy = float(each[f"{attack}.robust"].mean())
            attacks[attack] = AttackRecord(Proportion(accuracy, len(index), (0, 1)), epsilon, norm, 1.0, {})
        place = self.folder.evaluation(name)
        place.mkdir(parents=True)
        np.savez(place / "per_example.npz", **each)
        outcome = "pass" if complete else "not checked"
        clean, left = (Proportion(float(of.mean()), len(index), (0, 1)) for of in (each["clean"] == 0, worst))
        plain = {
            "name": name,
            "date": f"2026-01-01T00:00:{len(self.records):02}",
            "checkpoint": checkpoint,
            "epoch": epoch,
            "dataset_part": "test",
            "seed": 0,
            "device": "cpu",
            "seconds": 1.0,
            "total": N,
            "classes": ("a",),
            "clean": clean,
            "worst_case": left,
            "worst_case_norm": norm if attacks else None,
            "attacks": attacks,
            "weights": "hash",
            "per_class": {"a": ClassRecord(clean, left)},
            "verdict": Verdict((Check("suite", outcome, None, None, "", ""),)),
        }
        self.records[name] = Evaluated(**plain | more)

    def analyse(self, name, analysis, record):
        """Give an evaluation an analysis."""
        kept = AnalysisRecord(analysis, {}, 1.0, "", record)
        save_analysis(self.folder.evaluation(name), kept, {})
        there = self.records[name]
        self.records[name] = replace(there, analyses=(*there.analyses, analysis))

    @property
    def headline(self):
        setup = SimpleNamespace(epsilon="51/510", epsilon_l2=0.5)
        return headline_of(self.folder, setup, self.records)


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def made(tmp_path):
    return Evaluations(tmp_path)


def right(headline):
    share = headline.worst_case
    return round(share.accuracy * share.n), share.n


def test_an_example_counts_when_it_withstood_every_evaluation_that_attacked_it(made):
    made.add("one", {"fgsm": {1, 2}, "pgd": {2, 3}})
    made.add("two", {"apgd": {3, 4}})
    found = made.headline
    assert found.joined == ("one", "two")
    assert right(found) == (N - 5, N)  # 0 is wrong clean
    assert found.attacks.keys() == {"fgsm", "pgd", "apgd"}
    assert found.per_class["a"].worst_case == found.worst_case
    low, high = found.worst_case.ci95
    assert low < 15 / 20 < high


def test_of_an_attack_that_the_leading_evaluation_lacks_the_one_on_most_examples_is_shown(made):
    made.add("quick", {"fgsm": {1, 2}})
    made.add("standard", {"apgd": {1, 2, 3}}, complete=True)
    made.add("weak", {"fgsm": set()}, index=[5, 6])
    found = made.headline
    assert found.evaluation == "standard"
    assert (found.attacks["fgsm"].n, found.attacks["fgsm"].robust.accuracy) == (N, 17 / 20)


def test_a_weaker_evaluation_of_a_subset_changes_nothing_for_the_better(made):
    made.add("standard", {"apgd": {1, 2, 3}}, complete=True)
    before = made.headline
    made.add("weak", {"fgsm": {1}}, index=[1, 5, 6, 7])
    after = made.headline
    assert after.evaluation == "standard"
    assert right(after) == right(before) == (N - 4, N)
    assert after.clean == before.clean
    assert after.verdict == before.verdict
    made.add("lucky", {"fgsm": {9}}, index=[8, 9])
    assert right(made.headline) == (N - 5, N)


def test_the_complete_evaluation_leads_also_where_it_is_of_a_subset_and_older(made):
    made.add("standard", {"apgd": {1, 2, 3, 4}}, index=range(10), complete=True)
    made.add("weak", {"fgsm": {15}})
    found = made.headline
    assert found.evaluation == "standard"
    assert right(found) == (5, 10)
    assert found.total == N


def test_a_subset_that_was_lucky_does_not_hide_a_lower_worst_case_of_more_examples(made):
    made.add("quick", {"apgd": {1, 2, 3, 4, 5, 6}})
    before = right(made.headline)
    made.add("standard", {"square": {12}}, index=range(10, 20), complete=True)
    found = made.headline
    assert found.evaluation == "quick"
    assert right(found) == (before[0] - 1, N)


@pytest.mark.parametrize(
    "other",
    [
        {"epsilon": 0.01},
        {"epsilon": 0.0},
        {"norm": "2", "epsilon": 0.5},
        {"checkpoint": "best"},
        {"epoch": 2},
        {"weights": "another network"},
    ],
)
def test_another_claim_is_not_mixed_in_and_does_not_take_the_headline(made, other):
    made.add("own", {"pgd": {1}})
    before = made.headline
    made.add("other", {"pgd": {1, 2, 3}}, **other)
    assert len(made.headline.joined) == 1
    if "weights" not in other:
        assert made.headline.evaluation == "own"
        assert right(made.headline) == right(before)


def test_an_evaluation_without_an_attack_does_not_take_the_headline(made):
    made.add("own", {"pgd": {1}})
    made.add("clean", {})
    assert made.headline.joined == ("own",)
    assert right(made.headline) == (N - 2, N)


def test_the_page_is_about_what_there_is_where_nothing_is_as_configured(made):
    made.add("small", {"pgd": {1}}, epsilon=0.01)
    made.add("large", {"pgd": {1, 2}}, epsilon=0.3)
    assert made.headline.joined == ("large",)


def test_attacks_of_another_norm_stay_out_of_the_worst_case(made):
    made.add("one", {"pgd": {1}})
    made.add("two", {"fgsm": {2}, "far": {3, 4}})
    attacks = made.records["two"].attacks
    attacks["far"] = replace(attacks["far"], norm="2", epsilon=0.5)
    found = made.headline
    assert right(found) == (N - 3, N)
    assert found.joined == ("one", "two")


def test_analyses_stay_when_a_weaker_evaluation_follows(made):
    made.add("measured", {"pgd": {1}})
    made.analyse("measured", "curve", {"points": []})
    made.analyse("measured", "curvature", {"n": N})
    made.add("clean", {})
    made.analyse("clean", "curve", {"points": [1]})
    made.add("weak", {"fgsm": {1}}, index=[1, 2])
    found = made.headline
    assert found.sources == {"curve": "measured", "curvature": "measured"}
    assert found.analyses["curvature"].record == {"n": N}


def test_a_notebook_never_reads_a_weaker_worst_case_and_a_pin_chooses_one(tiny, jhrun):
    run = tiny("train.epochs=3")
    first = read_json(run / "report.json")
    weak = ["attack=fgsm", "subset=50", "name=weak"]
    code, out, err = jhrun("eval", "run=run", *weak)
    assert code == 0, err
    assert "50" in out.split("clean")[1].splitlines()[0]  # the terminal shows the evaluation that was made
    assert "the report's headline, of fgsm+pgd20, weak: worst case" in out
    report = read_json(run / "report.json")
    assert report["evaluation"] == "fgsm+pgd20"
    assert report["joined"] == ["fgsm+pgd20", "weak"]
    assert report["worst_case"]["accuracy"] <= first["worst_case"]["accuracy"]
    assert report["clean"] == first["clean"]
    assert not report["pinned"]
    page = (run / "report.html").read_text()
    verdict = read_json(run / "eval/weak/analyses/verdict.json")["record"]["outcome"]
    assert report["evaluations"]["weak"]["verdict"]["outcome"] == verdict
    assert re.search(rf"weak: . {verdict}</summary>", page)
    assert "50 of 359 test examples" in page
    assert "The worst case is over 2 evaluations" in page

    assert jhrun("report", "run", "evaluation=weak")[0] == 0
    assert jhrun("report", "run")[0] == 0  # it stays
    pinned = read_json(run / "report.json")
    assert (pinned["evaluation"], pinned["joined"], pinned["pinned"]) == ("weak", ["weak"], True)
    assert pinned["clean"]["n"] == 50
    assert "Pinned" in (run / "report.md").read_text()
    assert jhrun("report", "run", "evaluation=null")[0] == 0
    assert read_json(run / "report.json") == report

    code, _, err = jhrun("report", "run", "evaluation=waek")
    assert code == 4
    assert "did you mean 'weak'?" in err
    assert jhrun("report", "run", "run", "evaluation=weak")[0] == 2


def test_a_pinned_evaluation_that_is_gone_is_told(tiny):
    run = tiny("evaluate=false")
    folder = RunFolder(run)
    write_json(folder.pin, {"evaluation": "gone"})
    report = write_report(folder, read_json(run / "report.json")["config"])
    assert not report.pinned
    assert "evaluation gone, which was pinned, is not there" in report.warnings[-1]

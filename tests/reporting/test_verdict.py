"""The box at the top: its word, the sentence that says why, and all checks."""

from pathlib import Path

import pytest

from jhrun.records import FAIL, NOT_CHECKED, PASS, SUSPECT, Check, Verdict
from jhrun.reporting import verdict_line
from jhrun.reporting.verdict import box, sentence

RUN = Path("/a run")


def verdict(**outcomes):
    checks = (Check(name, outcome, -0.25, None, "a <text>", "a source") for name, outcome in outcomes.items())
    return Verdict(tuple(checks)).flat()


@pytest.mark.parametrize(
    ("outcomes", "symbol", "said", "line"),
    [
        (
            {"clean": PASS, "noise": FAIL, "range": FAIL, "suite": SUSPECT, "twin": NOT_CHECKED},
            "✗",
            "The figures below are not to be believed, for 2 of 5 checks failed (noise, range); suspect: suite; "
            "not checked: twin.",
            "verdict: fail (noise, range): see report.html",
        ),
        (
            {"suite": SUSPECT, "clean": PASS, "converged": SUSPECT},
            "?",
            "The figures below are to be doubted, for 2 of 3 checks are suspect (suite, converged).",
            "verdict: suspect (suite, converged): see report.html",
        ),
        (
            {"clean": PASS, "twin": NOT_CHECKED},
            "✓",
            "Nothing was found that speaks against the figures below: 1 of 2 checks passed; not checked: twin.",
            "verdict: pass (1 of 2 checks passed): see report.html",
        ),
        (
            {},
            "✓",
            "Nothing was checked, so that this says nothing of the figures below.",
            "verdict: pass (0 of 0 checks passed): see report.html",
        ),
    ],
)
def test_the_checks_that_decided_are_named(outcomes, symbol, said, line):
    flat = verdict(**outcomes)
    shown = box(flat, RUN)
    assert shown.symbol == symbol
    assert shown.word == flat["verdict"].upper()
    assert shown.sentence == sentence(flat) == said
    assert verdict_line({"verdict": flat}) == line
    assert [row[1] for row in shown.table[1:]] == list(outcomes)


def test_each_check_has_a_row_with_its_numbers_and_its_source():
    shown = box(verdict(clean=PASS, twin=NOT_CHECKED), RUN)
    assert shown.table[0] == ("outcome", "check", "value", "threshold", "what it means", "source")
    assert shown.table[1] == ("✓ pass", "clean", "−0.25", "–", "a <text>", "a source")
    assert shown.outcomes == ["pass", "not-checked"]


def test_a_command_in_a_check_s_text_can_be_pasted(monkeypatch):
    monkeypatch.setenv("JHRUN_CALLED_AS", "../scripts/run")
    told = Check("suite", SUSPECT, None, None, "have it checked by `jhrun eval run=RUN attack=standard`.", "")
    (_, row) = box(Verdict((told,)).flat(), RUN).table
    assert row[4] == "have it checked by `../scripts/run eval 'run=/a run' attack=standard`."


def test_without_a_verdict_there_is_no_box_and_no_line():
    assert box(None, RUN) is None
    assert verdict_line({"verdict": None}) == ""

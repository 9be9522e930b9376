"""The box at the top: its word, the sentence that says why, and all checks."""

import pytest

from jhrun.records import FAIL, INCOMPLETE, NOT_CHECKED, PASS, SUSPECT, Check, Remedy, Verdict
from jhrun.reporting import verdict_lines
from jhrun.reporting.verdict import box, sentence


def verdict(**outcomes):
    checks = (
        Check(name, outcome, -0.25, None, "a <text>", "a source", required=name != "twin")
        for name, outcome in outcomes.items()
    )
    return Verdict(tuple(checks))


@pytest.mark.parametrize(
    ("outcomes", "symbol", "said", "line"),
    [
        (
            {"clean": PASS, "noise": FAIL, "range": FAIL, "suite": SUSPECT, "twin": NOT_CHECKED},
            "✗",
            "These figures are not to be believed, for 2 of 5 checks failed (noise, range); suspect: suite; "
            "not checked: twin.",
            "verdict: fail (noise, range): see report.html",
        ),
        (
            {"suite": SUSPECT, "clean": PASS, "converged": SUSPECT},
            "?",
            "These figures are to be doubted, for 2 of 3 checks are suspect (suite, converged).",
            "verdict: suspect (suite, converged): see report.html",
        ),
        (
            {"clean": PASS, "twin": NOT_CHECKED},
            "✓",
            "Nothing was found that speaks against the figures: 1 of 2 checks passed; not checked: twin.",
            "verdict: pass (1 of 2 checks passed, 1 not made): see report.html",
        ),
        (
            {"clean": PASS, "suite": NOT_CHECKED, "noise": NOT_CHECKED, "twin": NOT_CHECKED},
            "…",
            "Nothing odd was found, but not everything was checked: 1 of 4 checks passed, 2 that a pass needs "
            "were not made (suite, noise); not checked: twin.",
            "verdict: incomplete (1 of 4 checks passed, 3 not made): see report.html",
        ),
        (
            {},
            "…",
            "Nothing was checked, so that this says nothing of the figures.",
            "verdict: incomplete (0 of 0 checks passed): see report.html",
        ),
    ],
)
def test_the_checks_that_decided_are_named(made, outcomes, symbol, said, line):
    judged = verdict(**outcomes)
    report = made(verdict=judged)
    shown = box(report)
    assert shown.symbol == symbol
    assert shown.word == judged.outcome.upper()
    assert shown.sentence == sentence(judged) == said
    assert verdict_lines(report) == [line]
    assert [row[1] for row in shown.table[1:]] == list(outcomes)


def test_each_check_has_a_row_with_its_numbers_and_its_source(made):
    shown = box(made(verdict=verdict(clean=PASS, twin=NOT_CHECKED)))
    assert shown.table[0] == ("outcome", "check", "value", "threshold", "what it means", "source")
    assert shown.table[1] == ("✓ pass", "clean", "−0.25", "–", "a <text>", "a source")
    assert shown.outcomes == ["pass", "not-checked"]


def test_a_command_in_a_check_s_text_can_be_pasted(made, monkeypatch):
    monkeypatch.setenv("JHRUN_CALLED_AS", "../scripts/run")
    told = Check("suite", SUSPECT, None, None, "have it checked by `jhrun eval run=RUN attack=standard`.", "")
    (_, row) = box(made(verdict=Verdict((told,)), run="/a run")).table
    assert row[4] == "have it checked by `../scripts/run eval 'run=/a run' attack=standard`."


def test_without_a_verdict_there_is_no_box_and_no_line(made):
    assert box(made()) is None
    assert verdict_lines(made()) == []


def test_the_command_that_makes_the_missing_checks_can_be_pasted_as_it_is(made):
    missing = Check("suite", NOT_CHECKED, None, None, "text", "source", remedied=True)
    judged = Verdict((missing,), Remedy(("attack=standard", "plugins=[mine]"), 90.0))
    assert judged.outcome == INCOMPLETE
    report = made(verdict=judged, run="/a folder/run")
    command = "jhrun eval 'run=/a folder/run' attack=standard 'plugins=[mine]'"
    assert verdict_lines(report)[1] == f"the missing checks are made by: {command} (1 min 30 s at most)"
    shown = box(report)
    assert (shown.command, shown.time) == (command, "(1 min 30 s at most)")

"""Terms of a loss in a report: their own words, their figures, and both readings of the weight."""

from dataclasses import replace
from typing import ClassVar

import msgspec
import pytest

from jhrun.jsonio import as_plain
from jhrun.records import TermRecord
from jhrun.reporting.data import as_csv
from jhrun.reporting.facts import describe
from jhrun.reporting.plots import drawn_figure
from jhrun.reporting.terms import MOST_FIGURES, objective_words, term_figure, term_figures, weight_words
from jhrun.terms import OBJECTIVE, REGULARIZER, Spectral, Task, Term, Weighted

TASK = Weighted(OBJECTIVE, Task(), lambda _: 1.0).record()
MATRICES = TermRecord(
    REGULARIZER, "jhrun.terms.spectral.Spectral", "penalty", Spectral.meaning, "Jacobian: effect shown"
)
TRADES = replace(
    MATRICES,
    kind="mine.Trades",
    title="TRADES",
    meaning={"value": "The mean KL.", "robust": "The share at twins."},
    confirmed="Trades: no evidence given",
)
TERM = replace(TRADES, name=OBJECTIVE, kind="mine.Mixed", title="mixed targets")


@pytest.fixture
def report(made):
    def of(*terms, figures=(), values=(1.0, 2.0), regularizer=None, **changes):
        epochs = tuple(made.epoch(n, value, figures=dict(figures)) for n, value in enumerate(values, 1))
        node = {"weight": 0.2, "_target_": "mine.Trades", **(regularizer or {})}
        return made(terms=terms, epochs=epochs, config=made.config(regularizer=node, **changes))

    return of


def labels(figure):
    axes = drawn_figure(figure).axes
    return [one.get_ylabel() for one in axes], axes[0].get_yscale()


def test_a_regularizer_has_its_own_title_words_and_figures(report):
    made = report(TASK, TRADES, figures={"regularizer.robust": 0.25, "regularizer.weight": 3.0})
    (figure,) = term_figures(made)
    assert (figure.name, figure.title) == ("penalty", "Regularizer: TRADES")
    assert figure.text == "The mean KL. The share at twins: 0.25 in the last epoch. weight: 3 in the last epoch."
    rows = as_csv(figure.columns).splitlines()
    assert rows[0] == "epoch,steps,penalty,weight,robust,regularizer.weight"
    assert rows[2] == "2,2,2.0,0.2,0.25,3.0"
    assert labels(figure) == (["TRADES", "weight w", "robust", "weight"], "log")


def test_only_matrices_have_a_spectral_norm(report):
    made = report(TASK, MATRICES, figures={"regularizer.residual": 0.5})
    (figure,) = term_figures(made)
    assert figure.title == "Penalty"
    assert "squared spectral norm" in figure.text
    assert labels(figure)[0] == ["mean ‖vᵀA‖²", "weight w", "residual"]


@pytest.mark.parametrize(
    ("values", "scale"), [((1.0, None), "log"), ((0.0, 1.0), "linear"), ((-1.0, 1.0), "linear")]
)
def test_the_value_is_drawn_on_a_logarithmic_axis_where_it_is_positive(report, values, scale):
    (figure,) = term_figures(report(TRADES, values=values))
    assert labels(figure)[1] == scale


def test_six_figures_are_drawn_and_all_are_in_the_data(report):
    made = report(TRADES, figures={f"regularizer.f{n}": 0.0 for n in range(8)})
    (figure,) = term_figures(made)
    assert len(labels(figure)[0]) == 2 + MOST_FIGURES
    assert "f7: 0 in the last epoch" in figure.text
    assert "f7" in figure.columns


def test_all_panels_have_the_same_epochs(report):
    made = report(TRADES, values=(1.0, 2.0, 3.0), figures={"regularizer.robust": 0.5})
    first = made.epochs[0]
    epochs = [first, *(replace(e, figures={}) for e in made.epochs[1:])]
    limits = [axes.get_xlim() for axes in drawn_figure(term_figure(TRADES, epochs)).axes]
    assert len(limits) == 3
    assert len(set(limits)) == 1


def test_an_objective_has_a_picture_where_it_has_figures_of_its_own(report):
    assert term_figures(report(TASK, values=[None])) == term_figures(report(TERM, values=[None])) == []
    assert objective_words(report(TASK)) == ""
    made = report(TERM, values=[None], figures={"objective.robust": 0.5})
    (figure,) = term_figures(made)
    assert (figure.name, figure.title) == ("objective", "Objective: mixed targets")
    assert as_csv(figure.columns) == "epoch,steps,robust\n1,1,0.5\n"
    assert "mixed targets: The mean KL." in objective_words(made)


@pytest.mark.parametrize(
    ("weight", "text"),
    [
        (0.2, "w = 0.2 (λ = 0.25)"),
        (1, "w = 1 (λ = ∞)"),
        ({"lambda": 4}, "λ = 4 (w = 0.8)"),
        ({0: 0.1, 5: 0.5}, "w by epoch (0: 0.1, 5: 0.5); in the last epoch w = 0.5 (λ = 1)"),
        ({"lambda": {0: 1, 5: 0.5}}, "λ by epoch (0: 1, 5: 0.5); in the last epoch λ = 0.5 (w = 0.333)"),
    ],
)
def test_a_weight_has_two_readings(made, weight, text):
    assert weight_words(weight, [made.epoch(1, weight=0.1), made.epoch(2, weight=0.5)]) == text


@pytest.mark.parametrize(
    ("terms", "node", "told"),
    [
        ([TASK, TRADES], {"epsilon": 0.1, "steps": 2}, {"penalty": "Trades (epsilon 0.1, steps 2)"}),
        (
            [TASK, MATRICES],
            {"penalties": [{"_target_": "jhrun.penalties.Jacobian"}, {"_target_": "jhrun.penalties.Hessian"}]},
            {"penalty": "Jacobian + Hessian", "solver": "Exact"},
        ),
        ([TASK], {"_target_": None, "penalties": []}, {"penalty": "none", "weight": None}),
    ],
)
def test_what_was_run_names_objective_regularizer_and_where_there_are_matrices_the_solver(
    report, terms, node, told
):
    objective, solver = {"_target_": "mine.Mixed", "alpha": 0.5}, {"_target_": "there.Exact"}
    facts = dict(describe(report(*terms, regularizer=node, objective=objective, solver=solver)))
    assert facts["objective"] == "Mixed (alpha 0.5)"
    expected = {"weight": "w = 0.2 (λ = 0.25)", "solver": None} | told
    assert {key: facts.get(key) for key in expected} == expected


def test_a_term_without_words_is_told_how_to_have_some():
    class Silent(Term):
        title = "silent"
        meaning: ClassVar = {"figure": "A figure."}

    with pytest.raises(ValueError, match=r"Silent needs title = .* and meaning = "):
        Weighted(REGULARIZER, Silent(), lambda _: 1.0).record()


@pytest.mark.parametrize(
    "change", [{"title": 1}, {"meaning": {}}, {"meaning": {"value": "x", "y": None}}, {"kind": None}]
)
def test_an_entry_that_is_no_text_is_refused(change):
    with pytest.raises(msgspec.ValidationError, match=r"Expected|entry of a term"):
        msgspec.convert(as_plain(TRADES) | change, TermRecord)
    assert msgspec.convert(as_plain(TRADES), TermRecord) == TRADES

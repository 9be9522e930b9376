"""Terms of a loss in a report: their own words, their figures, and both readings of the weight."""

import csv
import io
from typing import ClassVar

import pytest

from jhrun.records import TermRecord
from jhrun.reporting.facts import describe
from jhrun.reporting.terms import MOST_FIGURES, objective_words, term_figure, term_pictures, weight_words
from jhrun.terms import OBJECTIVE, REGULARIZER, Spectral, Task, Term, Weighted

TASK = Weighted(OBJECTIVE, Task(), lambda _: 1.0).record().plain()
MATRICES = TASK | {
    "name": REGULARIZER, "class": "jhrun.terms.spectral.Spectral", "title": "penalty", "meaning": Spectral.meaning,
    "confirmed": "Jacobian: effect shown",
}  # fmt: skip
TRADES = MATRICES | {
    "class": "mine.Trades", "title": "TRADES",
    "meaning": {"value": "The mean KL.", "robust": "The share at twins."},
    "confirmed": "Trades: no evidence given",
}  # fmt: skip
TERM = TRADES | {"name": OBJECTIVE, "class": "mine.Mixed", "title": "mixed targets"}


def report(*terms, figures=(), values=(1.0, 2.0), regularizer=None):
    epochs = [
        {"epoch": n, "steps": n, "penalty": value, "weight": 0.2, "memory": None, "figures": dict(figures)}
        for n, value in enumerate(values, 1)
    ]
    node = {"weight": 0.2, "_target_": "mine.Trades", **(regularizer or {})}
    return {"terms": list(terms), "epochs": epochs, "config": {"regularizer": node}}


def labels(term, made):
    epochs = [{**e, **e["figures"]} for e in made["epochs"]]
    shown = [axes for axes in term_figure(TermRecord.of(term), epochs).axes if axes.get_visible()]
    return [axes.get_ylabel() for axes in shown], shown[0].get_yscale()


def test_a_regularizer_has_its_own_title_words_and_figures():
    made = report(TASK, TRADES, figures={"regularizer.robust": 0.25, "regularizer.weight": 3.0})
    (picture,) = term_pictures(made)
    assert (picture.name, picture.title) == ("penalty", "Regularizer: TRADES")
    assert picture.text == "The mean KL. The share at twins: 0.25 in the last epoch. weight: 3 in the last epoch."
    rows = list(csv.reader(io.StringIO(picture.csv)))
    assert rows[0] == ["epoch", "steps", "penalty", "weight", "robust", "regularizer.weight"]
    assert rows[2] == ["2", "2", "2.0", "0.2", "0.25", "3.0"]
    assert labels(TRADES, made) == (["TRADES", "weight w", "robust", "weight"], "log")


def test_only_matrices_have_a_spectral_norm():
    made = report(TASK, MATRICES, figures={"regularizer.residual": 0.5})
    (picture,) = term_pictures(made)
    assert picture.title == "Penalty"
    assert "squared spectral norm" in picture.text
    assert labels(MATRICES, made)[0] == ["mean ‖vᵀA‖²", "weight w", "residual"]


@pytest.mark.parametrize(
    ("values", "scale"), [((1.0, None), "log"), ((0.0, 1.0), "linear"), ((-1.0, 1.0), "linear")]
)
def test_the_value_is_drawn_on_a_logarithmic_axis_where_it_is_positive(values, scale):
    assert labels(TRADES, report(TRADES, values=values))[1] == scale


def test_six_figures_are_drawn_and_all_are_in_the_data():
    made = report(TRADES, figures={f"regularizer.f{n}": 0.0 for n in range(8)})
    assert len(labels(TRADES, made)[0]) == 2 + MOST_FIGURES
    (picture,) = term_pictures(made)
    assert "f7: 0 in the last epoch" in picture.text
    assert "f7" in picture.csv.splitlines()[0]


def test_all_panels_have_the_same_epochs():
    made = report(TRADES, values=(1.0, 2.0, 3.0), figures={"regularizer.robust": 0.5})
    epochs = [{**e, **(e["figures"] if e["epoch"] == 1 else {})} for e in made["epochs"]]
    limits = [axes.get_xlim() for axes in term_figure(TermRecord.of(TRADES), epochs).axes if axes.get_visible()]
    assert len(limits) == 3
    assert len(set(limits)) == 1


def test_an_objective_has_a_picture_where_it_has_figures_of_its_own():
    assert term_pictures(report(TASK, values=[None])) == term_pictures(report(TERM, values=[None])) == []
    assert objective_words(report(TASK)) == ""
    made = report(TERM, values=[None], figures={"objective.robust": 0.5})
    (picture,) = term_pictures(made)
    assert (picture.name, picture.title) == ("objective", "Objective: mixed targets")
    assert picture.csv == "epoch,steps,robust\n1,1,0.5\n"
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
def test_a_weight_has_two_readings(weight, text):
    assert weight_words(weight, [{"weight": 0.1}, {"weight": 0.5}]) == text


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
def test_what_was_run_names_objective_regularizer_and_where_there_are_matrices_the_solver(terms, node, told):
    made = report(*terms, regularizer=node) | {"decisions": [], "evaluation": None, "seconds": 1}
    keys = ("device", "platform", "jhrun", "python", "torch", "cuda")
    made["environment"] = dict.fromkeys(keys, "x")
    chosen = {"_target_": "there.Thing"}
    made["config"] |= {"dataset": chosen, "model": chosen, "objective": {"_target_": "mine.Mixed", "alpha": 0.5}}
    made["config"] |= {"optimizer": chosen, "solver": {"_target_": "there.Exact"}, "seed": 0}
    made["config"]["averaging"] = {"_target_": None}
    made["config"]["train"] = {"batch_size": 1, "epochs": 2}
    facts = dict(describe(made))
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
    "change", [{"title": 1}, {"meaning": {}}, {"meaning": {"value": "x", "y": None}}, {"class": None}]
)
def test_an_entry_that_is_no_text_is_refused(change):
    with pytest.raises(ValueError, match="entry of a term"):
        TermRecord.of(TRADES | change)
    assert TermRecord.of(TRADES).plain() == TRADES

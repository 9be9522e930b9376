"""Bars by attack and by class, and their columns."""

from dataclasses import asdict

from jhrun.records import AttackRecord, Proportion
from jhrun.reporting import bars


def share(right, n=50):
    return asdict(Proportion.of(right, n))


def report(classes):
    seen = AttackRecord(Proportion.of(30, 50), 0.1, "inf", 1.0, {}).flat()
    spared = AttackRecord(None, 0.1, "inf", 1.0, {}, attacked=30).flat()
    per_class = {name: {"clean": share(40), "worst_case": share(worst)} for name, worst in classes.items()}
    return {
        "clean": share(40),
        "attacks": {"first": seen, "spared": spared},
        "worst_case": share(20),
        "worst_case_norm": "inf",
        "total": 1000,
        "joined": ["one"],
        "per_class": per_class,
    }


def test_an_attack_of_unknown_share_has_no_bar():
    data = bars.accuracy_data(report({}))
    assert data["name"] == ["clean", "first", "worst case"]
    assert data["accuracy"] == [0.8, 0.6, 0.4]
    assert data["epsilon"] == [None, 0.1, None]
    assert data["total"] == [1000] * 3
    figure = bars.accuracy_bars(report({}))
    assert "50 of 1,000 test examples, drawn at random" in figure.get_supxlabel()


def test_up_to_twenty_classes_keep_their_order():
    few = report({f"class {i}": 30 - i for i in range(20)})
    assert bars.shown_classes(few) == list(few["per_class"])
    data = bars.class_data(few)
    assert data["clean_accuracy"] == [0.8] * 20
    assert data["worst_case_accuracy"][1] == 29 / 50
    assert data["n"] == [50] * 20


def test_of_more_classes_the_worst_have_bars_and_the_columns_have_all():
    many = report({f"a very long name of a class {i}": i % 50 for i in range(30)})
    shown = bars.shown_classes(many)
    assert shown == list(many["per_class"])[:20]
    assert len(bars.class_data(many)["class"]) == 30
    figure = bars.class_bars(many)
    (axes,) = figure.axes
    assert len(axes.get_yticklabels()) == 20
    assert all("…  (n = 50)" in label.get_text() for label in axes.get_yticklabels())


def test_without_attacks_a_class_has_its_clean_bar_alone():
    bare = report({"cat": 30, "dog": 20}) | {"attacks": {}, "worst_case_norm": None}
    (axes,) = bars.class_bars(bare).axes
    assert len(axes.patches) == 2

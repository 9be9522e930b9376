"""The ladder: its marks lie where the figures are, and its columns are what it shows."""

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.patches import Rectangle

from jhrun.reporting.drawing import as_bytes
from jhrun.reporting.ladder import Rung, ladder, ladder_data
from jhrun.reporting.style import own_style

BEST = Rung("best", 0.9, 0.5, 0.625, 0.25, (0.48, 0.52), "pass", 11.25, (0.45, 0.55))
FLATTERED = Rung("flattered", 0.95, 0.125, 0.5, outcome="fail", cost=123456.0)
PLAIN = Rung("plain", 0.99, None)


@pytest.fixture(autouse=True)
def _style():
    with own_style():
        yield


def bars(figure, row):
    """Start and end of each bar of a row."""
    found = [p for p in figure.axes[0].patches if isinstance(p, Rectangle)]
    middles = [(p, p.get_y() + p.get_height() / 2) for p in found]
    return [
        (p.get_x(), p.get_x() + p.get_width()) for p, y in middles if y == pytest.approx(row) and p.get_width() > 0
    ]


def points(figure, row):
    return [tuple(line.get_xdata()) for line in figure.axes[0].lines if round(float(line.get_ydata()[0])) == row]


def texts(figure):
    return [text.get_text() for text in figure.axes[0].texts]


def legend(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_the_best_worst_case_stands_on_top_and_the_unattacked_below():
    assert ladder_data([PLAIN, FLATTERED, BEST])["label"] == ["best", "flattered", "plain"]
    figure = ladder([PLAIN, FLATTERED, BEST])
    names = [t for t in figure.axes[0].texts if t.get_text() in {"best", "flattered", "plain"}]
    assert [t.get_text() for t in sorted(names, key=lambda t: t.xy[1])] == ["best", "flattered", "plain"]
    low, high = figure.axes[0].get_ylim()
    assert low > high, "the first row is on top"


def test_equal_worst_cases_are_sorted_by_clean_accuracy_and_else_stay():
    tied = [Rung("a", 0.8, 0.5), Rung("b", 0.9, 0.5), Rung("c", 0.9, 0.5)]
    assert ladder_data(tied)["label"] == ["b", "c", "a"]


def test_marks_lie_at_their_shares():
    figure = ladder([BEST, FLATTERED, PLAIN])
    assert bars(figure, 0) == [(0, 0.5), (0.5, 0.625), (0, 0.25)]
    assert bars(figure, 1) == [(0, 0.125), (0.125, 0.5)]
    assert bars(figure, 2) == []
    found = points(figure, 0)
    assert {(0.625,), (0.9,), (0.45, 0.55), (0.48, 0.52)} == set(found)
    assert set(points(figure, 2)) == {(0.99,)}


def test_a_certificate_above_the_worst_case_is_seen():
    figure = ladder([Rung("unsound", 0.9, 0.3, certified=0.5)])
    worst, _, certified = figure.axes[0].patches
    assert certified.get_width() > worst.get_width()
    assert certified.get_height() < worst.get_height()


def test_no_inflation_is_drawn_where_pgd_is_the_stronger():
    figure = ladder([Rung("odd", 0.9, 0.5, 0.4)])
    assert bars(figure, 0) == [(0, 0.5)]
    assert ladder_data([Rung("odd", 0.9, 0.5, 0.4)])["inflation"] == [pytest.approx(-0.1)]


def test_worst_case_and_cost_stand_at_the_right():
    found = texts(ladder([BEST, FLATTERED, PLAIN]))
    for word in ("50.0 %", "12.5 %", "11", "123,456", "–", "✓", "✗", "worst case", "plain steps"):
        assert word in found
    assert "plain steps" not in texts(ladder([PLAIN]))


def test_the_legend_tells_of_the_marks_that_are_there():
    assert legend(ladder([PLAIN])) == ["clean"]
    every = ["certified", "worst case", "inflation", "PGD-20", "clean", "a seed", "95 % interval"]
    assert legend(ladder([PLAIN, BEST])) == every
    (words,) = ladder([BEST, FLATTERED]).texts
    assert words.get_text().split() == ["verdict:", "✓", "pass", "✗", "fail"]


def test_the_columns_are_the_rungs():
    data = ladder_data([BEST, PLAIN])
    assert data["seeds"] == ["0.48 0.52", ""]
    assert (data["ci95_low"], data["ci95_high"]) == ([0.45, None], [0.55, None])
    assert (data["outcome"], data["cost"]) == (["pass", None], [11.25, None])
    assert data["inflation"] == [0.125, None]
    assert {len(column) for column in data.values()} == {2}


@pytest.mark.parametrize("width", [3.9, 5.0, 9.6])
@pytest.mark.parametrize(
    "label", ["$x^2$ & <b>", "_hidden", "漢字 – кириллица", "W" * 300, "a\nb\x00c", "$" * 60, ""], ids=range(7)
)
def test_any_label_is_drawn_within_the_figure_and_left_of_the_figures(label, width):
    figure = ladder([Rung(label, 0.9, 0.5, outcome="pass", cost=2.0)], width)
    svg = as_bytes(figure, "svg")
    assert svg.startswith(b"<?xml")
    renderer = FigureCanvasAgg(figure).get_renderer()
    boxes = {t.get_text(): t.get_window_extent(renderer) for t in figure.axes[0].texts}
    name = next(
        box for text, box in boxes.items() if text not in {"✓", "50.0 %", "2", "worst case", "plain steps"}
    )
    assert name.x1 < boxes["50.0 %"].x0
    whole = figure.get_window_extent(renderer)
    assert all(box.x0 >= 0 and box.x1 <= whole.x1 and box.y0 >= 0 and box.y1 <= whole.y1 for box in boxes.values())


def test_forty_letters_have_room():
    label = "a_label_that_has_forty_letters_in_itself"
    assert len(label) == 40
    assert label in texts(ladder([Rung(label, 0.9, 0.5, outcome="pass", cost=2.0)]))


@pytest.mark.parametrize("n", [1, 25])
def test_rows_have_the_same_height_whatever_their_number(n):
    rungs = [Rung(f"method {i}", 0.9, i / 30) for i in range(n)]
    heights = [ladder(rungs[:k]).get_figheight() for k in (1, n)]
    assert heights[1] - heights[0] == pytest.approx(0.5 * (n - 1))


@pytest.mark.parametrize("field", ["clean", "worst", "pgd", "certified"])
def test_a_percentage_is_refused(field):
    with pytest.raises(ValueError, match=r"method: a share of 48\.2; .*divide percentages by 100"):
        Rung(**{"label": "method", "clean": 0.9, "worst": 0.5, field: 48.2})

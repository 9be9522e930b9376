"""Panels of every kind: what is drawn is what the columns hold."""

from itertools import pairwise

import numpy as np
import pytest

from jhrun.records import Figure, Mark, Panel, Series
from jhrun.reporting.picture import Picture
from jhrun.reporting.plots import NARROW, WIDE, drawn_figure
from jhrun.reporting.plots.draw import DRAWERS

pytestmark = pytest.mark.rendered

N = 12
COLUMNS = {
    "x": np.arange(N, dtype=np.float64),
    "epoch": np.arange(1, N + 1),
    "y": np.linspace(0.1, 0.9, N),
    "z": np.linspace(-1.0, 5.0, N),
    "low": np.linspace(0.0, 0.8, N),
    "high": np.linspace(0.2, 1.0, N),
    "name": np.array([f"name {i} _$x$ with many letters" for i in range(N)]),
    "group": np.array(["b", "a", "c"] * (N // 3)),
    "words": np.array(["cat ✗", "dog ✓"] * (N // 2)),
    "pixels": np.random.default_rng(0).random((N, 3, 4, 4)),
}
PANELS = {
    "lines": Panel(
        "lines", "x", (Series("y", "one", "low", "high"), Series("z", "two")), x_label="x", y_label="y"
    ),
    "bars": Panel("bars", "name", (Series("y", "one", "low", "high"), Series("high", "two")), share=True),
    "histogram": Panel("histogram", "z", by="group", groups=("a", "b"), x_scale="symlog"),
    "images": Panel("images", "x", (Series("pixels", "image", caption="words"), Series("pixels", "twin"))),
    "matrix": Panel("matrix", "group", (Series("x"),), by="name"),
}


def figure(*panels, name="a", columns=COLUMNS):
    made = Figure(name, "A title", "A sentence.", columns, panels)
    made.examine()
    return made


def test_every_kind_has_a_drawer():
    assert PANELS.keys() == DRAWERS.keys()


@pytest.mark.parametrize("kind", PANELS)
def test_every_kind_is_drawn_wide_and_narrow_with_its_data(kind):
    picture = Picture.drawn(figure(PANELS[kind]))
    assert picture.kind == ("png" if kind == "images" else "svg")
    assert (picture.narrow is None) == (kind == "images")
    header, *rows = picture.csv.splitlines()
    assert header == "x,epoch,y,z,low,high,name,group,words"
    assert len(rows) == N
    assert Picture.drawn(figure(PANELS[kind])) == picture


def test_panels_stand_side_by_side_where_there_is_room_and_below_each_other_where_not():
    one = PANELS["lines"]
    for count, wide, narrow in ((1, 1, 1), (2, 2, 1), (3, 3, 1), (8, 4, 2)):
        made = figure(*[one] * count)
        for width, columns, is_narrow in ((WIDE, wide, False), (NARROW, narrow, True)):
            drawing = drawn_figure(made, narrow=is_narrow)
            grid = drawing.axes[0].get_gridspec()
            assert (grid.ncols, grid.nrows) == (columns, -(-count // columns))
            assert drawing.get_figwidth() == pytest.approx(width)


def test_lines_lie_where_their_columns_are_and_intervals_around_them():
    (axes,) = drawn_figure(figure(PANELS["lines"])).axes
    bars = {container.get_label(): container for container in axes.containers}
    assert np.allclose(bars["one"][0].get_ydata(), COLUMNS["y"])
    segments = bars["one"][2][0].get_segments()
    assert np.allclose([s[0][1] for s in segments], COLUMNS["low"])
    assert np.allclose([s[1][1] for s in segments], COLUMNS["high"])


def test_rows_of_another_value_are_not_drawn_and_unknown_values_leave_gaps():
    y = COLUMNS["y"].copy()
    y[0] = np.nan
    panel = Panel("lines", "x", (Series("y"),), where=("group", "b"))
    (axes,) = drawn_figure(figure(panel, columns=COLUMNS | {"y": y})).axes
    assert axes.lines[0].get_xdata().tolist() == [3.0, 6.0, 9.0]


def test_groups_come_in_their_order_each_with_its_median():
    drawing = drawn_figure(figure(PANELS["histogram"]))
    assert [axes.get_ylabel().split("\n")[0] for axes in drawing.axes] == ["a", "b", "c"]
    for axes, group in zip(drawing.axes, "abc", strict=True):
        values = COLUMNS["z"][COLUMNS["group"] == group]
        assert axes.patches[0].get_data().values.sum() == len(values)
        assert axes.lines[0].get_xdata()[0] == np.quantile(values, 0.5, method="inverted_cdf")


def test_bars_are_as_long_as_their_shares_the_first_on_top():
    panel = Panel("bars", "name", (Series("y", low="low", high="high"),), by="group", most=5, share=True)
    (axes,) = drawn_figure(figure(panel)).axes
    lengths = {round(bar.get_y() + bar.get_height() / 2): bar.get_width() for bar in axes.patches}
    assert [lengths[row] for row in range(5)] == pytest.approx(COLUMNS["y"][:5].tolist())
    assert axes.yaxis_inverted()
    assert len(axes.get_yticklabels()) == 5
    assert all("…" in label.get_text() for label in axes.get_yticklabels())
    assert "10.0 %" in [text.get_text() for text in axes.texts]


def test_small_values_can_be_told_apart_on_a_root_scale_and_labels_do_not_touch():
    epsilons = np.array([0.0, 1, 2, 8, 25.5, 64, 255])
    columns = {"x": epsilons, "y": np.linspace(1, 0, len(epsilons))}
    panel = Panel("lines", "x", (Series("y"),), x_scale="root", share=True, marks=(Mark("y", 0.25, "guessing"),))
    for narrow in (False, True):
        drawing = drawn_figure(figure(panel, columns=columns), narrow=narrow)
        drawing.draw_without_rendering()
        (axes,) = drawing.axes
        places = [axes.transData.transform((e, 0))[0] for e in epsilons]
        assert places[1] - places[0] > 0.04 * axes.get_window_extent().width
        boxes = sorted((label.get_window_extent() for label in axes.get_xticklabels()), key=lambda box: box.x0)
        assert len(boxes) >= 4
        assert all(left.x1 < right.x0 for left, right in pairwise(boxes))
        assert "guessing" in [text.get_text() for text in drawing.legends[0].get_texts()]


@pytest.mark.parametrize("count", [1, 2, 4])
def test_the_numbers_of_epochs_do_not_touch(count):
    columns = {"epoch": np.arange(1, 101), "y": np.linspace(0, 1, 100)}
    panel = Panel("lines", "epoch", (Series("y"),), x_limits=(1, 100))
    for narrow in (False, True):
        drawing = drawn_figure(figure(*[panel] * count, columns=columns), narrow=narrow)
        drawing.draw_without_rendering()
        for axes in drawing.axes:
            shown = [label for label in axes.get_xticklabels() if 1 <= label.get_position()[0] <= 100]
            boxes = sorted((label.get_window_extent() for label in shown), key=lambda box: box.x0)
            assert len(boxes) >= 2
            assert all(left.x1 < right.x0 for left, right in pairwise(boxes))


def test_a_matrix_has_its_numbers_where_they_belong():
    columns = {"class": np.array(list("aabb")), "as": np.array(list("abab")), "n": np.array([5, 1, 0, 7])}
    panel = Panel("matrix", "as", (Series("n"),), by="class")
    (axes,) = drawn_figure(figure(panel, columns=columns)).axes
    found = {text.get_position(): text.get_text() for text in axes.texts}
    assert found == {(0, 0): "5", (1, 0): "1", (1, 1): "7"}


@pytest.mark.parametrize("value", [0.0, 3.0, np.nan])
@pytest.mark.parametrize("scale", ["linear", "log", "symlog"])
def test_values_that_are_all_alike_or_unknown_are_drawn_all_the_same(value, scale):
    columns = {"x": np.full(3, value), "y": np.full(3, value)}
    panels = (Panel("histogram", "x", x_scale=scale), Panel("lines", "x", (Series("y"),), y_scale=scale))
    drawing = drawn_figure(figure(*panels, columns=columns))
    drawing.draw_without_rendering()
    bars = drawing.axes[0].patches[0].get_data().values
    assert bars.sum() == (0 if np.isnan(value) else 3)
    drawn = np.isfinite(value) and (value > 0 or scale != "log")
    assert bool(drawing.axes[1].containers) == drawn


@pytest.mark.parametrize(
    ("made", "told"),
    [
        (Figure("a", "", "", COLUMNS, ()), "'a' has no panel"),
        (Figure("a", "", "", {"x": np.zeros(2), "y": np.zeros(3)}, (Panel("lines", "x"),)), "several lengths"),
        (Figure("a", "", "", COLUMNS, (Panel("lines", "x", (Series("why"),)),)), "'why', which is no column"),
        (Figure("../a", "", "", COLUMNS, (Panel("lines", "x"),)), "letters, digits, dots and dashes"),
        (Figure(".a", "", "", COLUMNS, (Panel("lines", "x"),)), "letters, digits, dots and dashes"),
        (Figure("a", "", "", COLUMNS, (Panel("pie", "x"),)), "there is no kind 'pie'"),
    ],
)
def test_a_figure_that_cannot_be_drawn_says_why(made, told):
    with pytest.raises(ValueError, match=told):
        made.examine()

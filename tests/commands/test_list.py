"""``jhrun list``: every choice, in a page that can be read."""

from jhrun.cli import main
from jhrun.commands.list import WIDTH
from jhrun.config.groups import choices, groups
from jhrun.linalg import Tracked


def words(text):
    return " ".join(text.split())


def test_all_groups_with_all_choices_within_the_width(capsys):
    assert main(["list"]) == 0
    said = capsys.readouterr().out
    assert max(map(len, said.splitlines())) <= WIDTH
    pages = {page.split(maxsplit=1)[0]: page for page in said.split("\n\n")}
    assert set(pages) == {*groups("train"), *groups("eval"), *groups("bench")}
    for group, page in pages.items():
        first = [line.split()[0] for line in page.splitlines()[2:] if not line.startswith((" ", "cost: "))]
        assert first == list(choices(group))


def test_a_method_stands_with_source_cost_and_state(capsys):
    assert main(["list", "solver"]) == 0
    said = capsys.readouterr().out
    (row,) = [line for line in said.splitlines() if line.startswith("tracked ")]
    low, high = Tracked.evidence.cost
    assert row.split("  ")[-1] == Tracked.evidence.state
    assert f"{low:.1f} – {high:.1f}" in row
    assert Tracked.evidence.source in row
    assert Tracked.evidence.network in said


def test_each_class_of_a_choice_is_named(capsys):
    assert main(["list", "regularizer"]) == 0
    said = capsys.readouterr().out
    page = words(said[said.index("\ncombined ") : said.index("\nhessian ")])
    assert page.index("Jacobian: ") < page.index("Hessian: ")


def test_a_group_that_holds_no_methods_has_two_columns(capsys):
    assert main(["list", "logger"]) == 0
    said = words(capsys.readouterr().out)
    assert all(words(text) in said for text in choices("logger").values())
    assert "source" not in said

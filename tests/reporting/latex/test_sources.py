"""Every method that rests on a publication carries its entry, in its own file."""

import importlib
import inspect

import pytest

from jhrun.config.groups import METHODS, choices, contents
from jhrun.config.methods import CONF, evidence
from jhrun.models.blocks import StandardisedConv2d
from jhrun.records.evidence import called, cited
from jhrun.reporting.latex import known
from jhrun.reporting.latex.entry import parsed
from jhrun.reporting.latex.references import References
from jhrun.terms.spectral import Spectral

OWN = ("of our own", "of the textbooks", "a baseline of our own")


def named(path):
    module, _, attribute = path.rpartition(".")
    return getattr(importlib.import_module(module), attribute)


def methods():
    """Each class of a method by its path, and its source."""
    found = {}
    for group in METHODS:
        for choice in choices(group):
            found |= {path: record.source for path, record in evidence(group, choice)[0].items()}
    return found


def others():
    """Networks and data sets, which have no evidence."""
    for group in ("model", "dataset"):
        for choice in choices(group):
            node = contents(CONF / group / f"{choice}.yaml")
            yield node.get("dataset", node)["_target_"]


EVERYTHING = [*map(named, methods()), *map(named, others()), Spectral, StandardisedConv2d]


@pytest.mark.parametrize(("path", "source"), methods().items())
def test_a_method_of_others_has_an_entry(path, source):
    assert cited(named(path)).bibtex or source.startswith(OWN)


@pytest.mark.parametrize("method", EVERYTHING, ids=lambda method: method.__qualname__)
def test_who_names_a_source_has_its_entry_and_all_are_well_formed(method):
    text = cited(method).bibtex
    assert text or "Source:" not in inspect.getdoc(method)
    references = References()
    keys = references.cite("it", text).removeprefix(r"~\cite{").removesuffix("}")
    assert not references.omitted
    assert len(keys.split(",")) == max(1, text.count("@"))


def test_a_key_is_of_one_entry():
    texts = {cited(method).bibtex for method in EVERYTHING} | {
        text for name, text in vars(known).items() if name.isupper()
    }
    references = References()
    for text in texts:
        references.cite("it", text)
    assert not references.omitted
    assert len({str(entry) for entry in references.entries.values()}) == len(references.entries)
    assert [entry.key for entry in references.entries.values() if entry.key[-2:-1] == "-"] == []
    assert all(parsed(str(entry)) == entry for entry in references.entries.values())


def test_a_method_is_called_by_its_title_or_else_its_name():
    class Plain:
        title, bibtex = None, 5

    @called("a function", "@misc{…}")
    def function():
        pass

    assert (cited(Plain()).title.rpartition(".")[2], cited(Plain).bibtex) == ("Plain", "")
    assert (cited(function).title, cited(function).bibtex) == ("a function", "@misc{…}")

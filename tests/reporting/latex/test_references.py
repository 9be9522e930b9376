"""Entries come from anybody: what is not well formed, or could do something, is left out."""

import pytest

from jhrun.reporting.latex.entry import NotWellFormedError, parsed
from jhrun.reporting.latex.references import References

GOOD = "@article{key, author = {A. Body}, title = {A title}, year = 1999}"


def test_what_a_publisher_gives_is_taken():
    entry = parsed(
        """@InProceedings{a:b-1,
          Author = "Müller, Jörg and {\\'E}t{\\'e} {van der} Łoś",
          title = {{ResNet} at 5\\% & $\\ell_2$ of a_b #1},
          year = 2001, month = jan, url = {https://x.org/a_b?c=1&d}, abstract = {\\input{x}},
          note = {See \\url{https://x.org/a_b}}
        }"""
    )
    fields = dict(entry.fields)
    assert (entry.kind, entry.key) == ("inproceedings", "a:b-1")
    assert fields["author"] == r"""M{\"u}ller, J{\"o}rg and {\'E}t{\'e} {van der} {\L}o{\'s}"""
    assert fields["title"] == r"{ResNet} at 5\% \& $\ell_2$ of a\_b \#1"
    assert fields["url"] == "https://x.org/a_b?c=1&d"
    assert fields["note"] == r"See https://x.org/a\_b"
    assert "abstract" not in fields
    assert parsed(str(entry)).fields == entry.fields


@pytest.mark.parametrize(
    "title",
    [
        r"\input{/etc/passwd}",
        r"\write18{ls}",
        r"\immediate\openout1=x",
        r"\catcode`\%=12",
        r"\def\a{b}",
        r"\csname input\endcsname",
        "^^5cinput{x}",
        "$^^5cinput{x}$",
        r"\\",
        r"\(",
        "{a}}{b",
        "{a",
        "a } b",
        "$x",
        "a^2",
        "漢",
        "a\x00b",
        "\\",
    ],
)
def test_what_could_do_something_is_refused(title):
    with pytest.raises(NotWellFormedError):
        parsed(GOOD.replace("A title", title))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a text",
        "@article{key}",
        "@string{a = {b}}",
        '@preamble{"\\input x"}',
        "@article{k y, author={A}, title={B}, year=1}",
        "@article{key, author={A}, title={B}}",
        "@article{key, title={B}, year=1}",
        "@article{key, author={A}, title={B}, year=1",
        "@article{key, author={A} # {C}, title={B}, year=1}",
        "@article{key, author={A}, title={B}, year=1} @input{x}",
        "@article{key, author={A}, title={B}, year=1, doi={a}\\input{b}}",
        "@article{key, author={A}, title={B}, year=1, doi={a\\input}}",
        "@article{key, author={A}, title={" + "B" * 5000 + "}, year=1}",
    ],
)
def test_what_is_no_entry_is_left_out_with_a_comment(text):
    references = References()
    assert references.cite("it @\n\\input{x}", text) == ""
    assert len(references.omitted) == (1 if text else 0)
    assert all(line.startswith("%") or not line for line in str(references).splitlines())
    assert "@" not in str(references)


def test_one_key_for_two_entries_becomes_two_keys():
    references = References()
    assert references.cite("a", GOOD) == r"~\cite{key}"
    assert references.cite("b", GOOD.replace("A title", "Another").replace("{key", "{Key")) == r"~\cite{Key-2}"
    assert references.cite("c", GOOD.replace("@article", "@ARTICLE")) == r"~\cite{key}"
    assert references.cite("d", f"{GOOD}\n{GOOD.replace('{key', '{other')}") == r"~\cite{key,other}"
    assert str(references).count("@") == 3

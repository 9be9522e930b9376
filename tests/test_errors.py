"""Errors: one line each, and an exit code that tells the kinds apart."""

import subprocess
from pathlib import Path

import pytest

from jhrun import errors
from jhrun.errors import (
    ConfigError,
    DataError,
    JhrunError,
    NumericalError,
    ResourceError,
    RunError,
    UnsafeError,
    VerdictError,
    pasteable,
)

CODES = {
    JhrunError: 1,
    ConfigError: 2,
    DataError: 3,
    RunError: 4,
    NumericalError: 5,
    ResourceError: 6,
    UnsafeError: 7,
    VerdictError: 8,
}


@pytest.mark.parametrize(("kind", "code"), CODES.items())
def test_every_kind_has_its_exit_code(kind, code):
    error = kind("what", "where", "remedy")
    assert error.exit_code == code
    assert isinstance(error, JhrunError)
    assert not isinstance(error, ValueError | OSError)


def test_no_kind_is_forgotten_and_no_code_is_used_twice():
    kinds = [k for k in vars(errors).values() if isinstance(k, type) and issubclass(k, JhrunError)]
    assert set(kinds) == set(CODES)
    assert len({k.exit_code for k in kinds} | {0, errors.INTERRUPTED}) == len(kinds) + 2
    assert (errors.BUG, errors.INTERRUPTED) == (1, 130)


def test_the_documented_table_is_the_real_one():
    rows = dict(line.split(maxsplit=1) for line in errors.__doc__.splitlines() if line[:1].isdigit())
    assert set(rows) == {"0", "9", "75", "130", *(str(code) for code in CODES.values())}


@pytest.mark.parametrize(
    ("parts", "line"),
    [
        (("a", "b", "c"), "a, b, c"),
        (("a\nb", "c\t d", " e "), "a b, c d, e"),
        (("a", "", "c"), "a, c"),
        (("a", "\n", ""), "a"),
        ((ValueError("x\ny"), 3, None), "x y, 3, None"),
    ],
)
def test_an_error_is_one_line(parts, line):
    assert str(ConfigError(*parts)) == line


def test_hints_begin_as_the_program_was_called(monkeypatch):
    hint = "type jhrun train resume=RUN, or jhrun eval run=RUN; jhrun writes no pickle"
    monkeypatch.delenv("JHRUN_CALLED_AS", raising=False)
    assert pasteable(hint) == hint
    monkeypatch.setenv("JHRUN_CALLED_AS", "scripts/run")
    assert pasteable("jhrun bench --help, and jhrun trains") == "scripts/run bench --help, and jhrun trains"
    assert pasteable("jhrun eval run=RUN", run="/it's here") == """scripts/run eval 'run=/it'"'"'s here'"""


def test_scripts_run_says_how_it_was_called(tmp_path):
    link = tmp_path / "a run"
    link.symlink_to(Path(__file__).parents[1] / "scripts/run")
    done = subprocess.run([link, "train", "lr=1"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    called = str(link).replace(" ", "\\ ")
    assert f"there is no key 'lr', {called} train, did you mean 'optimizer.lr'?" in done.stderr

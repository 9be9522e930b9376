"""Any file of a run, changed in any way: a right answer or a refusal, never a traceback, never a wrong number."""

import contextlib
import io
import json
import os
import re
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from jhrun.cli import main
from jhrun.commands import eval as evaluation
from jhrun.commands import report
from jhrun.config.compose import composed
from jhrun.errors import JhrunError
from jhrun.jsonio import CHECKSUM, as_json, as_line, read_json

TRAIN = ["model=mlp", "model.widths=[4]", "train.examples=64", "train.epochs=2", "attack=fgsm", "subset=10"]
# figures of absurd numbers overflow, which numpy and matplotlib warn of
pytestmark = pytest.mark.filterwarnings("ignore")

HOW = {"deadline": None, "derandomize": True, "suppress_health_check": list(HealthCheck), "database": None}
"""The same changes every time: 500 in all, of which a tenth are tried where nothing else is said."""

SHARE = 1 if os.environ.get("JHRUN_EXHAUSTIVE") else 10

OTHER = "eval/other/results.json"

CONFIG = composed("eval", ["run=run", "attack=fgsm", "subset=10", "name=again", "epsilon=0.1"])


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run with everything that a run may hold, reported and evaluated."""
    folder = tmp_path_factory.mktemp("trained")
    with contextlib.chdir(folder):
        assert main(["train", *TRAIN, "watch.part=validation", "watch.examples=10", "hydra.run.dir=run"]) == 0
        assert main(["eval", "run=run", "attack=fgsm", "subset=10", "name=other"]) == 0
    return folder / "run"


def of_report(record):
    """What a report says, without when and where."""
    return {key: value for key, value in record.items() if key not in {"run", "status", "environment"}}


def of_evaluation(record):
    """The figures of an evaluation."""
    return record["clean"], {name: attack["robust"] for name, attack in record["attacks"].items()}


BYTES = st.one_of(
    st.tuples(st.just("flip"), st.floats(0, 1, exclude_max=True), st.integers(0, 7)),
    st.tuples(st.just("digit"), st.floats(0, 1, exclude_max=True), st.integers(1, 9)),
    st.tuples(st.just("cut"), st.floats(0, 1, exclude_max=True), st.just(0)),
    st.tuples(st.just("insert"), st.floats(0, 1), st.binary(min_size=1, max_size=20)),
    st.tuples(st.just("replace"), st.just(0.0), st.binary(max_size=100)),
    st.tuples(st.just("remove"), st.just(0.0), st.just(0)),
    st.tuples(st.just("double"), st.just(0.0), st.just(0)),
    st.tuples(st.just("exchange"), st.floats(0, 1, exclude_max=True), st.just(0)),
)
READ = {".json", ".jsonl", ".yaml", ".npz", ".safetensors"}
VALUES = st.sampled_from(
    [None, True, -1, 2, 2**70, 1e308, "x", "../../..", "\x1b[2J<script>", [], {}, [[]], {"a": 1}, "${oc.env:HOME}"]
)


def changed(path, others, how, place, what):
    """Change a file's bytes."""
    content = path.read_bytes()
    at = int(place * len(content))
    if how == "remove":
        path.unlink()
    elif how == "exchange":
        path.write_bytes(others[int(place * len(others))].read_bytes())
    elif how == "flip" and content:
        path.write_bytes(content[:at] + bytes([content[at] ^ 1 << what]) + content[at + 1 :])
    elif how == "digit":
        # the next one: the file's form stays
        later = re.sub(rb"\d", lambda digit: b"%d" % ((int(digit[0]) + what) % 10), content[at:], count=1)
        path.write_bytes(content[:at] + later)
    else:
        made = {"cut": content[:at], "double": content * 2, "replace": what}
        path.write_bytes(made[how] if how in made else content[:at] + (what or b"") + content[at:])


def forged(path, place, value):
    """Put another value somewhere into a record, with a right checksum."""
    lines = path.read_text().splitlines() if path.suffix == ".jsonl" else [path.read_text()]
    chosen = int(place * len(lines))
    record = json.loads(lines[chosen])
    del record[CHECKSUM]
    places = []

    def walk(node):
        for key, inner in node.items() if isinstance(node, dict) else enumerate(node):
            places.append((node, key))
            if isinstance(inner, dict | list):
                walk(inner)

    walk(record)
    node, key = places[int(place * 7919 * len(places)) % len(places)]
    node[key] = value
    text = as_line(record) if path.suffix == ".jsonl" else as_json(record)
    path.write_text("".join([*(line + "\n" for line in lines[:chosen]), text, *lines[chosen + 1 :]]))


def files(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file())


def chosen(there, which):
    """A file: nine times in ten one that is read again."""
    read = [path for path in there if path.suffix in READ and path.name != "report.json"]
    among = read if which < 0.9 else sorted({*there} - {*read})
    return among[int(which * 7919 * len(among)) % len(among)]


def answered(call):
    """Whether there was an answer; a refusal is one of two kinds, and anything else a failure."""
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said):
            call()
    except JhrunError as refusal:
        assert refusal.exit_code in {4, 7}, refusal
        assert "\x1b" not in str(refusal)
        return False
    assert "\x1b" not in said.getvalue()
    return True


def reported():
    report.run(["run"])


def evaluated():
    evaluation.run(CONFIG, ["attack=fgsm"], Path())


def records(there, which):
    """One of the files that hold records with a checksum."""
    among = [path for path in there if path.suffix in {".json", ".jsonl"} and path.name != "report.json"]
    return among[int(which * len(among))]


@pytest.fixture
def copied(trained):
    """Makes a fresh copy; gives its files."""

    def copy():
        shutil.rmtree("run", ignore_errors=True)
        shutil.copytree(trained, "run")
        return files(Path("run"))

    return copy


def right(found, expected):
    """Whether what is told is true; what is gone, or came last in a file that was cut, may be left out."""
    if found in (None, [], {}) or found == expected:
        return True
    if isinstance(found, dict) and isinstance(expected, dict):
        return all(key in expected and right(found[key], expected[key]) for key in found)
    if isinstance(found, list) and isinstance(expected, list):
        return len(found) < len(expected) and found == expected[: len(found)]
    return False


@settings(max_examples=90 // SHARE, **HOW)
@given(which=st.floats(0, 1, exclude_max=True), change=BYTES)
def test_whatever_became_of_a_file_no_accuracy_is_wrong(copied, trained, which, change):
    there = copied()
    changed(chosen(there, which), there, *change)
    if answered(evaluated):
        found, expected = (read_json(p) for p in (Path("run/eval/again/results.json"), trained / OTHER))
        assert of_evaluation(found) == of_evaluation(expected)


@settings(max_examples=250 // SHARE, **HOW)
@example(which=0.0, change=("remove", 0.0, 0))
@given(which=st.floats(0, 1, exclude_max=True), change=BYTES)
def test_whatever_became_of_a_file_no_number_of_a_report_is_wrong(copied, trained, which, change):
    there = copied()
    path = chosen(there, which)
    changed(path, there, *change)
    if not answered(reported):
        return
    found, expected = (read_json(folder / "report.json") for folder in (Path("run"), trained))
    if found["evaluation"] == expected["evaluation"]:
        assert right(of_report(found), of_report(expected)), path
    else:
        # its newest evaluation is gone: an older one is told of, and rightly
        assert right(found["evaluations"], expected["evaluations"]), path
        assert right(found["epochs"], expected["epochs"]), path


@settings(max_examples=80 // SHARE, **HOW)
@given(which=st.floats(0, 1, exclude_max=True), place=st.floats(0, 1, exclude_max=True), value=VALUES)
def test_whatever_a_forged_record_says_an_evaluation_ends_in_order(copied, which, place, value):
    forged(records(copied(), which), place, value)
    answered(evaluated)


@settings(max_examples=80 // SHARE, **HOW)
@given(which=st.floats(0, 1, exclude_max=True), place=st.floats(0, 1, exclude_max=True), value=VALUES)
def test_whatever_a_forged_record_says_a_report_ends_in_order(copied, which, place, value):
    forged(records(copied(), which), place, value)
    answered(reported)

"""Stored configurations: plain values, read without resolving anything."""

import pytest

from jhrun.config import stored
from jhrun.config.compose import composed
from jhrun.errors import RunError, UnsafeError


def test_what_is_written_is_read_again(tmp_path):
    values = stored.plain(composed("train", ["experiment=digits_stages", "dataset=mnist", "dataset.root=here"]))
    path = tmp_path / "config.yaml"
    stored.write(path, values)
    assert stored.read(path) == values
    assert values["regularizer"]["weight"] == {0: 0.05, 20: 0.1, 28: 0.2, 36: 0.3}
    assert values["dataset"]["root"].startswith("/")


def test_an_interpolation_is_refused_and_not_resolved(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("SECRET", "hunter2")
    path = tmp_path / "config.yaml"
    path.write_text("model:\n  name: ${oc.env:SECRET}\n")
    with pytest.raises(UnsafeError, match=r"model\.name") as refusal:
        stored.read(path)
    assert "hunter2" not in str(refusal.value)


@pytest.mark.parametrize("text", ["- a\n", "{", "a: !!python/object/apply:os.getcwd []\n", "\xff"])
def test_a_damaged_file_is_a_run_error(tmp_path, text):
    path = tmp_path / "config.yaml"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(RunError, match=r"cannot be read|holds no mapping"):
        stored.read(path)


def test_values_out_of_range_and_missing_keys_are_run_errors_though_the_checksum_is_right(tmp_path):
    path = tmp_path / "config.yaml"
    values = stored.plain(composed("train", ["experiment=digits_stages"]))
    stored.write(path, values | {"train": values["train"] | {"epochs": 0}})
    with pytest.raises(RunError, match=r"train\.epochs"):
        stored.read(path)
    del values["tf32"], values["log"]["steps"], values["solver"]
    stored.write(path, values)
    with pytest.raises(RunError, match=r"lacks log\.steps, tf32, solver\._target_, .*damaged"):
        stored.read(path)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            lambda text: text.replace("epochs: 40", "epochs: 41"),
            "checksum is [0-9a-f]+ instead of [0-9a-f]+,",
        ),
        (lambda text: text + "more: 1\n", "checksum is"),
        (lambda text: "".join(text.splitlines(keepends=True)[:-1]), "checksum is missing,"),
    ],
    ids=["changed", "appended", "without"],
)
def test_a_file_that_was_changed_is_a_run_error(tmp_path, change, told):
    path = tmp_path / "config.yaml"
    stored.write(path, stored.plain(composed("train", ["experiment=digits_stages"])))
    path.write_text(change(path.read_text()))
    with pytest.raises(RunError, match=told):
        stored.read(path)


def test_differences_are_those_of_named_keys():
    before = {"seed": 0, "model": {"width": 8}, "train": {"epochs": 3}}
    after = {"seed": 1, "model": {"width": 16}, "train": {"epochs": 3}}
    assert stored.differences(before, after, ["model"]) == ["model.width: 8 → 16"]
    assert stored.differences(before, after, ["train", "seed"]) == ["seed: 0 → 1"]

"""A run's folder: its layout, and files that are whole whatever happens."""

import hashlib
import json
import os
import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save

from jhrun.errors import RunError, UnsafeError
from jhrun.files import aside, none_left_empty, sha256, sync_folder, usual_mode, write_aside
from jhrun.folder import RunFolder
from jhrun.jsonio import as_line, read_json, read_lines, write_json


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize(
    ("content", "stored"), [("grün\n", "grün\n".encode()), (b"\x00\xff", b"\x00\xff"), ("", b"")]
)
def test_write_aside_replaces_a_file(tmp_path, content, stored):
    path = tmp_path / "status.json"
    for _ in range(2):
        write_aside(path, content)
        assert path.read_bytes() == stored
        assert names(tmp_path) == ["status.json"]


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path, files_of_at_most):
    path = tmp_path / "status.json"
    path.write_text("old")
    with files_of_at_most(1000), pytest.raises(OSError, match="File too large"):
        write_aside(path, b"x" * 100_000)
    assert path.read_text() == "old"
    assert names(tmp_path) == ["status.json"]


def test_a_rename_that_fails_leaves_nothing_beside(tmp_path):
    path = tmp_path / "status.json"
    path.mkdir()
    with pytest.raises(OSError, match=r"status\.json"):
        write_aside(path, "new")
    assert names(tmp_path) == ["status.json"]
    with pytest.raises(OSError, match="missing"):
        write_aside(tmp_path / "missing" / "status.json", "new")


def test_two_writers_at_once_do_not_meet(tmp_path):
    path = tmp_path / "cache"
    with aside(path) as one, aside(path) as other:
        one.write_text("one")
        other.write_text("other")
    assert path.read_text() == "one"  # the one that was renamed last
    assert names(tmp_path) == ["cache"]


class Crash(BaseException):
    pass


@pytest.mark.parametrize("call", ["fsync", "replace"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_an_end_at_any_moment_leaves_the_old_or_the_new_one(tmp_path, monkeypatch, call, when):
    path, real = tmp_path / "status.json", getattr(os, call)
    path.write_text("old")

    def ending(*args, **kwargs):
        if when == "after":
            real(*args, **kwargs)
        raise Crash

    monkeypatch.setattr(os, call, ending)
    with pytest.raises(Crash):
        write_aside(path, "new")
    assert path.read_text() == ("new" if (call, when) == ("replace", "after") else "old")
    assert names(tmp_path) == ["status.json"]


def test_contents_are_synced_before_and_the_folder_after_the_rename(tmp_path, monkeypatch):
    events = []
    for call in ("fsync", "replace"):
        real = getattr(os, call)

        def noted(*args, call=call, real=real):
            is_folder = call == "fsync" and Path(f"/proc/self/fd/{args[0]}").is_dir()
            events.append(call + " folder" * is_folder)
            return real(*args)

        monkeypatch.setattr(os, call, noted)
    write_aside(tmp_path / "status.json", "new")
    assert events == ["fsync", "replace", "fsync folder"]


def test_sync_folder_closes_what_it_opens(tmp_path):
    def handles():
        return len(list(Path("/proc/self/fd").iterdir()))

    before = handles()
    sync_folder(tmp_path)
    with pytest.raises(OSError, match="missing"):
        sync_folder(tmp_path / "missing")
    assert handles() == before


def test_json_comes_back(tmp_path):
    record = {"a": 0.1 + 0.2, "b": [1, None, True], "c": "grün", "d": {"e": 1e300}}
    path = tmp_path / "r.json"
    write_json(path, record)
    assert read_json(path) == record
    assert "grün" in path.read_text(encoding="utf-8")
    assert path.read_text().endswith("}\n")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), object()])
def test_what_is_no_json_is_refused_before_anything_is_written(tmp_path, value):
    path = tmp_path / "r.json"
    write_json(path, {"old": 1})
    with pytest.raises((ValueError, TypeError)):
        write_json(path, {"new": value})
    assert read_json(path) == {"old": 1}
    assert names(tmp_path) == ["r.json"]


@pytest.mark.parametrize("content", [None, b"", b"{", b"\xff", b"[]", b"3", b'"text"', b"null"])
def test_what_cannot_be_read_is_named(tmp_path, content):
    path = tmp_path / "r.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(RunError) as caught:
        read_json(path)
    assert caught.value.exit_code == 4
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def changed(text):
    """The same with another value; without a checksum; with that of another record."""
    return [text.replace("0.5", "0.25"), '{"loss": 0.5}\n', as_line({"loss": 0.5}).replace("loss", "lost")]


@pytest.mark.parametrize("number", range(3))
def test_a_record_that_was_changed_is_refused_and_another_layout_is_not(tmp_path, number):
    path = tmp_path / "r.json"
    write_json(path, {"loss": 0.5, "lr": 1})
    whole = json.loads(path.read_text())
    path.write_text(json.dumps(dict(reversed(whole.items())), indent=7))
    assert read_json(path) == {"loss": 0.5, "lr": 1}
    path.write_text(changed(json.dumps(whole))[number])
    with pytest.raises(RunError, match="checksum") as caught:
        read_json(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("number", range(3))
def test_a_line_that_was_changed_is_refused_whichever_it_is(tmp_path, number):
    path = tmp_path / "r.jsonl"
    lines = [as_line({"epoch": i, "loss": loss}) for i, loss in enumerate((1, 0.5, 2))]
    path.write_text("".join(lines))
    assert [line["loss"] for line in read_lines(path)] == [1, 0.5, 2]
    path.write_text(lines[0] + changed(lines[1])[number] + lines[2])
    with pytest.raises(RunError, match="checksum") as caught:
        list(read_lines(path))
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("order", [("epoch",), ("epoch", "penalty")])
def test_lines_out_of_order_are_refused(tmp_path, order):
    path = tmp_path / "r.jsonl"
    places = [(1, 0), (1, 1), (2, 0)] if len(order) == 2 else [(1, 5), (2, 4), (4, 3)]
    lines = [as_line({"epoch": epoch, "penalty": penalty}) for epoch, penalty in places]
    path.write_text("".join(lines))
    assert len(list(read_lines(path, order))) == 3
    for wrong in (lines * 2, [*lines, lines[-1]], [lines[0], lines[2], lines[1]], [as_line({"loss": 1})]):
        path.write_text("".join(wrong))
        with pytest.raises(RunError) as caught:
            list(read_lines(path, order))
        assert str(path) in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"abc", os.urandom(1 << 20)], ids=len)
def test_sha256_is_that_of_the_bytes(tmp_path, content):
    path = tmp_path / "file"
    path.write_bytes(content)
    assert sha256(path) == hashlib.sha256(content).hexdigest()


def test_the_layout():
    run = RunFolder(Path("run"))
    layout = {
        run.config: "run/config.yaml",
        run.overrides: "run/overrides.yaml",
        run.status: "run/status.json",
        run.environment: "run/environment.json",
        run.metrics: "run/metrics.jsonl",
        run.log: "run/run.log",
        run.checkpoint("best"): "run/checkpoints/best",
        run.evaluation("pgd"): "run/eval/pgd",
    }
    assert {str(path): str(path) for path in layout} == {place: place for place in layout.values()}


def test_an_existing_run_is_known_by_its_config(tmp_path):
    (tmp_path / "config.yaml").write_text("")
    assert RunFolder.existing(tmp_path) == RunFolder.existing(str(tmp_path)) == RunFolder(tmp_path)


def test_a_run_may_be_named_from_here_or_from_home(tmp_path, monkeypatch):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.yaml").write_text("")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("run", "./run", "~/run"):
        assert RunFolder.existing(name).path == tmp_path / "run"


@pytest.mark.parametrize(("made", "message"), [(False, "does not exist"), (True, "no config.yaml")])
def test_a_folder_without_a_run_is_refused(tmp_path, made, message):
    path = tmp_path / "run"
    if made:
        path.mkdir()
        (path / "config.yaml").mkdir()
    with pytest.raises(RunError, match=message) as caught:
        RunFolder.existing(path)
    assert caught.value.exit_code == 4
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("protocol", range(2, 6))
def test_a_pickle_is_refused_and_what_begins_as_one_is_not(tmp_path, protocol):
    (tmp_path / "config.yaml").touch()
    path = tmp_path / "state.safetensors"
    # whose first eight bytes are the length of its header
    files = (save({"w" * n: torch.zeros(1)}) for n in range(2000))
    path.write_bytes(next(data for data in files if data[:2] == bytes([0x80, protocol])))
    assert RunFolder.existing(tmp_path).path == tmp_path
    for write in (torch.save, lambda it, path: path.write_bytes(pickle.dumps(it, protocol))):
        for it in ({"w": 1}, [], 1, "text", None):
            write(it, path)
            with pytest.raises(UnsafeError, match="pickle") as caught:
                RunFolder.existing(tmp_path)
            assert str(path) in str(caught.value)


def test_evaluations_are_the_finished_ones_by_their_date_whatever_a_copy_did_to_the_files(tmp_path):
    run = RunFolder(tmp_path)
    assert run.evaluations() == []
    for age, name in enumerate(["c", "a", "b"]):
        folder = run.evaluation(name)
        folder.mkdir(parents=True)
        write_json(folder / "results.json", {"date": f"2026-01-01T00:00:0{9 - age}.000+00:00"})
        os.utime(folder / "results.json", (1000 + age, 1000 + age))
    (run.evaluation("unfinished")).mkdir()
    assert [path.name for path in run.evaluations()] == ["b", "a", "c"]


@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002])
def test_a_file_that_a_library_writes_may_be_read_as_the_umask_says(tmp_path, umask):
    before = os.umask(umask)
    try:
        path = tmp_path / "weights"
        with usual_mode(path):
            # as safetensors does
            (tmp_path / "other").touch(0o600)
            (tmp_path / "other").replace(path)
        assert path.stat().st_mode & 0o777 == 0o666 & ~umask
    finally:
        os.umask(before)


def test_only_empty_folders_that_were_made_within_are_removed(tmp_path):
    (tmp_path / "old").mkdir()
    for kept in ((), ("old/a/file",)):
        with none_left_empty(tmp_path / "old/a/b"):
            (tmp_path / "old/a/b").mkdir(parents=True)
            for name in kept:
                (tmp_path / name).touch()
        assert [str(p.relative_to(tmp_path / "old")) for p in (tmp_path / "old").rglob("*")] == (
            ["a", "a/file"] if kept else []
        )

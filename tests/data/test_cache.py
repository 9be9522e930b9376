"""Tensors kept on disk: read back as they were, and never trusted when something is wrong with the file."""

import os
import shutil
import threading
import warnings
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest
import torch
from safetensors.torch import load_file, save_file

from jhrun.data.cache import kept

TENSORS = {"pixels": torch.arange(24, dtype=torch.uint8).view(2, 3, 2, 2), "labels": torch.tensor([1, 0])}


def made():
    return {name: tensor.clone() for name, tensor in TENSORS.items()}


def never():
    raise AssertionError("what is kept was made again")


def same(found):
    return found.keys() == TENSORS.keys() and all(torch.equal(found[name], TENSORS[name]) for name in TENSORS)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_what_was_made_is_read_from_then_on(tmp_path):
    path = tmp_path / "not there" / "yet" / "some.safetensors"
    assert same(kept(path, made))
    found = kept(path, never)
    assert same(found)
    assert [found[name].dtype for name in TENSORS] == [torch.uint8, torch.int64]
    assert names(path.parent) == ["some.safetensors"]


def flipped(path, at):
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def without_hash(path):
    save_file(load_file(path), path)


def other_tensors(path):
    """A whole file with a hash, but of another name."""
    kept(path.with_name("other"), lambda: {"pixels": torch.zeros(1)})
    path.with_name("other").replace(path)


DAMAGE = {
    "a bit of the last tensor": lambda path: flipped(path, -1),
    "a bit of the header": lambda path: flipped(path, 20),
    "a bit of the header's length": lambda path: flipped(path, 0),
    "cut off": lambda path: path.write_bytes(path.read_bytes()[:-1]),
    "empty": lambda path: path.write_bytes(b""),
    "longer": lambda path: path.write_bytes(path.read_bytes() + b"x"),
    "text": lambda path: path.write_text("hello " * 100),
    "no hash": without_hash,
    "another name": other_tensors,
    "a shape": lambda path: path.write_bytes(path.read_bytes().replace(b"[2,3,2,2]", b"[3,2,2,2]")),
    "a type": lambda path: path.write_bytes(path.read_bytes().replace(b'"U8"', b'"I8"')),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_file_is_replaced_with_one_warning(tmp_path, damage):
    path = tmp_path / "some"
    kept(path, made)
    DAMAGE[damage](path)
    with pytest.warns(UserWarning, match="damaged or foreign") as said:
        assert same(kept(path, made))
    assert len(said) == 1
    assert str(path) in str(said[0].message)
    assert "\n" not in str(said[0].message)
    assert same(kept(path, never))
    assert names(tmp_path) == ["some"]


def test_a_full_disk_is_one_warning_and_leaves_nothing(tmp_path, files_of_at_most):
    with files_of_at_most(100), pytest.warns(UserWarning, match="cannot be written") as said:
        assert same(kept(tmp_path / "some", made))
    assert len(said) == 1
    assert names(tmp_path) == []


def file_in_the_way(folder):
    folder.write_text("a file")


def folder_that_refuses(folder):
    folder.mkdir()
    folder.chmod(0o500)


def link_to_nowhere(folder):
    folder.symlink_to("/proc/nowhere")


@pytest.mark.parametrize(
    "prepare",
    [
        file_in_the_way,
        pytest.param(
            folder_that_refuses, marks=pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
        ),
        link_to_nowhere,
    ],
)
def test_a_folder_that_cannot_be_written_costs_a_warning(tmp_path, prepare):
    prepare(tmp_path / "cache")
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        assert same(kept(tmp_path / "cache" / "some", made))
    assert "cannot be written" in str(said[-1].message)


def test_a_folder_in_the_files_place_is_left_alone(tmp_path):
    (tmp_path / "some").mkdir()
    with pytest.warns(UserWarning) as said:
        assert same(kept(tmp_path / "some", made))
    assert ["damaged" in str(w.message) for w in said] == [True, False]
    assert names(tmp_path) == ["some"]


def test_a_failure_to_make_them_is_not_hidden_and_leaves_nothing(tmp_path):
    def fail():
        raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        kept(tmp_path / "some", fail)
    assert names(tmp_path) == []


def test_what_was_read_outlives_its_file(tmp_path):
    kept(tmp_path / "some", made)
    found = kept(tmp_path / "some", never)
    shutil.rmtree(tmp_path)
    assert same(found)


def large(path):
    return kept(path, lambda: {"x": torch.arange(500_000)})["x"].sum().item()


def test_many_at_once_all_get_the_same(tmp_path):
    path = tmp_path / "some"
    with ProcessPoolExecutor(4, mp_context=get_context("spawn")) as pool:
        assert set(pool.map(large, [path] * 8)) == {sum(range(500_000))}
    assert names(tmp_path) == ["some"]


def test_readers_never_see_half_a_file(tmp_path):
    path = tmp_path / "some"
    kept(path, made)
    stop = threading.Event()

    def write():
        while not stop.is_set():
            path.unlink(missing_ok=True)
            kept(path, made)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        # a warning would be an error here
        assert all(same(kept(path, made)) for _ in range(200))
    finally:
        stop.set()
        writer.join()

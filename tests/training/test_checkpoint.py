"""Checkpoints: what was saved comes back, damage is told, and a crash at any moment leaves a whole one."""

import contextlib
import os
import pickle
import shutil
from pathlib import Path

import pytest
import torch
from torch import nn

from jhrun.errors import RunError
from jhrun.files import sha256
from jhrun.jsonio import read_json, write_json
from jhrun.training import Checkpoint

FILES = ["state.json", "state.safetensors", "weights.safetensors"]
TENSOR_FILES = FILES[1:]


def numbered(n):
    """A checkpoint all of whose values are n."""
    return Checkpoint({"w": torch.full((300,), float(n))}, {"sums": torch.full((5,), n).double()}, {"epoch": n})


def value(checkpoint):
    values = {*checkpoint.weights["w"].tolist(), *checkpoint.state["sums"].tolist(), checkpoint.info["epoch"]}
    assert len(values) == 1
    return values.pop()


@pytest.fixture
def place(tmp_path):
    return tmp_path / "checkpoints" / "last"


@pytest.fixture
def saved(place):
    numbered(1).save(place)
    return place


def check_same(found, expected):
    assert found.keys() == expected.keys()
    for key, tensor in expected.items():
        assert found[key].dtype == tensor.dtype, key
        assert found[key].shape == tensor.shape, key
        assert torch.equal(found[key], tensor), key


def test_every_kind_of_tensor_comes_back_bit_for_bit(place):
    random = torch.Generator().manual_seed(0)
    floats = torch.randn(4, 3, generator=random)
    kinds = [torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.uint8, torch.bool]
    weights = {str(kind): (100 * floats).to(kind) for kind in kinds}
    state = {
        "scalar": torch.tensor(3.0),
        "count": torch.tensor(2**60 + 1),
        "empty": torch.empty(0, 3),
        "transposed": floats.T,
        "every second": floats[::2, 1:],
        "channels last": torch.randn(2, 3, 4, 4, generator=random).to(memory_format=torch.channels_last),
        "shared": floats,
        "subnormal": torch.tensor([1e-42, -0.0]),
    }
    info = {"epoch": 3, "step": 0, "seconds": 0.1 + 0.2, "best": None, "name": "π"}
    Checkpoint(weights, state, info).save(place)
    found = Checkpoint.load(place)
    check_same(found.weights, weights)
    check_same(found.state, state)
    assert {key: found.info[key] for key in info} == info
    assert torch.signbit(found.state["subnormal"][1])


def test_a_network_with_buffers_and_tied_weights_comes_back(place):
    model = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3), nn.Linear(3, 3))
    model[2].weight = model[0].weight
    model(torch.randn(8, 3))
    Checkpoint(model.state_dict(), {}, {}).save(place)
    found = Checkpoint.load(place)
    check_same(found.weights, model.state_dict())
    assert found.state == {}
    assert found.weights["1.num_batches_tracked"].dtype == torch.int64


def test_what_is_saved_is_not_tied_to_what_is_trained_on(place):
    checkpoint = numbered(1)
    checkpoint.weights["w"].requires_grad_()
    checkpoint.save(place)
    with torch.no_grad():
        checkpoint.weights["w"].fill_(9)
    assert value(Checkpoint.load(place)) == 1


def test_saving_replaces_and_leaves_nothing_beside(place):
    for n in range(1, 4):
        numbered(n).save(place)
        assert value(Checkpoint.load(place)) == n
        assert [p.name for p in place.parent.iterdir()] == ["last"]
        assert sorted(p.name for p in place.iterdir()) == FILES


def test_the_state_names_its_schema_and_hashes(saved):
    state = read_json(saved / "state.json")
    assert state["schema_version"] == 2
    assert state["sha256"] == {name: sha256(saved / name) for name in TENSOR_FILES}


def test_two_checkpoints_do_not_touch_each_other(place):
    numbered(1).save(place)
    numbered(2).save(place.with_name("best"))
    assert (value(Checkpoint.load(place)), value(Checkpoint.load(place.with_name("best")))) == (1, 2)


def check_refused(place, *named):
    with pytest.raises(RunError) as caught:
        Checkpoint.load(place)
    assert caught.value.exit_code == 4
    assert all(name in str(caught.value) for name in named)


@pytest.mark.parametrize("name", TENSOR_FILES)
def test_any_flipped_bit_is_found(saved, name):
    path = saved / name
    whole = path.read_bytes()
    for position in {0, 8, len(whole) // 2, len(whole) - 1}:
        for bit in (0, 7):
            damaged = bytearray(whole)
            damaged[position] ^= 1 << bit
            path.write_bytes(damaged)
            check_refused(saved, str(path), "SHA-256")
    path.write_bytes(whole)
    assert value(Checkpoint.load(saved)) == 1


def test_missing_files_are_found_though_the_state_calls_them_so(saved):
    for name in TENSOR_FILES:
        (saved / name).unlink()
    state = read_json(saved / "state.json")
    write_json(saved / "state.json", state | {"sha256": dict.fromkeys(TENSOR_FILES, "no file")})
    check_refused(saved, str(saved), "SHA-256")


@pytest.mark.parametrize("name", TENSOR_FILES)
@pytest.mark.parametrize("kept", [0, 5, -1])
def test_a_truncated_file_is_found(saved, name, kept):
    path = saved / name
    path.write_bytes(path.read_bytes()[:kept])
    check_refused(saved, str(path), "SHA-256")


@pytest.mark.parametrize("name", TENSOR_FILES)
def test_a_missing_file_is_found(saved, name):
    (saved / name).unlink()
    check_refused(saved, str(saved / name), "no file")


@pytest.mark.parametrize("content", [b"", b"{", b"not JSON", b"[1, 2]", b"null", b"\xff\xfe", b"{}"])
def test_a_garbled_state_is_found(saved, content):
    (saved / "state.json").write_bytes(content)
    check_refused(saved, str(saved))


@pytest.mark.parametrize("hashes", [{}, None, [], "abc"])
def test_a_state_of_another_shape_or_schema_is_found(saved, hashes):
    state = read_json(saved / "state.json")
    write_json(saved / "state.json", state | {"sha256": hashes})
    check_refused(saved, str(saved), "SHA-256")
    write_json(saved / "state.json", state | {"schema_version": hashes})
    check_refused(saved, str(saved), "schema_version", "use the jhrun that wrote it")


def test_no_checkpoint_is_told_with_its_place(place):
    check_refused(place, str(place), "no checkpoint")
    place.mkdir(parents=True)
    check_refused(place, str(place), "no checkpoint")


class Bomb:
    """Unpickling it makes a folder."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return os.mkdir, (str(self.mark),)


@pytest.mark.parametrize("name", TENSOR_FILES)
@pytest.mark.parametrize("write", [torch.save, lambda bomb, path: path.write_bytes(pickle.dumps(bomb))])
def test_a_pickle_with_the_right_hash_is_not_executed(saved, tmp_path, name, write):
    write(Bomb(tmp_path / "exploded"), saved / name)
    state = read_json(saved / "state.json")
    state["sha256"][name] = sha256(saved / name)
    write_json(saved / "state.json", state)
    check_refused(saved, str(saved / name), "safetensors")
    assert not (tmp_path / "exploded").exists()


def test_no_module_of_ours_unpickles():
    package = Path(__file__).parents[2] / "jhrun"
    words = ("import pickle\n", "pickle.load", "torch.load(", "torch.save(", "allow_pickle=True")
    for path in package.rglob("*.py"):
        code = path.read_text()
        assert not any(word in code for word in words), path


def beside(place, suffix):
    return place.with_name(place.name + suffix)


def write_beside(place, suffix, n):
    numbered(n).save(beside(place, suffix))


def test_between_the_two_renames_the_new_one_is_taken(place):
    write_beside(place, ".old", 1)
    write_beside(place, ".new", 2)
    assert value(Checkpoint.load(place)) == 2
    numbered(3).save(place)
    assert value(Checkpoint.load(place)) == 3
    assert not beside(place, ".new").exists()


def test_before_the_first_rename_the_former_is_taken(saved):
    write_beside(saved, ".new", 2)
    assert value(Checkpoint.load(saved)) == 1
    (beside(saved, ".new") / "state.json").unlink()
    assert value(Checkpoint.load(saved)) == 1
    (beside(saved, ".new") / "weights.safetensors").write_bytes(b"half")
    assert value(Checkpoint.load(saved)) == 1
    numbered(3).save(saved)
    assert value(Checkpoint.load(saved)) == 3
    assert [p.name for p in saved.parent.iterdir()] == ["last"]


def test_after_both_renames_the_old_one_is_ignored_and_removed(saved):
    write_beside(saved, ".old", 0)
    assert value(Checkpoint.load(saved)) == 1
    numbered(2).save(saved)
    assert value(Checkpoint.load(saved)) == 2
    assert [p.name for p in saved.parent.iterdir()] == ["last"]


def test_only_the_old_one_and_half_a_new_one(place):
    write_beside(place, ".old", 1)
    beside(place, ".new").mkdir()
    (beside(place, ".new") / "weights.safetensors").write_bytes(b"half")
    assert value(Checkpoint.load(place)) == 1


def test_a_new_one_that_was_being_removed_does_not_hide_the_old_one(place):
    write_beside(place, ".old", 1)
    write_beside(place, ".new", 2)
    (beside(place, ".new") / "weights.safetensors").unlink()
    assert value(Checkpoint.load(place)) == 1


class Crash(BaseException):
    """Stands for the process's end: no handler of ours may catch it."""


def crash_at(monkeypatch, number):
    """Let every call that changes the disk count, and end at the given one."""
    left = [number]

    def ending(real):
        def call(*args, **kwargs):
            left[0] -= 1
            if left[0] == 0:
                raise Crash
            return real(*args, **kwargs)

        return call

    for name in ("mkdir", "open", "replace", "rename", "fsync", "unlink", "rmdir", "sendfile", "utime"):
        monkeypatch.setattr(os, name, ending(getattr(os, name)))
    return left


def list_folders_in_order(monkeypatch, reverse):
    """The order in which a folder's files are removed is otherwise the file system's affair."""
    real = os.scandir

    @contextlib.contextmanager
    def scandir(*args):
        with real(*args) as entries:
            yield iter(sorted(entries, key=lambda entry: entry.name, reverse=reverse))

    monkeypatch.setattr(os, "scandir", scandir)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize(
    "there",
    [{}, {"": 1}, {"": 1, ".old": 0}, {".new": 1}, {".new": 1, ".old": 0}],
    ids=["first save", "replacing", "after both renames", "before the only one", "between two"],
)
def test_a_crash_at_any_call_leaves_the_old_or_the_new_one_whole(tmp_path, monkeypatch, there, reverse):
    # to be counted, but not to be waited for
    monkeypatch.setattr(os, "fsync", lambda _: None)
    outcomes, number = [], 0
    while True:
        number += 1
        place = tmp_path / str(number) / "last"
        for suffix, n in there.items():
            write_beside(place, suffix, n)
        with pytest.MonkeyPatch.context() as patch:
            list_folders_in_order(patch, reverse)
            left = crash_at(patch, number)
            with contextlib.suppress(Crash):
                numbered(2).save(place)
        if left[0] > 0:
            break
        try:
            outcomes.append(value(Checkpoint.load(place)))
        except RunError:
            outcomes.append(None)
        # and the next save mends it
        numbered(3).save(place)
        assert value(Checkpoint.load(place)) == 3
        assert [p.name for p in place.parent.iterdir()] == ["last"]
        shutil.rmtree(place.parent)
    before = 1 if there else None
    turn = outcomes.index(2)
    assert turn > 3
    assert outcomes == [before] * turn + [2] * (len(outcomes) - turn)

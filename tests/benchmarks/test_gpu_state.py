"""The state that a GPU call leaves: small files, in as many digits as they hold."""

import pytest
import torch
from gpu import state

from jhrun.training.checkpoint import Checkpoint


def checkpoint(numbers=4096, steps=7):
    random = torch.Generator().manual_seed(0)
    weights = {"layer.weight": torch.randn(numbers, generator=random), "layer.count": torch.tensor(3)}
    # Adam's second moment spans many orders of magnitude
    squares = torch.rand(numbers, generator=random) * 10 ** (-8 * torch.rand(numbers, generator=random))
    kept = {
        "optimizer.0.step": torch.tensor(7.0),
        "optimizer.0.exp_avg": torch.randn(numbers, generator=random),
        "optimizer.0.exp_avg_sq": squares,
        "sums": torch.rand(7, dtype=torch.float64, generator=random),
        "tracked.0.known": torch.rand(numbers, generator=random) > 0.5,
    }
    return Checkpoint(weights, kept, {"epoch": 2, "steps_done": steps, "best": None})


def tensors(made):
    return state.named(made)


def test_what_fits_as_it_is_comes_back_bit_for_bit(tmp_path):
    made = checkpoint()
    (path,) = state.write(made, "job", tmp_path, files=1, file_limit=2**20)
    again = state.read("job", tmp_path)
    assert path.stat().st_size < 2**20
    assert all(torch.equal(t, tensors(again)[name]) for name, t in tensors(made).items())
    assert again.info == {**made.info, "stored": state.LEVELS[0]}


@pytest.mark.parametrize("level", [1, 2])
def test_half_precision_has_the_error_that_its_docstring_derives(level):
    made = tensors(checkpoint())
    again = state.decoded(state.encoded(made, level))
    assert again.keys() == made.keys()
    for name, before in made.items():
        after = again[name]
        assert after.dtype == before.dtype
        if not state.halved(name, before, level):
            assert torch.equal(after, before)
            continue
        # one rounding of 2⁻¹¹, doubled by the square; below the smallest normal half number it is absolute
        bound = 2**-10 * 1.01 if name.startswith("state.optimizer") else 2**-11 * 1.01
        floor = 2**-24 * before.abs().max()
        assert ((after - before).abs() <= (bound * before.abs()).clamp(min=floor)).all(), name
    changed = [name for name in made if not torch.equal(made[name], again[name])]
    assert ("weights.layer.weight" in changed) == (level == 2)


def test_the_most_precise_level_that_fits_is_taken():
    made = tensors(checkpoint())
    sizes = [state.size(made, level) for level in range(3)]
    assert sizes == sorted(sizes, reverse=True)
    assert [state.level_that_fits(made, size) for size in sizes] == [0, 1, 2]
    assert state.level_that_fits(made, sizes[2] - 1) is None
    for level, size in enumerate(sizes):
        assert sum(t.nbytes for t in state.encoded(made, level).values()) <= size


def test_the_newest_whole_state_is_read_and_the_older_one_removed(tmp_path):
    first = state.write(checkpoint(steps=7), "job", tmp_path, files=4, file_limit=40_000)
    other = state.write(checkpoint(steps=9), "another", tmp_path, files=4, file_limit=40_000)
    second = state.write(checkpoint(steps=12), "job", tmp_path, files=4, file_limit=40_000)
    assert len(second) > 1
    assert max(path.stat().st_size for path in second) <= 40_000
    assert not any(path.exists() for path in first)
    assert all(path.exists() for path in other)
    assert state.read("job", tmp_path).info["steps_done"] == 12


@pytest.mark.parametrize("damage", ["missing", "changed"])
def test_a_state_that_is_not_whole_is_passed_over(tmp_path, damage):
    older = {
        p.name: p.read_bytes()
        for p in state.write(checkpoint(steps=7), "job", tmp_path, files=4, file_limit=40_000)
    }
    parts = state.write(checkpoint(steps=12), "job", tmp_path, files=4, file_limit=40_000)
    for name, content in older.items():
        (tmp_path / name).write_bytes(content)
    parts[1].unlink() if damage == "missing" else parts[1].write_bytes(b"x" + parts[1].read_bytes()[1:])
    assert state.read("job", tmp_path).info["steps_done"] == 7


def test_a_state_that_does_not_fit_is_refused(tmp_path):
    with pytest.raises(ValueError, match="bytes of state in 1 files of 1000 bytes"):
        state.write(checkpoint(), "job", tmp_path, files=1, file_limit=1000)
    assert list(tmp_path.iterdir()) == []
    assert state.read("job", tmp_path / "nowhere") is None

"""Rows that are addressed by the training example's index."""

import pytest
import torch

from jhrun.linalg import Memory

CPU = torch.device("cpu")
META = torch.device("meta")


def rows(*first):
    """Of three numbers each, all of them exact in any precision."""
    return torch.tensor(first, dtype=torch.float32)[:, None] + torch.tensor([0.0, 0.25, 0.5])


def test_a_row_is_found_under_its_index_in_any_order():
    memory = Memory(6)
    memory.write(torch.tensor([4, 0]), rows(1, 2))
    memory.write(torch.tensor([5]), rows(3))
    found, known = memory.read(torch.tensor([5, 1, 0, 4]))
    assert torch.equal(found, torch.cat([rows(3), torch.zeros(1, 3), rows(2, 1)]))
    assert known.tolist() == [True, False, True, True]


def test_examples_that_are_left_out_keep_their_rows_and_are_not_known_by_it():
    memory, index = Memory(3), torch.tensor([2, 0, 1])
    memory.write(index[:2], rows(1, 2))
    memory.write(index, rows(torch.nan, 5, 6), where=torch.tensor([False, True, False]))
    found, known = memory.read(index)
    assert torch.equal(found, torch.cat([rows(1, 5), torch.zeros(1, 3)]))
    assert known.tolist() == [True, True, False]


def test_before_the_first_row_nothing_is_known():
    memory, index = Memory(3), torch.tensor([2, 0])
    found, known = memory.read(index)
    assert (tuple(found.shape), known.tolist(), memory.state_dict()) == ((2, 0), [False, False], {})
    found, known = memory.read(index, like=rows(1, 2).double())
    assert torch.equal(found, torch.zeros(2, 3, dtype=torch.float64))
    assert known.tolist() == [False, False]
    assert tuple(memory.state_dict()["vectors"].shape) == (3, 3)


def test_what_is_read_is_a_copy_and_what_is_written_has_no_graph():
    memory, index = Memory(2), torch.tensor([1])
    memory.write(index, rows(1).requires_grad_().exp())
    first, known = memory.read(index)
    assert not first.requires_grad
    before = first.clone()
    first.zero_(), known.zero_()
    assert torch.equal(memory.read(index)[0], before)
    assert memory.read(index)[1].all()


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_rows_are_kept_in_their_precision_and_saved_bit_for_bit(dtype):
    memory, index, third = Memory(4, dtype), torch.tensor([3, 1]), torch.full((2, 2), 1 / 3)
    memory.write(index, third)
    kept = third.to(getattr(torch, dtype))
    assert torch.equal(memory.read(index)[0], kept)
    assert torch.equal(memory.read(index, like=third)[0], kept.float())
    again = Memory(4)
    again.load_state_dict({name: tensor.clone() for name, tensor in memory.state_dict().items()}, CPU)
    assert again.dtype == dtype
    for ours, theirs in zip(again.read(torch.arange(4)), memory.read(torch.arange(4)), strict=True):
        assert torch.equal(ours, theirs)
    again.load_state_dict({}, CPU)
    assert again.state_dict() == {}


@pytest.mark.parametrize(("limit", "place"), [(24.0, META), (23.9, CPU)])
def test_above_its_limit_it_lies_in_the_host(limit, place):
    """3 rows of 4 numbers of 2 bytes; the meta device stands for one that is not the host."""
    memory = Memory(3, "float16", limit)
    memory.load_state_dict({"vectors": torch.ones(3, 4).half(), "known": torch.ones(3).bool()}, META)
    assert {tensor.device for tensor in memory.state_dict().values()} == {place}


@pytest.mark.parametrize("wrong", [{"dtype": "int8"}, {"limit": 0}])
def test_settings_that_cannot_be_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Memory(3, **wrong)


def test_rows_of_another_length_or_number_are_refused():
    memory = Memory(3)
    memory.write(torch.tensor([0]), rows(1))
    # a row of one number would be spread over all three
    with pytest.raises(ValueError, match="rows of 1 numbers: this memory keeps rows of 3"):
        memory.write(torch.tensor([0]), torch.ones(1, 1))
    with pytest.raises(ValueError, match="of 3 examples, and there are 4"):
        Memory(4).load_state_dict(memory.state_dict(), CPU)

"""Named streams of random numbers: repeatable for ever, and apart from each other."""

import hashlib

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from jhrun.seeds import derive, generator

NAMES = st.lists(st.integers(-(2**70), 2**70) | st.text(max_size=5), max_size=4)


@given(seed=st.integers(-(2**70), 2**70), name=NAMES)
def test_a_derived_seed_is_63_bits_of_the_hash(seed, name):
    digest = hashlib.blake2b(repr((seed, *name)).encode(), digest_size=8).hexdigest()
    assert derive(seed, *name) == int(digest, 16) // 2
    assert 0 <= derive(seed, *name) < 2**63
    torch.Generator().manual_seed(derive(seed, *name))


@pytest.mark.parametrize(
    ("seed", "name", "value"),
    [
        # printf "(0, 'order', 0)" | b2sum -l 64, without the last bit
        (0, ("order", 0), 4819849257279361181),
        (5, ("layers", 17), 3417096252900582715),
        (0, (), 7210762507766007076),
    ],
)
def test_the_streams_of_stored_runs_stay_what_they_were(seed, name, value):
    assert derive(seed, *name) == value


def test_every_part_of_a_name_counts():
    names = [(0,), (1,), (0, "a"), (0, "b"), (0, "a", 1), (0, "a", 2), (0, "a", "1"), (0, "a1"), (0, "a", 1, 1)]
    assert len({derive(*name) for name in names}) == len(names)


def test_the_bits_are_even():
    n = 4000
    seeds = [derive(0, "stream", i) for i in range(n)]
    for bit in range(63):
        # 6 standard deviations of a fair coin
        assert abs(sum(seed >> bit & 1 for seed in seeds) - n / 2) < 6 * (n / 4) ** 0.5, bit


def test_a_generator_begins_its_stream_whatever_the_global_state():
    draws = []
    for state in (1, 2):
        torch.manual_seed(state)
        before = torch.get_rng_state()
        draws.append(torch.rand(5, generator=generator("cpu", 7, "x", 3)))
        assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(*draws)
    assert not torch.equal(draws[0], torch.rand(5, generator=generator("cpu", 7, "x", 4)))

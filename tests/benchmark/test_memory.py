"""Bytes that are held: counted against sums by hand."""

import torch

from jhrun.benchmark.memory import LiveBytes, peak_bytes


def test_views_count_once_and_are_held_by_any_of_them():
    with LiveBytes() as memory:
        x = torch.ones(1000)
        view = x.view(10, 100)[2:]
        assert memory.live == 4000
        del x
        assert memory.live == 4000
        del view
        assert memory.live == 0
    assert memory.peak == 4000


def test_what_a_graph_keeps_is_counted_until_it_is_gone():
    w = torch.ones(1000, requires_grad=True)
    with LiveBytes() as memory:
        # exp keeps its result; the square keeps its argument, which is the same tensor
        y = w.exp().square().sum()
        assert memory.live == 4000 + y.nbytes
        y.backward()
        # the graph's tensor is gone, and the gradient has come
        assert memory.live == w.grad.nbytes + y.nbytes
    assert memory.peak >= 3 * 4000


def test_what_was_there_before_is_not_counted():
    x = torch.ones(1000)
    assert peak_bytes(lambda: x.add_(1)) == x.nbytes
    assert peak_bytes(lambda: None) == 0


def test_the_peak_is_that_of_the_worst_moment():
    def step():
        a = torch.ones(1000)
        b = a + 1
        del a
        return b + 1

    # b is there with a, then with its sum: never three at once
    assert peak_bytes(step) == 8000
    assert peak_bytes(step) == 8000

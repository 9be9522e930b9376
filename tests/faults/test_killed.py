"""SIGKILL at any call of a training, those that write included."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

POINTS, PARTS = 200, 4
EXHAUSTIVE = pytest.mark.skipif(not os.environ.get("JHRUN_EXHAUSTIVE"), reason="JHRUN_EXHAUSTIVE=1 runs it too")


@pytest.mark.parametrize("part", [0, *(pytest.param(part, marks=EXHAUSTIVE) for part in range(1, PARTS))])
def test_a_run_that_was_killed_anywhere_goes_on_bit_for_bit_and_leaves_nothing(part):
    command = [sys.executable, Path(__file__).with_name("killer.py"), str(part), str(PARTS), str(POINTS)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=600)
    lines = [line.removeprefix("point ") for line in done.stdout.splitlines() if line.startswith("point ")]
    points = [json.loads(line) for line in lines]
    assert len(points) == POINTS // PARTS
    # the last calls may be fewer in another process
    assert sum(point["killed"] for point in points) > 0.9 * len(points)
    begun = [point for point in points if point["begun"]]
    assert len(begun) > 0.7 * len(points)
    for point in begun:
        wanted = {"code": 0, "same": True, "state": "finished", "left": []}
        assert {key: point[key] for key in wanted} == wanted, point
    # before there is a run, nothing can be resumed, and that is said
    assert {point["code"] for point in points if not point["begun"]} <= {4}

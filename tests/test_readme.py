"""The README's Python runs as it stands, and its commands are real."""

import re
from pathlib import Path

import pytest

from jhrun.cli import main

README = (Path(__file__).parents[1] / "README.md").read_text()


def test_its_training_loop_runs():
    (block,) = re.findall(r"```python\n(.+?)```", README, re.DOTALL)
    names = {}
    exec(block, names)
    assert names["loss"].isfinite()
    loop = block.split("\n\n")[1].splitlines()
    assert len(loop) <= 10


@pytest.mark.parametrize("line", re.findall(r"^scripts/run (train .+?)(?:  +#.*)?$", README, re.MULTILINE))
def test_its_commands_compose(line, capsys, tmp_path, monkeypatch):
    import shlex

    monkeypatch.chdir(tmp_path)
    words = [word for word in shlex.split(line)[1:] if word != "-m" and not word.startswith("resume=")]
    assert (
        main(["train", "--cfg", "job", *(word.split(",")[0] if "{" not in word else word for word in words)]) == 0
    )

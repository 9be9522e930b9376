"""The method that the documentation shows is one that is tested."""

import re
from pathlib import Path

import pytest

HERE = Path(__file__).parent
TEXT = (HERE.parents[1] / "docs" / "methods.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("kind", "files"),
    [
        ("py", ["trades.py", "mistaken.py"]),
        ("yaml", ["conf/regularizer/trades.yaml", "conf/analysis/mistaken.yaml"]),
    ],
)
def test_the_documented_plugins_are_the_tested_ones(kind, files):
    blocks = re.findall(rf"```{kind}\n(.+?)```", TEXT, re.DOTALL)
    assert blocks == [(HERE / file).read_text(encoding="utf-8") for file in files]

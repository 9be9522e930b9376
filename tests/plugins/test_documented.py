"""The method that the documentation shows is one that is tested."""

import re
from pathlib import Path

import pytest

HERE = Path(__file__).parent
TEXT = (HERE.parents[1] / "docs" / "methods.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(("kind", "file"), [("py", "trades.py"), ("yaml", "conf/regularizer/trades.yaml")])
def test_the_documented_plugin_is_the_tested_one(kind, file):
    (block,) = re.findall(rf"```{kind}\n(.+?)```", TEXT, re.DOTALL)
    assert block == (HERE / file).read_text(encoding="utf-8")

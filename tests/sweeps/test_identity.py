import shutil
from pathlib import Path

import jhrun
from jhrun.sweeps import code_version, identity

VALUES = {
    "seed": 0,
    "dataset": {"_target_": "jhrun.data.image_folder", "root": "/a"},
    "optimizer": {"lr": {0: 0.1, 10: 0.01}},
}


def test_it_hangs_on_code_and_configuration():
    same = identity(dict(reversed(VALUES.items())), "1")
    assert identity(VALUES, "1") == same
    assert identity(VALUES, "2") != same
    assert identity(VALUES | {"seed": 1}, "1") != same
    assert identity(VALUES | {"optimizer": {"lr": {0: 0.1, 10: 0.02}}}, "1") != same


def test_a_folder_counts_where_it_says_which_data_it_is():
    other = VALUES | {"dataset": VALUES["dataset"] | {"root": "/b"}}
    assert identity(other, "1") != identity(VALUES, "1")
    kept = [VALUES | {"dataset": {"root": root, "download": True}} for root in "ab"]
    assert identity(kept[0], "1") == identity(kept[1], "1")


def test_how_a_run_is_watched_does_not_count():
    assert identity(VALUES | {"log": {"steps": 5}, "checkpoint": {"steps": 1}}, "1") == identity(VALUES, "1")


def test_the_codes_version_changes_with_what_makes_figures(tmp_path, monkeypatch):
    copy = tmp_path / "jhrun"
    shutil.copytree(Path(jhrun.__file__).parent, copy, ignore=shutil.ignore_patterns("__pycache__"))
    before = code_version()
    monkeypatch.setattr(jhrun, "__file__", str(copy / "__init__.py"))
    assert code_version() == before
    (copy / "reporting" / "tables.py").write_text("")
    assert code_version() == before
    with (copy / "linalg" / "power.py").open("a") as file:
        file.write("\n")
    assert code_version() != before
    assert before.startswith(f"{jhrun.__version__}+")

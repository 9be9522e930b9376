"""Which cells a folder has."""

import os

import pytest

from jhrun.config import stored
from jhrun.errors import RunError
from jhrun.jsonio import read_json, write_json
from jhrun.reporting.leaderboard.cells import cells_in, is_sweep


def test_a_run_is_one_cell_and_a_folder_of_runs_as_many(runs):
    assert not is_sweep(runs / "zero")
    assert [cell.folder for cell in cells_in(runs / "zero", stored.read)] == [runs / "zero"]
    assert is_sweep(runs)
    assert [cell.folder.name for cell in cells_in(runs, stored.read)] == ["one", "plain", "zero"]


def test_jobs_come_in_the_order_of_their_numbers_then_runs_without_a_job(sweep):
    (sweep / "jobs/one.json").unlink()
    cells = cells_in(sweep, stored.read)
    assert [cell.folder and cell.folder.name for cell in cells] == ["zero", "plain", None, None, None, "one"]
    assert [cell.state for cell in cells] == ["finished", "finished", "waiting", "failed", "failed", None]
    assert cells[4].config is None
    assert cells[4].overrides == ("seed=0", "regularizer.weight=7")
    assert cells[3].error == "memory ran out <b>now</b>"


def test_a_record_cannot_name_another_folder_and_a_damaged_one_is_a_failed_cell(sweep):
    file = sweep / "jobs/a.json"
    write_json(file, read_json(file) | {"id": "../../elsewhere", "number": "x"})
    (sweep / "jobs/b.json").write_text("{")
    cells = cells_in(sweep, stored.read)
    assert [cell.folder for cell in cells[3:]] == [None] * 3
    assert [(cell.state, "JSON" in str(cell.error)) for cell in cells if cell.overrides == ("b",)] == [
        ("failed", True)
    ]


def test_a_configuration_is_read_from_the_newer_file(runs):
    def never(path):
        raise AssertionError(path)

    assert cells_in(runs / "zero", never)[0].config["seed"] == 0
    later = (runs / "zero/report.json").stat().st_mtime + 1
    os.utime(runs / "zero/config.yaml", (later, later))
    (runs / "zero/report.json").write_text("{")
    os.utime(runs / "zero/report.json", (later - 1, later - 1))
    assert cells_in(runs / "zero", stored.read)[0].config["seed"] == 0


def test_a_configuration_that_cannot_be_read_is_a_failed_cell(runs):
    (runs / "zero/config.yaml").write_text("seed: ${oc.env:HOME}")
    (runs / "zero/report.json").unlink()
    (cell,) = cells_in(runs / "zero", stored.read)
    assert (cell.config, cell.state) == (None, "failed")
    assert "interpolation" in cell.error


def test_what_is_no_run_is_refused(tmp_path):
    with pytest.raises(RunError, match="does not exist"):
        cells_in(tmp_path / "nowhere", stored.read)
    with pytest.raises(RunError, match=r"no config\.yaml"):
        cells_in(tmp_path, stored.read)

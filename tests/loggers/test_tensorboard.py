"""TensorBoard's files, read back with TensorBoard's own reader."""

import subprocess
import sys
import time
from dataclasses import replace

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

from jhrun.errors import ConfigError
from jhrun.loggers import TensorBoard
from jhrun.loggers.tensorboard import TAGS
from jhrun.records import EpochRecord, TaskRecord

EPOCH = EpochRecord(
    epoch=1, steps=10, seconds=0.5, loss=1.5, task_loss=2.0, accuracy=0.25, penalty=None,
    validation_loss=1.25, validation_accuracy=0.5, lr=1e-3, weight=0.0,
)  # fmt: skip
EPOCHS = [replace(EPOCH, epoch=n, steps=10 * n, loss=1 / n) for n in (1, 2, 3, 4)]
REPORT = {
    "epochs": [{"steps": 40}],
    "task": None,
    "clean": {"accuracy": 0.75},
    "attacks": {"fgsm": {"robust": {"accuracy": 0.5}}, "later": {"robust": None}},
    "worst_case": {"accuracy": 0.25},
}


def read(run):
    return EventAccumulator(str(run / "tensorboard"), size_guidance={"scalars": 0}).Reload()


def points(run, tag="train/loss"):
    return [(event.step, pytest.approx(event.value)) for event in read(run).Scalars(tag)]


def hyperparameters(run):
    content = read(run).SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    found = HParamsPluginData.FromString(content).session_start_info.hparams
    return {key: getattr(value, value.WhichOneof("kind")) for key, value in found.items()}


def logged(run, done, epochs, config=None, report=REPORT):
    if (run / "tensorboard").exists():
        # TensorBoard reads files in the order of the seconds in their names; no run goes on so soon
        time.sleep(1.01)
    logger = TensorBoard()
    logger.begin(run, done)
    for record in epochs:
        logger.epoch(record)
    if config is not None:
        logger.results(config, report)
    logger.close()


def test_every_figure_is_a_point_of_its_curve_and_what_was_not_measured_is_none(tmp_path):
    logged(tmp_path, [], EPOCHS[:1])
    found = read(tmp_path)
    expected = {tag: getattr(EPOCH, name) for name, tag in TAGS.items() if name != "penalty"}
    expected["train/loss"] = 1.0
    assert set(found.Tags()["scalars"]) == expected.keys()
    for tag, value in expected.items():
        assert [(event.step, event.value) for event in found.Scalars(tag)] == [(10, pytest.approx(value))]


def test_figures_of_a_regression_task_are_curves(tmp_path):
    logged(tmp_path, [], [replace(EPOCH, accuracy=None, task=TaskRecord(1.0, 4, skill=0.5, asymmetry=3.0))])
    assert points(tmp_path, "validation/skill") == [(10, 0.5)]
    assert points(tmp_path, "validation/asymmetry") == [(10, 3.0)]
    assert "train/accuracy" not in read(tmp_path).Tags()["scalars"]


def test_points_can_be_read_before_the_end(tmp_path):
    logger = TensorBoard()
    logger.begin(tmp_path, [])
    logger.epoch(EPOCHS[0])
    assert points(tmp_path, list(TAGS.values())[-1]) == [(10, 0.5)]
    logger.close()


@pytest.mark.parametrize("before", [1, 2, 3])
def test_a_run_that_goes_on_has_each_point_once(tmp_path, before):
    """It was stopped after ``before`` epochs, and goes on from the checkpoint of the first."""
    logged(tmp_path, [], EPOCHS[:before])
    again = [replace(record, loss=7.0) for record in EPOCHS[1:]]
    logged(tmp_path, EPOCHS[:1], again)
    assert points(tmp_path) == [(10, 1.0), (20, 7.0), (30, 7.0), (40, 7.0)]


def test_a_run_that_was_stopped_before_its_first_checkpoint_begins_anew(tmp_path):
    logged(tmp_path, [], EPOCHS[:1])
    logged(tmp_path, [], [replace(EPOCH, loss=7.0)])
    assert points(tmp_path) == [(10, 7.0)]


def test_a_run_that_had_no_logger_gets_its_past(tmp_path):
    logged(tmp_path, EPOCHS[:2], EPOCHS[2:])
    assert points(tmp_path) == [(10 * n, 1 / n) for n in (1, 2, 3, 4)]


CONFIG = {
    "seed": 3, "model.widths": [16, 8], "lr": 1e-3, "tf32": True, "threads": None, "epsilon": "8/255",
    "weight": {0: 0.05, 10: 0.1},
}  # fmt: skip


def test_hyper_parameters_are_plain_and_the_rest_is_text(tmp_path):
    logged(tmp_path, [], EPOCHS, CONFIG)
    assert hyperparameters(tmp_path) == {
        "seed": 3, "model.widths": "[16, 8]", "lr": 1e-3, "tf32": True, "threads": "null", "epsilon": "8/255",
        "weight": '{"0": 0.05, "10": 0.1}',
    }  # fmt: skip
    scalars = {tag for tag in read(tmp_path).Tags()["scalars"] if tag.startswith("test/")}
    assert scalars == {"test/clean", "test/fgsm", "test/worst_case"}
    assert points(tmp_path, "test/worst_case") == [(40, 0.25)]
    assert points(tmp_path) == [(10 * n, 1 / n) for n in (1, 2, 3, 4)]


def test_results_of_a_run_that_goes_on_take_the_place_of_the_earlier_ones(tmp_path):
    logged(tmp_path, [], EPOCHS[:2], {"train.epochs": 2}, REPORT | {"epochs": [{"steps": 20}]})
    logged(tmp_path, EPOCHS[:2], EPOCHS[2:], {"train.epochs": 4})
    assert hyperparameters(tmp_path) == {"train.epochs": 4}
    assert points(tmp_path, "test/clean") == [(40, 0.75)]


@pytest.mark.parametrize(
    ("change", "tags"),
    [
        ({"clean": None, "attacks": {}, "worst_case": None}, set()),
        (
            {"clean": None, "attacks": {}, "worst_case": None, "task": {"mse": 0.1, "skill": 0.9, "n": 3}},
            {"test/mse", "test/skill"},
        ),
    ],
)
def test_results_hold_what_there_is(tmp_path, change, tags):
    logged(tmp_path, [], EPOCHS, {"seed": 1}, REPORT | change)
    assert {tag for tag in read(tmp_path).Tags()["scalars"] if tag.startswith("test/")} == tags
    assert hyperparameters(tmp_path) == {"seed": 1}


def test_one_that_never_began_can_be_closed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    TensorBoard().close()
    assert list(tmp_path.iterdir()) == []


def test_where_it_is_not_installed_the_line_says_what_to_type(monkeypatch):
    # None makes an import fail as that of a package that is not there
    for name in [name for name in sys.modules if name.startswith("torch.utils.tensorboard")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delattr("torch.utils.tensorboard", raising=False)
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    with pytest.raises(ConfigError, match=r"pip install 'jhrun\[tensorboard\]'") as caught:
        TensorBoard()
    assert caught.value.exit_code == 2
    assert "\n" not in str(caught.value)


def test_nobody_waits_for_it_who_did_not_ask():
    code = "import sys, jhrun.commands.train; sys.exit('tensorboard' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)

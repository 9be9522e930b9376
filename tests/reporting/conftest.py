"""A run's report of our making."""

from dataclasses import replace

import pytest

from jhrun.records import BackgroundRecord, EnvironmentRecord, EpochRecord, StatusRecord
from jhrun.reporting.document import SCHEMA_VERSION, Report

THING = {"_target_": "there.Thing"}


def config(**changes):
    groups = ("dataset", "model", "objective", "regularizer", "solver", "optimizer")
    values = dict.fromkeys(groups, THING) | {"averaging": {"_target_": None}}
    values["regularizer"] = {"weight": 0.2, "_target_": "mine.Trades"}
    values |= {"train": {"epochs": 2, "batch_size": 1}, "seed": 0, "epsilon": 0.1, "epsilon_l2": None}
    return values | changes


def epoch(number, penalty=None, weight=0.2, **more):
    plain = EpochRecord(number, number, 1.0, 1.0, 1.0, None, penalty, None, None, 0.1, weight)
    return replace(plain, **more)


@pytest.fixture
def made():
    """Makes a report; what is not given is empty."""

    def report(**changes):
        plain = {
            "schema_version": SCHEMA_VERSION,
            "run": "/a run",
            "status": StatusRecord("finished", 0, None, "2026-01-01", "2026-01-02", 1, "host"),
            "config": config(),
            "environment": EnvironmentRecord("jhrun train", "0", None, "c", "3", "2", "3", None, "d", "p", 1),
            "background": BackgroundRecord(),
            "seconds": 1.0,
            "pinned": False,
            "terms": (),
            "epochs": (),
            "decisions": (),
            "warnings": (),
            "evaluations": {},
        }
        return Report(**plain | changes)

    report.config, report.epoch = config, epoch
    return report

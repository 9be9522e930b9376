"""What every layer reads and writes: frozen dataclasses, plain enough for a line of JSON each."""

from jhrun.records.data import Batch, DataSpec
from jhrun.records.evaluation import (
    AttackRecord,
    CurvatureRecord,
    CurveRecord,
    EvaluationRecord,
    TaskRecord,
)
from jhrun.records.statistics import Proportion, Spread
from jhrun.records.training import Decision, EpochRecord, Measured, TermRecord, WatchRecord
from jhrun.records.verdict import FAIL, INCOMPLETE, NOT_CHECKED, PASS, SUSPECT, Check, Remedy, Verdict

__all__ = [
    "FAIL",
    "INCOMPLETE",
    "NOT_CHECKED",
    "PASS",
    "SUSPECT",
    "AttackRecord",
    "Batch",
    "Check",
    "CurvatureRecord",
    "CurveRecord",
    "DataSpec",
    "Decision",
    "EpochRecord",
    "EvaluationRecord",
    "Measured",
    "Proportion",
    "Remedy",
    "Spread",
    "TaskRecord",
    "TermRecord",
    "Verdict",
    "WatchRecord",
]

"""What every layer reads and writes: frozen dataclasses, plain enough for a line of JSON each."""

from jhrun.records.analysis import AnalysisRecord
from jhrun.records.data import Batch, DataSpec
from jhrun.records.evaluation import (
    AttackRecord,
    ClassRecord,
    CurvatureRecord,
    CurvePoint,
    CurveRecord,
    EvaluationRecord,
    TaskRecord,
)
from jhrun.records.run import BackgroundRecord, EnvironmentRecord, StatusRecord
from jhrun.records.section import Figure, Mark, Panel, Section, Series, Table
from jhrun.records.statistics import Proportion, Spread
from jhrun.records.training import Decision, EpochRecord, Measured, TermRecord, WatchRecord
from jhrun.records.verdict import FAIL, INCOMPLETE, NOT_CHECKED, PASS, SUSPECT, Check, Remedy, Verdict

__all__ = [
    "FAIL",
    "INCOMPLETE",
    "NOT_CHECKED",
    "PASS",
    "SUSPECT",
    "AnalysisRecord",
    "AttackRecord",
    "BackgroundRecord",
    "Batch",
    "Check",
    "ClassRecord",
    "CurvatureRecord",
    "CurvePoint",
    "CurveRecord",
    "DataSpec",
    "Decision",
    "EnvironmentRecord",
    "EpochRecord",
    "EvaluationRecord",
    "Figure",
    "Mark",
    "Measured",
    "Panel",
    "Proportion",
    "Remedy",
    "Section",
    "Series",
    "Spread",
    "StatusRecord",
    "Table",
    "TaskRecord",
    "TermRecord",
    "Verdict",
    "WatchRecord",
]

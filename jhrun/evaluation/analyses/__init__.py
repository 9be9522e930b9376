"""Analyses of an evaluated network: one file each, a choice of the group ``analysis``."""

from jhrun.evaluation.analyses.analysis import Analysis, Result
from jhrun.evaluation.analyses.curvature import CurvatureAnalysis
from jhrun.evaluation.analyses.curve import CurveAnalysis
from jhrun.evaluation.analyses.slices import SlicesAnalysis
from jhrun.evaluation.analyses.verdict import VerdictAnalysis
from jhrun.evaluation.subject import Subject
from jhrun.records import Figure, Mark, Panel, Section, Series, Table

__all__ = [
    "NAMES",
    "Analysis",
    "CurvatureAnalysis",
    "CurveAnalysis",
    "Figure",
    "Mark",
    "Panel",
    "Result",
    "Section",
    "Series",
    "SlicesAnalysis",
    "Subject",
    "Table",
    "VerdictAnalysis",
]

NAMES = tuple(kind.__module__.rpartition(".")[2] for kind in Analysis.__subclasses__())
"""The package's own, by the names of their files, which are those of their choices."""

"""For papers: methods in prose, references and tables, made of records alone."""

from jhrun.reporting.latex.table import tabular
from jhrun.reporting.latex.write import FOR_A_PAPER, paper_files, write_board

__all__ = ["FOR_A_PAPER", "paper_files", "tabular", "write_board"]

"""Methods against each other: which is more robust on the same seeds and images, or cannot be told apart."""

from jhrun.reporting.compared.figures import Compared
from jhrun.reporting.compared.result import compare_cells
from jhrun.reporting.compared.shown import as_tex, as_text

__all__ = ["Compared", "as_tex", "as_text", "compare_cells"]

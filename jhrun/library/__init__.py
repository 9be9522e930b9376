"""What ``import jhrun`` offers: runs read back, networks judged, penalties for a training loop of one's own."""

from jhrun.library.attacked import Attacked, attacked
from jhrun.library.differences import Comparison, compare
from jhrun.library.gathered import results
from jhrun.library.judged import Judged, evaluate
from jhrun.library.loaded import Run, load
from jhrun.library.regularised import Regularised, penalty

__all__ = [
    "Attacked",
    "Comparison",
    "Judged",
    "Regularised",
    "Run",
    "attacked",
    "compare",
    "evaluate",
    "load",
    "penalty",
    "results",
]

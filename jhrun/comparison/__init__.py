"""Whether one method is better than another: differences on the same seeds and images, and what they prove."""

from jhrun.comparison.bootstrap import bootstrap_interval
from jhrun.comparison.contest import Contest, Method, Pair, against, contest, difference
from jhrun.comparison.mcnemar import CAVEAT, Discordance, mcnemar
from jhrun.comparison.means import Mean, over_seeds
from jhrun.comparison.multiple import holm, ranks
from jhrun.comparison.paired import Difference, paired
from jhrun.comparison.seeds_needed import power, seeds_needed

__all__ = [
    "CAVEAT",
    "Contest",
    "Difference",
    "Discordance",
    "Mean",
    "Method",
    "Pair",
    "against",
    "bootstrap_interval",
    "contest",
    "difference",
    "holm",
    "mcnemar",
    "over_seeds",
    "paired",
    "power",
    "ranks",
    "seeds_needed",
]

"""Cost, truth and memory of every way to find a direction, on one machine."""

from jhrun.benchmark.contest import Contender, Score, contest
from jhrun.benchmark.costs import pass_costs
from jhrun.benchmark.noise import noise
from jhrun.benchmark.norms import operator
from jhrun.benchmark.paper import paper
from jhrun.benchmark.result import BenchRecord

__all__ = ["BenchRecord", "Contender", "Score", "contest", "noise", "operator", "paper", "pass_costs"]

"""From the times of a contest to the cost of each kind of pass, which ``solver=auto`` counts with."""

from collections.abc import Sequence

from jhrun.benchmark.contest import Score


def pass_costs(matrix: str, scores: Sequence[Score]) -> dict[str, float]:
    """What a pass costs, in plain training steps, where the contest tells.

    Of a Hessian, one step of Lanczos is one ``hvp``. Of a Jacobian it is a ``vjp`` and a ``jvp``, and to form
    the matrix takes a ``vjp`` for each of its rows, beside the step of a random probe.

    Args:
        matrix: ``Hessian`` or ``Jacobian``; of others nothing can be told.
        scores: of ``contest``.

    Returns:
        Costs above 0 by kind; perhaps none.

    Example:
        >>> two, six = (Score("lanczos", n, n, 1.0, 5.0 + n, 0.9, 0.9, 0) for n in (2, 6))
        >>> pass_costs("Hessian", [two, six])
        {'hvp': 1.0}
    """
    found: dict[str, float] = {}
    ladder = sorted((s.products, s.cost) for s in scores if s.name == "lanczos")
    if not ladder or ladder[0][0] == ladder[-1][0]:
        return found
    (fewest, low), (most, high) = ladder[0], ladder[-1]
    slope = (high - low) / (most - fewest)
    if matrix == "Hessian":
        found["hvp"] = slope
    by_name = {s.name: s for s in scores}
    if matrix == "Jacobian" and {"exact", "hutchinson"} <= by_name.keys():
        exact = by_name["exact"]
        found["vjp"] = (exact.cost - by_name["hutchinson"].cost) / exact.products
        # two products a step, one of each kind
        found["jvp"] = 2 * slope - found["vjp"]
    return {kind: round(cost, 3) for kind, cost in found.items() if round(cost, 3) > 0}

"""Costs of passes from a contest's times."""

import pytest

from jhrun.benchmark import Score, pass_costs


def score(name, products, cost):
    return Score(name, products, products, 1.0, cost, 0.9, 0.9, 0)


def test_a_jacobian_tells_of_both_products():
    """A step of Lanczos is 0.7 for two products; four rows cost 1.2 more than a probe."""
    lanczos = [score("lanczos", 4, 4.0), score("lanczos", 12, 6.8)]
    scores = [score("hutchinson", 0, 2.3), score("exact", 4, 3.5), *lanczos]
    assert pass_costs("Jacobian", scores) == pytest.approx({"vjp": 0.3, "jvp": 0.4})


@pytest.mark.parametrize(
    ("matrix", "scores"),
    [
        ("Hessian", []),
        ("Hessian", [score("lanczos", 4, 4.0)]),
        ("Hessian", [score("lanczos", 4, 4.0), score("lanczos", 4, 4.1)]),
        # a machine too noisy to tell
        ("Hessian", [score("lanczos", 4, 4.0), score("lanczos", 8, 3.0)]),
        ("Jacobian", [score("lanczos", 4, 4.0), score("lanczos", 8, 6.0)]),
        ("JacobianSymmetry", [score("lanczos", 4, 4.0), score("lanczos", 8, 6.0)]),
    ],
)
def test_what_a_contest_does_not_tell_is_left_out(matrix, scores):
    assert pass_costs(matrix, scores) == {}

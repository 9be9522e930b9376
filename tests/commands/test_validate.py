"""``jhrun validate``: everything of a call is tried, and nothing is left behind."""

from pathlib import Path

import pytest

SMALL = ["model=mlp", "model.widths=[8]", "train.epochs=1", "train.examples=100", "subset=40"]


def everything():
    return {path: path.stat().st_mtime_ns for path in Path().rglob("*")}


@pytest.fixture
def run(tiny):
    return tiny("subset=40", "train.examples=100", "analysis=quick_verdict")


def test_a_call_that_is_right_is_told_and_leaves_nothing(jhrun):
    code, out, err = jhrun("validate", "train", *SMALL)
    assert code == 0, err
    told = "jhrun train would train 1 epoch of 100 examples on cpu; then fgsm, pgd20, apgd_ce, apgd_dlr, verdict"
    assert out == f"nothing is wrong; {told}\n"
    assert everything() == {}


def test_of_a_sweep_each_job_is_tried_and_the_first_error_s_code_is_given(jhrun):
    code, out, err = jhrun("validate", "train", "-m", *SMALL, "seed=0", "train.examples=100,100000")
    assert code == 2
    assert out.startswith("job 0 (")
    assert "nothing is wrong" in out
    assert err.startswith("error: job 1 (")
    assert "there are 1295 training examples" in err
    assert everything() == {}


def test_a_run_is_read_and_left_as_it_is(run, jhrun):
    before = everything()
    for call, told in (
        (["eval", f"run={run}", "attack=pgd20"], "make evaluation pgd20"),
        (["train", f"resume={run}", "train.epochs=5"], "go on with"),
        (["bench", f"run={run}"], "measure solvers on the Jacobian of MLP"),
    ):
        code, out, err = jhrun("validate", *call)
        assert code == 0, err
        assert told in out
    assert everything() == before


@pytest.mark.parametrize(
    ("call", "code", "told"),
    [
        (["train", "model=mpl"], 2, "did you mean 'mlp'?"),
        (["train", *SMALL, "subset=5000"], 2, "the test set has 359 examples"),
        (["train", *SMALL, "regularizer=jacobian_symmetry"], 2, "preflight"),
        (["train", "-m", *SMALL, "search=optuna"], 2, "leave search= out"),
        (["eval", "run=nowhere"], 4, "does not exist"),
        (["report", "run"], 2, "validate tries calls of"),
        (["trian"], 2, "did you mean 'train'?"),
        ([], 2, "validate takes a call"),
    ],
)
def test_what_would_fail_is_told_as_the_call_would(call, code, told, jhrun):
    found, out, err = jhrun("validate", *call)
    assert (found, out) == (code, "")
    assert told in err
    assert err.count("\n") == 1

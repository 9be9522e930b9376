"""The prose says what the records say, in words, and cites what is in the references."""

import re
import shutil
from pathlib import Path

import pytest

from jhrun.cli import main
from jhrun.config import stored
from jhrun.folder import RunFolder
from jhrun.jsonio import read_json, write_json
from jhrun.records.evidence import Cited
from jhrun.reporting.latex import paper_files, tabular, write_board
from jhrun.reporting.latex.evaluation import titles
from jhrun.reporting.latex.methods import Described, shared_methods
from jhrun.reporting.latex.references import References
from jhrun.reporting.summary import summarise


def cites(text):
    """The keys that a text cites."""
    return {key for keys in re.findall(r"\\cite\{([^}]*)\}", text) for key in keys.split(",")}


def entries(bib):
    """The keys that a file of references has."""
    return set(re.findall(r"^@\w+\{([^,]+),", bib, re.MULTILINE))


def test_a_run_is_told_of_in_full(paper_run):
    text, bib = ((paper_run / name).read_text() for name in ("methods.tex", "references.bib"))
    for said in (
        r"handwritten digits of scikit-learn~\cite{alpaydin1998optical}: 1,295 examples for training, 143 for "
        r"validation and 359 for testing.",
        r"The network was an MLP with width 8 and Softplus activations ($\beta=8$); it has 610 parameters.",
        r"The loss was $(1-w)\,L+w\,R$ with $w=0.2$, where $L$ is the cross-entropy",
        r"Here $A$ is the Jacobian of the outputs with respect to the input",
        r"by Adam~\cite{kingma2015adam} (learning rate 0.001, $\beta=(0.9, 0.999)$",
        "Training took 1 epoch with batches of 64 examples.",
        "drawn from seed 0.",
        "The network after the last epoch (epoch 1 of 1) was evaluated; no checkpoint was selected.",
        r"all 359 test examples, with pixels in $[0,1]$: in the $\ell_\infty$ ball of radius $\varepsilon=0.1$ by "
        r"FGSM~\cite{goodfellow2015explaining} and PGD~\cite{madry2018towards} (20 steps, step size "
        r"0.1\,$\varepsilon$, 1 restart).",
        r"95\,\% Wilson score intervals~\cite{wilson1927probable}",
        r"PyTorch",
    ):
        assert said in text
    assert cites(text) == entries(bib) >= {"cui2022generalizing", "lanczos1950iteration", "kim2020torchattacks"}
    # no key of the configuration, and no name of a choice
    assert re.findall(r"\b[a-z]+\.[a-z]+\b|\\_|pgd20", text.partition("\n")[2]) == []
    report = read_json(paper_run / "report.json")
    share = report["attacks"]["fgsm"]["robust"]
    accuracy, low, high = (100 * each for each in (share["accuracy"], *share["ci95"]))
    row = f"FGSM & {accuracy:.1f} & {low:.1f} -- {high:.1f} & 359"
    assert row in (paper_run / "table.tex").read_text()


def test_the_pages_name_the_files_and_they_are_there(paper_run):
    for page in ("report.md", "report.html"):
        assert "For a paper: methods.tex, table.tex, references.bib and figures/" in (paper_run / page).read_text()
    drawn = {path.stem for path in paper_run.glob("figures/*") if path.suffix in {".svg", ".png"}}
    assert drawn == {path.stem for path in paper_run.glob("figures/*.pdf")} != set()


@pytest.mark.rendered
def test_figures_for_print_hold_their_fonts_and_no_date(paper_run, printed):
    before = {path: path.read_bytes() for path in paper_run.glob("figures/*.pdf")}
    assert before
    with printed():
        assert main(["report", str(paper_run)]) == 0
    assert before == {path: path.read_bytes() for path in before}
    for content in before.values():
        assert b"/FontFile2" in content
        assert b"/Type3" not in content
        assert b"CreationDate" not in content
        width = float(re.search(rb"/MediaBox \[ 0 0 (\S+)", content)[1])
        assert round(width / 72, 2) in {3.9, 9.2}


@pytest.mark.parametrize("kind", ["odd", "old", "not attacked", "not evaluated", "not finished"])
def test_every_kind_of_run_is_told_of(odd_reports, kind):
    files = paper_files(odd_reports[kind])
    text, bib = files["methods.tex"], files["references.bib"]
    assert cites(text) == entries(bib)
    assert r"\input" not in re.sub(r"%.*", "", text + files["table.tex"] + bib)
    told = {
        "odd": "1 of 2 epochs are done",
        "old": r"Training used cifar10; a share of 0.1 of the training part was held out for validation and the "
        "test part has 20 examples. Training images were randomly cropped after padding by 4 pixels and flipped",
        "not attacked": "Accuracy was measured on 10 of 20 test examples, drawn at random; no attack was made.",
        "not evaluated": "No network has been evaluated yet.",
        "not finished": "1 of 2 epochs are done",
    }
    assert told[kind] in text
    assert ("left out" in bib) == (kind == "odd")


def test_a_checkpoint_is_never_chosen_in_silence(described):
    for checkpoint, words in [
        ("last", "The network after the last epoch (epoch 2 of 2) was evaluated; no checkpoint was selected."),
        ("best", "after the epoch with the highest validation accuracy (epoch 2 of 2) was evaluated."),
        ("last, not averaged", "(epoch 2 of 2) was evaluated, with its weights not averaged; no checkpoint was"),
        ("a_b", r"Checkpoint a\_b (epoch 2 of 2) was evaluated."),
    ]:
        assert words in paper_files(described(checkpoint=checkpoint))["methods.tex"]


def test_attacks_of_one_title_are_told_apart(attack):
    pgd = Cited("PGD")
    both = {"pgd20": attack(said=pgd, steps=20), "pgd100": attack(said=pgd, steps=100)}
    assert titles(both) == {"pgd20": "PGD (20 steps)", "pgd100": "PGD (100 steps)"}
    assert titles(both | {"l2": attack("2", said=pgd, steps=20)})["l2"] == "PGD"
    same = {"a": attack(said=pgd, steps=5), "b": attack(said=pgd, steps=5)}
    assert titles(same) == {"a": "PGD (5 steps) (a)", "b": "PGD (5 steps) (b)"}


def test_a_table_marks_rows_and_keeps_brackets_out_of_arguments():
    text = tabular([("", "n"), ("[a]", "5"), ("*", "6")], bold=[True, False], notes=["a\nb"])
    assert "% a b\n" in text
    assert "\\textbf{[a]} & \\textbf{5} \\\\\n{}* & 6 \\\\\n" in text
    assert tabular([]).startswith("%")


def test_of_many_what_they_share_stands_once_and_first(odd_reports):
    one = odd_reports["old"]
    rows = [
        Described("a_1", one, [0, 1]),
        Described("b", odd_reports["not attacked"], [0]),
        Described("c", one, [0, 1]),
    ]
    references = References()
    text = shared_methods([*rows, Described("d", None, [])], references)
    assert cites(text) == entries(str(references))
    assert text.count("The network was") == 1
    assert text.index("The network was") < text.index("3 configurations were compared: (1)~a\\_1; (2)~b; (3)~c.")
    assert "For configurations (1) and (3): Training was repeated with 2 seeds: 0 and 1." in text
    assert "For configuration (2): Everything random in training was drawn from seed 0." in text
    assert shared_methods(rows[:1], References()).count("onfiguration") == 0


def test_a_board_without_a_finished_run_has_its_files(tmp_path):
    write_board(tmp_path, [("a", []), ("b", [(None, None)])])
    assert "No run has finished yet." in (tmp_path / "methods.tex").read_text()
    assert entries((tmp_path / "references.bib").read_text()) == set()


@pytest.fixture
def copied(paper_run, tmp_path):
    """A copy of the run, to be changed."""
    return Path(shutil.copytree(paper_run, tmp_path / "run"))


def test_a_record_of_old_has_no_background(copied):
    (copied / "background.json").unlink()
    assert main(["report", str(copied)]) == 0
    text = (copied / "methods.tex").read_text()
    assert "Training used digits; a share of 0.1" in text
    assert cites(text) == entries((copied / "references.bib").read_text())


def test_what_is_recorded_needs_no_import(copied):
    record = read_json(copied / "background.json")
    assert record["examples"] == {"train": 1295, "validation": 143, "test": 359}
    assert record["cited"]["jhrun.optimizers.adam.Adam"]["title"] == "Adam"
    results = next(copied.glob("eval/*/results.json"))
    assert read_json(results)["attacks"]["fgsm"]["kind"] == "jhrun.attacks.fgsm.FGSM"
    record["cited"]["jhrun.optimizers.adam.Adam"]["title"] = r"\input{x}"
    write_json(copied / "background.json", record)
    assert main(["report", str(copied)]) == 0
    assert r"by \textbackslash{}input\{x\}" in (copied / "methods.tex").read_text()


def test_of_several_seeds_no_sentence_is_of_the_first_run_alone(paper_run):
    report = summarise(RunFolder(paper_run), stored.read(paper_run / "config.yaml"))
    alone, several = (shared_methods([Described("a", report, seeds)], References()) for seeds in ([0], [0, 1]))
    assert "random numbers were drawn from seed 0." in alone
    assert "Wilson" in alone
    assert "random numbers were drawn from the seed of each training." in several
    assert "means over the seeds, with the sample standard deviation" in several
    assert "Wilson" not in several

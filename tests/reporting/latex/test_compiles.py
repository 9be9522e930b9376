"""LaTeX takes what is written, where it is installed."""

import shutil
import subprocess

import pytest

from jhrun.reporting.latex import paper_files
from jhrun.reporting.latex.methods import Described, shared_methods
from jhrun.reporting.latex.references import References
from jhrun.reporting.text import tex

pytestmark = pytest.mark.skipif(
    not (shutil.which("pdflatex") and shutil.which("bibtex")), reason="LaTeX is not installed"
)

ARTICLE = r"""\documentclass[twocolumn]{article}
\usepackage{booktabs,graphicx}
\begin{document}
%s
\bibliographystyle{plain}
\bibliography{references}
\end{document}
"""


def compiled(folder, body):
    """Run LaTeX and BibTeX as a paper's author does; gives LaTeX's words and BibTeX's."""
    (folder / "paper.tex").write_text(ARTICLE % body, encoding="utf-8")
    latex = ("pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "paper")
    ran(folder, *latex)
    said = ran(folder, "bibtex", "paper")
    ran(folder, *latex)
    return ran(folder, *latex), said


def ran(folder, *command):
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace", check=False)
    assert done.returncode == 0, done.stdout[-3000:]
    return done.stdout


def test_a_run_becomes_a_paper(paper_run, tmp_path):
    folder = tmp_path / "paper"
    folder.mkdir()
    for name in ("methods.tex", "table.tex", "references.bib"):
        shutil.copy(paper_run / name, folder)
    figures = sorted(paper_run.glob("figures/*.pdf"))
    for figure in figures:
        shutil.copy(figure, folder)
    pictures = "\n\n".join(
        rf"\noindent\includegraphics[width=\columnwidth]{{{figure.name}}}" for figure in figures
    )
    latex, bibtex = compiled(folder, rf"\input{{methods}}\begin{{table}}\input{{table}}\end{{table}} {pictures}")
    assert "undefined" not in latex
    assert "Warning" not in bibtex
    assert "Overfull" not in latex


@pytest.mark.parametrize("kind", ["odd", "old", "not attacked", "not evaluated", "not finished", "all"])
def test_every_kind_of_run_compiles(odd_reports, tmp_path, kind):
    if kind == "all":
        references = References()
        rows = [Described(name, report, [0]) for name, report in odd_reports.items()]
        text = shared_methods(rows, references)
        files = {"methods.tex": text, "references.bib": str(references), "table.tex": ""}
    else:
        files = paper_files(odd_reports[kind])
    for name, content in files.items():
        (tmp_path / name).write_text(content, encoding="utf-8")
    latex, bibtex = compiled(tmp_path, r"\input{methods} \input{table} ")
    assert "undefined" not in latex
    assert "Warning" not in bibtex


def test_every_letter_compiles(tmp_path):
    letters = [chr(number) for number in [*range(32, 127), *range(0xA0, 0x180), 0x2212, 0x3B5, 0x6F22]]
    body = "\n\n".join(f"x{tex(letter)}x" for letter in letters)
    text = ARTICLE.replace("\\bibliographystyle{plain}\n\\bibliography{references}\n", "") % body
    (tmp_path / "paper.tex").write_text(text, encoding="utf-8")
    ran(tmp_path, "pdflatex", "-interaction=nonstopmode", "-halt-on-error", "paper")

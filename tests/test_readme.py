"""The README's Python runs as it stands, and its commands are real; any document's can be pasted into a shell."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from jhrun.cli import main

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]

COMMAND = re.compile(r"(scripts/|jhrun |pip |python |tensorboard |bash |[A-Z_]+=\S+ |'?[a-z][\w./]*=)")
"""How a command, or a word of one, begins that stands within a sentence."""


def test_its_training_loop_runs():
    (block,) = re.findall(r"```python\n(.+?)```", README, re.DOTALL)
    names = {}
    exec(block, names)
    assert names["loss"].isfinite()
    loop = block.split("\n\n")[1].splitlines()
    assert len(loop) <= 10


@pytest.mark.parametrize("line", re.findall(r"^scripts/run (train .+?)(?:  +#.*)?$", README, re.MULTILINE))
def test_its_commands_compose(line, capsys, tmp_path, monkeypatch):
    import shlex

    monkeypatch.chdir(tmp_path)
    words = [word for word in shlex.split(line)[1:] if word != "-m" and not word.startswith("resume=")]
    assert (
        main(["train", "--cfg", "job", *(word.split(",")[0] if "{" not in word else word for word in words)]) == 0
    )


def shell_lines(text):
    """Every command of a document: the lines of its shell blocks, and the commands within its sentences."""
    for block in re.findall(r"^```(?:sh|bash|shell|console)\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
        line = ""
        for part in block.splitlines():
            line = f"{line}\n{part}" if line else part
            # a quoted word may go over several lines
            if part and not part.endswith("\\") and not re.sub(r"'[^']*'|\"[^\"]*\"", "", line).count('"') % 2:
                yield line
                line = ""
        assert not line.strip(), f"a quote is not closed: {line}"
    sentences = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    spans = (" ".join(span.split()) for span in re.findall(r"`([^`]+)`", sentences))
    yield from (span for span in spans if COMMAND.match(span))


def taken_by_a_shell(line):
    """Letters that bash or zsh would not pass on; also in a comment, which an interactive zsh reads as words."""
    bare = re.sub(r"'[^']*'|\"[^\"]*\"", "", line)
    command, _, comment = bare.replace("\\\n", " ").partition(" #")
    return set(re.findall(r"[][(){}*?;&|<>!$`\\]", command)) | set(re.findall(r"[][(){}*?;&|<>!$`'\"\\]", comment))


LINES = [(path.name, line) for path in DOCUMENTS for line in shell_lines(path.read_text())]


def test_the_documents_have_commands():
    assert len([line for name, line in LINES if name == "README.md" and line.startswith("scripts/run")]) > 20
    assert {name for name, _ in LINES} == {path.name for path in DOCUMENTS}


def test_no_shell_takes_a_letter_of_a_command():
    assert {line: found for _, line in LINES if (found := taken_by_a_shell(line))} == {}


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_a_shell_s_dry_run_takes_every_command(shell):
    if not shutil.which(shell):
        pytest.skip(f"{shell} is not installed")
    for _, line in LINES:
        done = subprocess.run([shell, "-n", "-c", line], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, ""), line


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("scripts/run train -m model.widths=choice([64],[128])", "()[]"),
        ("scripts/run train 'model.widths=[64]' attack=[fgsm]", "[]"),
        ("scripts/run train optimizer.lr={0: 0.1}", "{}"),
        ("scripts/run train seed=0    # minutes; or more", ";"),
        ("scripts/run train seed=0    # the user's own", "'"),
        ("pip install 'jhrun[tensorboard]'", ""),
    ],
)
def test_what_a_shell_takes_is_noticed(line, found):
    assert taken_by_a_shell(line) == set(found)


def test_a_comment_that_zsh_passes_on_is_none_of_the_words(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["train", "--cfg", "job", "seed=7", "#", "train,", "attack"]) == 0
    assert "seed: 7" in capsys.readouterr().out

"""``jhrun completion``: real shells complete a line, each as it would under a person's hands."""

import os
import pty
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from jhrun.cli import COMMANDS, _words
from jhrun.commands.completion import completed

BEGIN = {
    "bash": ["bash", "--norc", "--noprofile", "-i"],
    "zsh": ["zsh", "-f", "-i"],
}
SETUP = {
    "bash": 'eval "$(jhrun completion bash)"',
    "zsh": 'autoload -Uz compinit; compinit -u -d dump; eval "$(jhrun completion zsh)"',
}


@pytest.fixture(autouse=True)
def _ours_is_found(monkeypatch):
    monkeypatch.setenv("PATH", os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))


def test_fish_completes_a_choice():
    if shutil.which("fish") is None:
        pytest.skip("there is no fish")
    code = "jhrun completion fish | source; complete --do-complete 'jhrun train model=wr'"
    done = subprocess.run(["fish", "--no-config", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["model=wrn28_10"]


@pytest.mark.parametrize("shell", BEGIN)
def test_a_tab_completes_a_choice_in_a_real_shell(shell):
    if shutil.which(shell) is None:
        pytest.skip(f"there is no {shell}")
    ours, theirs = pty.openpty()
    environment = os.environ | {"TERM": "dumb", "PS1": "> "}
    process = subprocess.Popen(
        BEGIN[shell], stdin=theirs, stdout=theirs, stderr=theirs, env=environment, start_new_session=True
    )
    os.close(theirs)
    seen, sent, until = b"", 0, time.monotonic() + 60
    # the second line once the first has said that it is done; then a tab
    lines = [f"{SETUP[shell]}; echo re''ady\n".encode(), b"jhrun train model=wr\t"]
    waits = [b"", b"ready"]
    try:
        while b"model=wrn28_10" not in seen.replace(b"\r", b"") and time.monotonic() < until:
            if sent < 2 and waits[sent] in seen:
                os.write(ours, lines[sent])
                sent += 1
            if select.select([ours], [], [], 0.2)[0]:
                seen += os.read(ours, 4096)
    finally:
        process.kill()
        process.wait()
        os.close(ours)
    assert b"model=wrn28_10" in seen, seen.decode(errors="replace")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("jhrun ", list(COMMANDS)),
        ("jhrun tr", ["train"]),
        ("jhrun  train  averaging=", ["averaging=ema", "averaging=none", "averaging=swa"]),
        ("jhrun train 'attack=[fgsm,pgd", ["'attack=[fgsm,pgd100", "'attack=[fgsm,pgd20", "'attack=[fgsm,pgd_l2"]),
        ("jhrun train -m model=mlp,c", ["model=mlp,cnn"]),
        ("jhrun train solver.it", []),
        ("jhrun train solver=lanczos solver.it", ["solver.iterations="]),
        ("jhrun eval attack.pgd20.st", []),
        ("jhrun train sub", ["subset="]),
        ("jhrun train --conf", ["--config-dir"]),
        ("jhrun validate ", ["bench", "eval", "train"]),
        ("jhrun validate eval analysis=sl", ["analysis=slices"]),
        ("jhrun list obj", ["objective"]),
        ("jhrun compare --t", ["--tex"]),
        # a file may stand there
        ("jhrun train resume=out", []),
        ("jhrun report out", []),
        ("jhrun trian model=", []),
    ],
)
def test_what_may_stand_at_the_end_of_a_line(line, expected):
    assert completed(line, _words()) == expected


def test_a_shell_that_is_none_is_told(jhrun):
    for call in (["completion"], ["completion", "bsh"]):
        code, out, err = jhrun(*call)
        assert (code, out, err.count("\n")) == (2, "", 1)
    assert "did you mean 'bash'?" in err

"""What the environment holds is nobody's business: it reaches no file of a run and no line of output."""

import secrets
from pathlib import Path

import pytest

NAMES = ["AWS_SECRET_ACCESS_KEY", "HF_TOKEN", "GITHUB_TOKEN", "DATABASE_URL", "JHRUN_PASSWORD", "HYDRA_SECRET"]

BROKEN = """
from jhrun.models import MLP

class Broken(MLP):
    def forward(self, x):
        raise RuntimeError("a bug of the plugin's own")
"""


@pytest.fixture
def secret(monkeypatch):
    """A value that nothing else holds, under usual names."""
    value = secrets.token_hex(16)
    for name in NAMES:
        monkeypatch.setenv(name, value)
    return value


def test_a_value_of_the_environment_is_written_nowhere(secret, jhrun, monkeypatch):
    Path("plugins").mkdir()
    Path("plugins/jhrun_broken.py").write_text(BROKEN)
    monkeypatch.syspath_prepend(Path("plugins").absolute())
    small = ["model=mlp", "model.widths=[8]", "train.epochs=1", "regularizer=none", "attack=fgsm"]
    broken = ["model._target_=jhrun_broken.Broken", "plugins=[jhrun_broken]", "hydra.run.dir=broken"]
    calls = {
        ("train", *small, "logger=tensorboard", "hydra.run.dir=run"): 0,
        ("eval", "run=run", "attack=fgsm", "subset=10"): 0,
        ("report", "run"): 0,
        ("train", "resume=run", "train.epochs=2", "evaluate=false"): 0,
        ("train", "resume=run", "train.epochs=3", "model.widths=[9]"): 4,
        ("train", "dataset.nothing=1", "hydra.run.dir=refused"): 2,
        ("train", *small, *broken): 2,
    }
    for call, expected in calls.items():
        code, out, err = jhrun(*call)
        assert code == expected, out + err
        assert secret not in out + err
    assert not Path("broken").exists()
    written = {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()}
    assert {"run.log", "environment.json", "config.yaml", "report.html", "report.json"} <= {
        p.name for p in written
    }
    assert [path for path, content in written.items() if secret.encode() in content] == []

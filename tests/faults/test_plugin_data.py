"""Data by plugin, as a user meets them: whatever is wrong is one line, exit 3, before anything is trained."""

from pathlib import Path

import pytest

from jhrun.jsonio import read_json

FEW = [
    "model=mlp",
    "model.widths=[4]",
    "train.epochs=1",
    "regularizer=none",
    "evaluate=false",
    "hydra.run.dir=run",
]
LINES = """
import torch
import torchvision
from jhrun.data import Dataset, Part, collected

LABELS = torch.arange(12) % 3
PIXELS = torch.rand(12, 1, 5, 4)
MEAN = (0.5,), (0.25,)


def made(inputs=PIXELS, targets=LABELS):
    return Dataset(("a", "b", "c"), *MEAN, Part(inputs, targets), Part(inputs, targets))

def good(validation):
    return made(PIXELS.double(), torch.eye(3)[LABELS])

def soft(validation):
    shares = (torch.eye(3)[LABELS] + 1) / 4
    return Dataset(("a", "b", "c"), *MEAN, *(Part(PIXELS, shares, LABELS) for _ in range(3)))

def no_shares(validation):
    part = Part(PIXELS, torch.eye(3)[LABELS] * 0.9, LABELS)
    return Dataset(("a", "b", "c"), *MEAN, part, part)

def normalised(validation, seed):
    return made((PIXELS - 0.5) / 0.25)

def several(**options):
    inputs = PIXELS.clone()
    inputs[3] = float("nan")
    return Dataset(("a", "b", "c"), *MEAN, Part(inputs, LABELS + 1), Part(PIXELS[..., :3], LABELS))

def nothing(**options):
    made()

def raises(**options):
    return {}["images"]

def value_error(**options):
    raise ValueError("no such split")

def missing(**options):
    return open("nowhere/images.npy")

def pairs(**options):
    return torchvision.datasets.FakeData(6, (1, 5, 4), 3)

def two(**options):
    return pairs(), pairs()

class Pairs(torch.utils.data.Dataset):
    def __init__(self, validation=0.1):
        self.items = pairs()

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        return self.items[i]

def dictionary(**options):
    return {"train": 1}

def mended(validation):
    parts = collected(pairs()), collected(pairs())
    return Dataset(("a", "b", "c"), *MEAN, *parts)
"""


@pytest.fixture
def train(jhrun, tmp_path, monkeypatch):
    """Train on what a factory of the plugin makes."""
    (tmp_path / "odd_data.py").write_text(LINES)
    monkeypatch.syspath_prepend(tmp_path)

    def call(factory, *more):
        chosen = [f"dataset._target_=odd_data.{factory}", "plugins=[odd_data]", "~dataset.crop", "~dataset.flip"]
        return jhrun("train", *FEW, *chosen, *more)

    return call


MADE = "and no jhrun.data.Dataset, dataset: odd_data."
CURE = "return Dataset(classes, mean, std, collected(train), collected(test)), all of jhrun.data"
RETURN = "return one, as in Dataset(classes, mean, std, Part(inputs, targets), Part(inputs, targets))"
TOLD = {
    "normalised": [
        "the inputs of train, test lie between -",
        "must lie in [0, 1]",
        "leave their normalisation out",
    ],
    "several": [
        "class number 3 among 3 classes in train.targets",
        "1 of 12 train.inputs hold NaN or infinity, the first is example 3",
        "the inputs have other shapes in other parts: (1, 5, 4) in train, (1, 5, 3) in test",
    ],
    "no_shares": ["12 of 12 train.targets are no class distributions", "12 of 12 test.targets are no class"],
    "nothing": [f"it made None, {MADE}nothing, {RETURN}"],
    "raises": ["odd_data.raises raised KeyError ('images'), ", "odd_data.py, line 37, mend it there"],
    "value_error": [
        "odd_data.value_error raised ValueError (no such split), ",
        "odd_data.py, line 40, mend it there",
    ],
    "missing": ["odd_data.missing raised FileNotFoundError (", "odd_data.py, line 43, mend it there"],
    "pairs": [f"it made a FakeData, {MADE}pairs, {CURE}"],
    "two": [f"it made a tuple, {MADE}two, {CURE}"],
    "Pairs": [f"it made a Pairs, {MADE}Pairs, {CURE}"],
    "dictionary": [f"it made a dict, {MADE}dictionary, {RETURN}"],
}


@pytest.mark.parametrize("factory", TOLD)
def test_what_is_wrong_is_one_line(factory, train):
    code, _, err = train(factory)
    assert (code, err.count("\n")) == (3, 1), err
    assert all(told in err for told in TOLD[factory]), err
    assert not list(Path("run").glob("checkpoints/*"))


def test_what_is_unambiguous_is_trained_and_evaluated(train, jhrun):
    """float64 pixels, one-hot targets, and no seed, for the data are the same ones always."""
    code, _, err = train("good")
    assert code == 0, err
    code, _, err = jhrun("eval", "run=run", "attack=fgsm", "plugins=[odd_data]", "dataset.cache=null")
    assert code == 0, err


def test_class_distributions_beside_labels_are_trained_evaluated_and_judged(train, jhrun):
    code, _, err = train("soft", "regularizer=hessian", "solver=lanczos", "solver.iterations=1")
    assert code == 0, err
    code, _, err = jhrun(
        "eval", "run=run", "attack=[fgsm,pgd20]", "analysis=curvature", "plugins=[odd_data]", "name=x"
    )
    assert code == 0, err
    report = read_json(Path("run/report.json"))
    assert report["clean"]["n"] == report["worst_case"]["n"] == 12
    assert report["per_class"].keys() == {"a", "b", "c"}
    assert report["analyses"]["curvature"]["record"]["share_of"] == "H"


def test_the_cure_for_pairs_works(train):
    code, _, err = train("mended")
    assert code == 0, err


def test_an_argument_that_a_factory_does_not_take_is_the_configurations_fault(train):
    code, _, err = train("good", "+dataset.sed=1")
    assert (code, err.count("\n")) == (2, 1)
    assert "there is no key 'dataset.sed'" in err

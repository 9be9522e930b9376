"""A run for a paper, and reports of our making with words of anybody."""

import shutil

import pytest

from jhrun.cli import main
from jhrun.records import AttackRecord, BackgroundRecord, EpochRecord, Proportion, TermRecord
from jhrun.records.evidence import Cited
from jhrun.reporting.document import Evaluated

ODD = r"100% of \input{a}_#1 & $x$ ~^{} [*] \"Ðæ\" 漢 \\"
HOSTILE = Cited(ODD, r"@misc{a, author={A}, title={\input{/etc/passwd}}, year=1}")
TINY = ["model=mlp", "model.widths=[8]", "train.epochs=1", "attack=[fgsm,pgd20]"]


@pytest.fixture(scope="session")
def paper_run(tmp_path_factory, printed):
    """A run whose folder's name TeX would choke on."""
    root = tmp_path_factory.mktemp("paper")
    assert main(["train", *TINY, f"hydra.run.dir={root / 'plain'}"]) == 0
    folder = root / "100%_#&$ {漢}~^\\"
    shutil.move(root / "plain", folder)
    with printed():
        assert main(["report", str(folder)]) == 0
    return folder


def attack(norm="inf", epsilon=8 / 255, said=HOSTILE, spared=False, **parameters):
    share = None if spared else Proportion.of(5, 10)
    return AttackRecord(share, epsilon, norm, 1.0, parameters, share, 4 if spared else None, "x.Y", said)


@pytest.fixture(name="attack")
def _attack():
    """Makes an attack's record."""
    return attack


def evaluated(name="test", attacks=None, **changes):
    plain = {
        "name": name, "checkpoint": "last", "epoch": 2, "weights": "w", "dataset_part": "test", "total": 20,
        "seed": 3, "device": "d", "date": "2026", "seconds": 1.0, "clean": Proportion.of(9, 10),
        "worst_case": Proportion.of(4, 10), "worst_case_norm": "inf", "attacks": attacks or {},
    }  # fmt: skip
    return Evaluated(**plain | changes)


@pytest.fixture
def described(made):
    """A report with one evaluation of these attacks."""

    def report(attacks=None, **changes):
        one = evaluated(attacks=attacks)
        headline = {
            "evaluation": one.name, "joined": (one.name,), "checkpoint": one.checkpoint, "total": one.total,
            "clean": one.clean, "attacks": one.attacks, "worst_case": one.worst_case,
            "worst_case_norm": one.worst_case_norm, "evaluations": {one.name: one},
        }  # fmt: skip
        return made(**headline | changes)

    return report


@pytest.fixture
def odd_reports(made, described):
    """Reports of runs of every kind, by name, most with words that TeX would choke on."""
    node = {"_target_": "odd_%.Th_ing#", ODD: ODD, "a_b": [1, 2], "lr": {0: 0.1, 5: 1e-9}, "x": {"_target_": ODD}}
    odd = made.config(**dict.fromkeys(("dataset", "model", "objective", "solver", "optimizer"), node))
    odd |= {"averaging": node, "bf16": True}
    odd["regularizer"] = {**node, "weight": {"lambda": {"cosine": {"start": 1}}}}
    said = {"value": f"KL of {ODD}"}
    terms = tuple(TermRecord(name, "x.Y", ODD, said, "") for name in ("objective", "regularizer"))
    cifar = {"_target_": "jhrun.data.torchvision.cifar10", "validation": 0.1, "crop": 4, "flip": True}
    old = made.config(dataset=cifar)
    epochs = (EpochRecord(1, 1, 1.0, 1.0, 1.0, None, None, None, None, 0.1, 0.2),)
    background = BackgroundRecord({"train": 10, "validation": 0, "test": 20}, 7, {"odd_%.Th_ing#": HOSTILE})
    both = {ODD: attack(steps=5, my_thing=ODD, on=True), "b": attack("2", 0.5, None, steps=1, restarts=1)}
    return {
        "odd": described(both, config=odd, terms=terms, background=background, epochs=epochs),
        "old": described({"pgd20": attack(said=None), "fgsm": attack(said=None, spared=True)}, config=old),
        "not attacked": described(),
        "not evaluated": made(),
        "not finished": made(epochs=epochs, config=odd, terms=terms),
    }

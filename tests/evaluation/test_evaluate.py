"""Evaluation over a part: figures against counting by hand."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from jhrun.attacks import FGSM, PGD, PGDL2, Attack
from jhrun.data import Part
from jhrun.errors import NumericalError, RunError
from jhrun.evaluation import evaluate, load, restore, save
from jhrun.evaluation.evaluate import BATCH, SHOWN


class Threshold(nn.Module):
    """Class 1 where the mean pixel is above ½: an attack of radius ε moves the mean by at most ε."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(1.0))
        self.dropout = nn.Dropout(0.5)

    def forward(self, x):
        z = self.scale * (x.mean(dim=(1, 2, 3)) - 0.5)
        return self.dropout(torch.stack([-z, z], dim=1))


def flat_images(levels):
    return torch.tensor(levels, dtype=torch.uint8)[:, None, None, None].expand(-1, 1, 2, 2).contiguous()


@pytest.fixture
def part():
    levels = torch.arange(0, 256, dtype=torch.uint8).tolist() * 2
    return Part(flat_images(levels), torch.tensor([int(level > 127) for level in levels]))


def test_robust_accuracy_is_the_share_beyond_epsilon(part):
    """In closed form: an image of level p stays right exactly where |p/255 − ½| > ε."""
    assert len(part) > 2 * BATCH
    result = evaluate(Threshold(), part, {"fgsm": FGSM(0.11), "pgd": PGD(0.11)}, seed=0)
    level = part.inputs[:, 0, 0, 0].double() / 255
    beyond = (level - 0.5).abs() > 0.11  # no level lies on the edge
    assert result.clean_accuracy.accuracy == 1
    for name in ("fgsm", "pgd"):
        assert torch.equal(result.robust(name), beyond)
        assert result.records[name].robust.accuracy == beyond.double().mean().item()
        assert result.distance[name].max() <= 0.11 + 1e-6
    assert result.worst_case.accuracy == beyond.double().mean().item()


def test_an_example_that_is_wrong_clean_is_never_robust(part):
    wrong = Part(part.inputs, 1 - part.targets)
    result = evaluate(Threshold(), wrong, {"fgsm": FGSM(0.4)}, seed=0)
    assert (result.attacked["fgsm"] == wrong.targets).sum() == 0 or result.records["fgsm"].robust.accuracy == 0
    assert result.worst_case.accuracy == result.clean_accuracy.accuracy == 0


def test_of_class_distributions_the_labels_alone_count(part):
    """The distributions, which would make every label wrong, change nothing."""
    soft = Part(part.inputs, torch.eye(2)[1 - part.labels], part.labels)
    attacks = {"fgsm": FGSM(0.11), "pgd": PGD(0.11)}
    of_labels, of_soft = (evaluate(Threshold(), some, attacks, seed=0) for some in (part, soft))
    assert of_soft.clean_accuracy == of_labels.clean_accuracy
    assert of_soft.clean_accuracy.accuracy == 1
    assert torch.equal(of_soft.targets, of_labels.targets)
    for name in attacks:
        assert torch.equal(of_soft.last[name], of_labels.last[name])
        assert torch.equal(of_soft.adversarial[name], of_labels.adversarial[name])
    assert of_soft.per_class(("a", "b")) == of_labels.per_class(("a", "b"))


def test_the_worst_case_is_taken_example_by_example(part):
    result = evaluate(Threshold(), part, {"a": FGSM(0.1), "b": FGSM(0.2)}, seed=0)
    assert torch.equal(result.robust(), result.robust("a") & result.robust("b"))
    assert torch.equal(result.robust(), result.robust("b"))


class Fixed(Attack):
    """Moves every image by a given share of the ball's radius, towards the other class, and counts its passes."""

    kind = "noise"

    def __init__(self, epsilon, share=1.0, norm="inf"):
        super().__init__(epsilon)
        self.share, self.norm, self.seen = share, norm, []

    def perturb(self, model, inputs, targets):
        self.seen.append(len(inputs))
        direction = (1 - 2 * targets).to(inputs)[:, None, None, None]
        return (inputs + direction * self.share * self.epsilon / (1 if self.norm == "inf" else 2)).clamp(0, 1)


def test_a_cascade_spares_what_is_broken_and_gives_the_same_worst_case(part):
    def attacks():
        return {"a": Fixed(0.1, 0.4), "b": Fixed(0.1, 1.0), "l2": Fixed(0.1, 1.0, "2"), "c": Fixed(0.1, 0.9)}

    whole, cascade = attacks(), attacks()
    full = evaluate(Threshold(), part, whole, seed=0)
    short = evaluate(Threshold(), part, cascade, seed=0, cascade=True)
    n = len(part)
    after_a, after_b = int(full.robust("a").sum()), int(full.robust("a", "b").sum())
    assert n > after_a > after_b > 0
    assert [sum(attack.seen) for attack in whole.values()] == [n] * 4
    # the first of each norm sees all
    assert [sum(attack.seen) for attack in cascade.values()] == [n, after_a, n, after_b]
    assert torch.equal(full.robust(), short.robust())
    assert full.worst_case == short.worst_case
    for name in ("a", "l2"):
        assert short.records[name].robust == full.records[name].robust
        assert short.records[name].attacked is None
    for name, seen in (("b", after_a), ("c", after_b)):
        assert (short.records[name].robust, short.records[name].last) == (None, None)
        assert short.records[name].attacked == seen == int((short.attacked[name] >= 0).sum())
        spared = short.attacked[name] < 0
        assert short.distance[name].isnan().equal(spared)
        assert not short.robust(name)[spared].any()
        here = spared[short.shown]
        assert torch.equal(short.adversarial[name][here], short.images[here])


def test_a_cascade_that_leaves_nothing_ends(part):
    attacks = {"a": Fixed(1.0), "b": Fixed(1.0)}
    result = evaluate(Threshold(), part, attacks, seed=0, cascade=True)
    assert attacks["b"].seen == []
    assert result.records["b"].attacked == 0
    assert result.worst_case.accuracy == 0


def test_two_norms_make_no_worst_case_together(part):
    # over four pixels, an l2 radius of 0.4 moves the mean by 0.2
    attacks = {"two": PGDL2(0.4), "inf": PGD(0.05)}
    result = evaluate(Threshold(), part, attacks, seed=0)
    assert result.worst_case_norm == "inf"
    assert torch.equal(result.robust(), result.robust("inf"))
    assert result.records["two"].robust.accuracy < result.worst_case.accuracy
    assert result.distance["two"].max() == pytest.approx(0.4, abs=1e-4)
    alone = evaluate(Threshold(), part, {"two": PGDL2(0.4)}, seed=0)
    assert alone.worst_case_norm == "2"
    assert alone.worst_case == alone.records["two"].robust


class Returning(Attack):
    """Is worst in the middle of its search."""

    kind = "noise"
    iterates = True

    def perturb(self, model, inputs, targets):
        direction = (1 - 2 * targets).to(inputs)[:, None, None, None]
        model((inputs + self.epsilon * direction).clamp(0, 1))
        return inputs


def test_the_worst_iterate_counts_and_the_last_is_told(part):
    result = evaluate(Threshold(), part, {"back": Returning(0.11)}, seed=0)
    level = part.inputs[:, 0, 0, 0].double() / 255
    record = result.records["back"]
    assert record.last.accuracy == 1
    assert torch.equal(result.last["back"], part.targets)
    assert record.robust.accuracy == result.worst_case.accuracy == ((level - 0.5).abs() > 0.11).double().mean()


def test_shown_images_are_those_of_their_positions(part):
    result = evaluate(Threshold(), part, {"fgsm": FGSM(0.05)}, seed=0)
    assert len(result.shown) == SHOWN
    assert torch.equal(result.images, part.inputs[result.shown] / 255)
    away = (result.adversarial["fgsm"] - result.images).abs().amax((1, 2, 3))
    assert torch.allclose(away, result.distance["fgsm"][result.shown])


def test_modes_and_global_random_state_are_left_alone(part):
    model = Threshold()
    model.dropout.eval()
    before = torch.get_rng_state()
    evaluate(model, part, {"pgd": PGD(0.1)}, seed=0)
    assert model.training
    assert not model.dropout.training
    assert torch.equal(torch.get_rng_state(), before)


def test_logits_that_are_not_finite_give_no_accuracy(part):
    model = Threshold()
    model.scale.data.fill_(float("nan"))
    with pytest.raises(NumericalError) as failure:
        evaluate(model, part, {}, seed=0)
    assert failure.value.exit_code == 5


def test_what_is_saved_is_loaded_again(part, tmp_path):
    attacks = {"fgsm": FGSM(0.1), "back": Returning(0.11)}
    result = evaluate(Threshold(), part, attacks, seed=0)
    assert not torch.equal(result.attacked["back"], result.last["back"])
    index = torch.arange(len(part)) * 3
    save(tmp_path, result, index)
    each, images = load(tmp_path)
    assert result.records["fgsm"].robust.accuracy == each["fgsm.robust"].mean()
    assert {"fgsm.predicted", "fgsm.last", "fgsm.linf"} < set(each)
    assert (each["index"] == index.numpy()).all()
    assert (images["position"] == result.shown.numpy()).all()
    record = SimpleNamespace(attacks=result.records)
    again = restore(tmp_path, record)
    for one, other in zip(vars(result).values(), vars(again).values(), strict=True):
        pairs = zip(one.values(), other.values(), strict=True) if isinstance(one, dict) else [(one, other)]
        for a, b in pairs:
            assert torch.equal(a.nan_to_num(), b.nan_to_num()) if isinstance(a, torch.Tensor) else a == b


def test_a_damaged_file_is_named(part, tmp_path):
    save(tmp_path, evaluate(Threshold(), part, {"fgsm": FGSM(0.1)}, seed=0), torch.arange(len(part)))
    (tmp_path / "per_example.npz").write_bytes(b"PK damaged")
    with pytest.raises(RunError, match=r"per_example\.npz"):
        load(tmp_path)


def test_classes_add_up_and_absent_ones_are_left_out(part):
    result = evaluate(Threshold(), part, {"fgsm": FGSM(0.1)}, seed=0)
    shares = result.per_class(["dark", "bright", "none"])
    assert list(shares) == ["dark", "bright"]
    right = sum(share.worst_case.accuracy * share.worst_case.n for share in shares.values())
    assert right == pytest.approx(result.worst_case.accuracy * len(part))
    assert shares["dark"].clean.n == int((part.targets == 0).sum())
    assert shares["dark"].worst_case.accuracy < shares["dark"].clean.accuracy

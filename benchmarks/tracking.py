"""How true a tracked direction is while a network trains on crops and flips: python benchmarks/tracking.py --help.

Before each epoch the vectors that its first batches will be given are held against σ_max, on the images as the
epoch will show them. Beside them stand Lanczos' method from other starts and what further products would make of
the kept vector. One Krylov space of four products per start serves all of these: M Q = Q T + r eᵀ gives the image
of every vector in it. M is H, or JJᵀ, one product with which costs two with J. "Ritz" picks the largest Rayleigh
quotient's modulus in a span, "norm" the largest ‖Mv‖, at the same products.
"""

import argparse
import json
import time
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from jhrun.benchmark.norms import operator, spectral_norms
from jhrun.config.objects import keep_freed_memory
from jhrun.data import Part
from jhrun.data.torchvision import image_folder
from jhrun.linalg import Operator, Tracked
from jhrun.linalg.lanczos import tridiagonalise
from jhrun.linalg.solver import norm, unit_start
from jhrun.models import resnet18
from jhrun.objectives import CrossEntropy
from jhrun.penalties import Hessian, Jacobian
from jhrun.records import Batch, EpochRecord
from jhrun.schedules import schedule
from jhrun.seeds import derive, generator
from jhrun.terms import Spectral, penalised
from jhrun.training import Trainer, TrainOptions
from jhrun.training.validation import validate

STEPS = 4
LATE = 5
"""From this epoch on, figures count into the means."""
PRODUCTS = {
    "kept": 0, "kept, held": 0, "offered": 0, "kept: power": 1, "kept: shifted": 1, "kept: power 2": 2,
    "kept: ritz 2": 2, "kept: norm 2": 2, "offered: ritz 2": 2, "offered: norm 2": 2, "random: ritz 2": 2,
    "kept+offered: ritz": 2, "kept+offered: norm": 2, "kept: ritz 3": 3, "kept: norm 3": 3,
    "kept 2+offered: norm": 3, "kept: ritz 4": 4, "kept: norm 4": 4, "offered: ritz 4": 4, "random: ritz 4": 4,
}  # fmt: skip
"""Ways to a direction, in the table's order, and what each spends of products with M."""


class Space(NamedTuple):
    """Rows q, (B, k, m), and their images M q; for a Krylov space also its T, (B, k, k)."""

    rows: Tensor
    images: Tensor
    t: Tensor | None = None

    def best(self, how: str, size: int = STEPS) -> tuple[Tensor, Tensor]:
        """The best vector in the span of the first rows, which may depend on each other, and its image."""
        rows, images = self.rows[:, :size].double(), self.images[:, :size].double()
        weights, axes = torch.linalg.eigh(rows @ rows.mT)
        whiten = axes * torch.where(weights > 1e-8, weights.clamp_min(1e-30).rsqrt(), 0)[:, None]
        values, vectors = torch.linalg.eigh(whiten.mT @ ((rows if how == "ritz" else images) @ images.mT) @ whiten)
        top = values.abs().argmax(1)[:, None, None].expand(-1, values.shape[1], 1)
        return self.at((whiten @ vectors.gather(2, top))[:, :, 0].to(self.rows))

    def at(self, coefficients: Tensor) -> tuple[Tensor, Tensor]:
        """A combination of the first rows, and its image."""
        size = coefficients.shape[1]
        rows, images = self.rows[:, :size], self.images[:, :size]
        return (coefficients[:, None] @ rows)[:, 0], (coefficients[:, None] @ images)[:, 0]


def krylov(matrix: Operator, start: Tensor) -> Space:
    """The space of four products from unit vectors, (B, m)."""
    found = tridiagonalise(matrix, start, STEPS)
    off = torch.diag_embed(found.off_diagonal, 1)
    t = torch.diag_embed(found.diagonal) + off + off.mT
    images = t @ found.basis
    images[:, -1] += found.remainder
    return Space(found.basis, images, t)


@torch.no_grad()
def candidates(trainer: Trainer, batch: Batch, memory: Tracked) -> dict[str, Tensor]:
    """‖vᵀA‖/σ_max of each example, for every way to a v.

    Args:
        trainer: whose network and penalty these are.
        batch: as the trainer will see it.
        memory: of the kept vectors.

    Returns:
        Shares by name, (B,) each.
    """
    penalty = spectral(trainer).penalties[0]
    whole = operator(trainer.model, trainer.objective, penalty, batch)
    matrix = whole if whole.symmetric else whole.gram()
    random = generator("cpu", 0, "probe", trainer.epoch)
    offered = penalty.start(whole)
    fresh = batch.fresh if penalty.frame == "inputs" else None
    assert batch.index is not None
    v = memory.propose(whole, batch.index, fresh=fresh, start=offered, generator=random).vector.detach()
    kept, other = krylov(matrix, v), krylov(matrix, unit_start(matrix, None, random))
    assert kept.t is not None
    one, first = torch.ones_like(v[:, :1]), kept.t[:, 0]
    shifted = torch.nn.functional.normalize(first, dim=1)
    shifted[:, 0] += 0.5 * first[:, 0].sign()
    made = {"kept": kept.at(one), "kept: power": kept.at(first), "kept: shifted": kept.at(shifted)}
    made["kept: power 2"] = kept.at((kept.t @ first[:, :, None])[:, :, 0])
    made |= {f"kept: {how} {n}": kept.best(how, n) for how in ("ritz", "norm") for n in (2, 3, 4)}
    made |= {f"random: ritz {n}": other.best("ritz", n) for n in (2, 4)}
    if offered is not None:
        near = krylov(matrix, unit_start(matrix, offered, random))
        made |= {"offered": near.at(one), "offered: norm 2": near.best("norm", 2)}
        made |= {f"offered: ritz {n}": near.best("ritz", n) for n in (2, 4)}
        two, three = (
            Space(*(torch.cat([k[:, :n], o[:, :1]], 1) for k, o in zip(kept[:2], near[:2], strict=True)))
            for n in (1, 2)
        )
        made |= {f"kept+offered: {how}": two.best(how) for how in ("ritz", "norm")}
        made["kept 2+offered: norm"] = three.best("norm")
    largest = spectral_norms(trainer.model, trainer.objective, penalty, batch)
    shares = {}
    for name, (vector, image) in made.items():
        row = norm(image) if whole.symmetric else (vector * image).sum(1).clamp_min(0).sqrt()
        shares[name] = row / norm(vector) / largest
    if fresh is not None:
        shares["kept, held"] = shares["kept"][~fresh]
    return shares


def summary(shares: Tensor) -> list[float]:
    """Mean, mean square and 10 % quantile; three NaN of nothing."""
    if not len(shares):
        return [float("nan")] * 3
    return [float(shares.mean()), float(shares.square().mean()), float(shares.quantile(0.1))]


def some(part: Part, count: int, name: str, seed: int) -> Part:
    """So many examples of a part, chosen at random."""
    return part[torch.randperm(len(part), generator=generator("cpu", seed, name))[:count]]


def prepared(arguments: argparse.Namespace) -> Trainer:
    """A training run as the command line describes it."""
    seed, epochs, warm = arguments.seed, arguments.epochs, arguments.warm
    whole = image_folder(root=arguments.root, validation=0.0)
    train = some(whole.train, arguments.examples, "train", seed)
    test = some(whole.test, arguments.test, "test", seed)
    dataset = replace(whole, train=train, test=test, hold=arguments.hold)
    spec = dataset.spec
    torch.manual_seed(derive(seed, "weights"))
    model = resnet18(width=arguments.width, shape=spec.shape, outputs=spec.outputs, mean=spec.mean, std=spec.std)
    penalty = {"jacobian": Jacobian, "hessian": Hessian}[arguments.matrix]()
    solver = Tracked(products=arguments.products)
    weight = schedule({0: 0.0, warm: arguments.weight} if warm else arguments.weight, epochs)
    return Trainer(
        model,
        dataset,
        CrossEntropy(),
        penalised([penalty], solver, weight),
        torch.optim.Adam(model.parameters(), lr=arguments.lr, weight_decay=5e-4),
        schedule(arguments.lr, epochs),
        TrainOptions(epochs, arguments.batch),
        seed,
    )


def spectral(trainer: Trainer) -> Spectral:
    """The trainer's penalty."""
    term = trainer.terms[1].term
    assert isinstance(term, Spectral)
    return term


def probed(trainer: Trainer, examples: int) -> dict[str, list[float]]:
    """The summary of every way to a direction, on the coming epoch's first examples."""
    size, solver = trainer.options.batch_size, spectral(trainer).directions.solver
    assert isinstance(solver, Tracked)
    memory = spectral(trainer).directions.tracked.get(0, solver.over(len(trainer.dataset.train)))
    coming = islice(trainer.dataset.epoch(trainer.epoch, size, seed=trainer.seed), -(-examples // size))
    found = [candidates(trainer, batch, memory) for batch in coming]
    return {name: summary(torch.cat([shares[name] for shares in found])) for name in PRODUCTS if name in found[0]}


def main() -> None:
    """Read the arguments, train, print a row for each epoch and the late epochs' means."""
    parser = argparse.ArgumentParser(description="How true a tracked direction is in training under augmentation.")
    parser.add_argument("--root", required=True, help="folder with train/CLASS/*.png and test/CLASS/*.png")
    parser.add_argument("--matrix", choices=["jacobian", "hessian"], default="jacobian")
    whole = {"examples": 5000, "test": 2000, "probe": 256, "hold": 1, "epochs": 10, "warm": 1, "products": 0}
    whole |= {"batch": 64, "width": 16, "seed": 0, "threads": 1}
    for name, value in (whole | {"lr": 1e-3, "weight": 0.25}).items():
        parser.add_argument(f"--{name}", type=type(value), default=value)
    parser.add_argument("--json", type=Path, help="where to write the rows")
    arguments = parser.parse_args()
    keep_freed_memory()
    torch.set_num_threads(arguments.threads)
    trainer, rows = prepared(arguments), []
    power = 2 if arguments.matrix == "jacobian" else 1
    print(f'(‖vᵀA‖/σ)^{power}, means before each epoch, of "kept" the 10 % quantile too', flush=True)
    for epoch in range(arguments.epochs):
        trainer.options = replace(trainer.options, epochs=epoch + 1)
        begun, lines = time.perf_counter(), list[EpochRecord]()
        probe = probed(trainer, arguments.probe) if arguments.probe and epoch >= arguments.warm else {}
        spent = time.perf_counter() - begun
        trainer.run(save=lambda *_: None, record=lines.append)
        tested = validate(trainer.model, trainer.dataset.test, trainer.objective)
        assert tested is not None and tested[1] is not None
        penalty, seconds, accuracy = lines[0].penalty or 0.0, lines[0].seconds, 100 * tested[1]
        rows.append({"epoch": epoch, "probe_seconds": spent, "seconds": seconds, "accuracy": accuracy})
        rows[-1] |= {"loss": lines[0].task_loss, "penalty": penalty, "truth": probe}
        if probe and (epoch == 0 or not rows[-2]["truth"]):
            print("epoch  train s  probe s  test %  penalty", *probe, sep=" | ")
        cells = [f"{epoch:5} {seconds:8.0f} {spent:8.0f} {accuracy:7.1f} {penalty:8.3g}"]
        cells += [
            f"{s[power - 1]:.3f}" + f" ({s[2] ** power:.3f})" * (name == "kept") for name, s in probe.items()
        ]
        print(*cells, sep=" | ", flush=True)
        if arguments.json:
            told = {name: str(value) for name, value in vars(arguments).items()}
            arguments.json.write_text(json.dumps({"arguments": told, "rows": rows}, indent=1))
    late = [row["truth"] for row in rows[LATE:] if row["truth"]]
    print(f"{'from epoch ' + str(LATE):22} products   σ mean  σ² mean   σ 10 %")
    for name in late[0] if late else ():
        means = torch.tensor([truth[name] for truth in late]).mean(0).tolist()
        print(f"{name:22} {PRODUCTS[name]:8}" + "".join(f"{mean:9.3f}" for mean in means))
    print(f"training {sum(row['seconds'] for row in rows):.0f} s, accuracy {rows[-1]['accuracy']:.1f} %")


if __name__ == "__main__":
    main()

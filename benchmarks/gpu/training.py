"""CIFAR-10 by the paper's schedule, resumable, then attacked by APGD on two losses."""

import time
from dataclasses import asdict, replace
from pathlib import Path

import torch

from gpu import cifar, state
from gpu.part import Part, run
from jhrun import seeds
from jhrun.attacks import APGD, APGDTargeted
from jhrun.data import Dataset
from jhrun.data.image_folder import image_folder
from jhrun.evaluation import evaluate
from jhrun.linalg import Tracked
from jhrun.models import resnet18
from jhrun.objectives import CrossEntropy
from jhrun.penalties import Hessian, Jacobian
from jhrun.records import EpochRecord
from jhrun.terms import penalised
from jhrun.training import Interrupted, Trainer, TrainOptions
from jhrun.training.checkpoint import Checkpoint

STAGES = {0.0: (1e-3, 0.25), 0.5: (1e-4, 0.5), 0.7: (1e-5, 0.75), 0.9: (1e-6, 0.95)}
"""From which share of the epochs on, learning rate and w: section 4 of arXiv 2212.00311."""
PENALTIES = {"jacobian": Jacobian, "hessian": Hessian}
EVERY = 30.0
"""Seconds between two states that are written."""


def stage(epoch: float, epochs: int) -> tuple[float, float]:
    """Learning rate and w of an epoch."""
    return next(value for share, value in reversed(STAGES.items()) if epoch >= share * epochs)


def images(data: Path, work: Path) -> Dataset:
    """The packed images, without a validation part: the paper trained on all 50,000.

    Args:
        data: folder that holds the archive.
        work: folder where they are unpacked and decoded, once for all parts of a call.

    Returns:
        The data set, on the CPU, augmented as the paper has it.
    """
    cifar.unpack(data / cifar.ARCHIVE, work / "cifar10")
    return image_folder(root=str(work / "cifar10"), cache=str(work / "cache"), validation=0.0)


def trainer(part: Part, data: Dataset, width: int) -> Trainer:
    """A run at its beginning."""
    given = part.order.arguments
    epochs = given["epochs"]
    torch.manual_seed(seeds.derive(given["seed"], "weights"))
    model = resnet18(width=width, **vars(data.spec)).to(part.device, memory_format=torch.channels_last)
    penalties = [PENALTIES[given["matrix"]]()] if given["matrix"] else []
    solver = Tracked()
    return Trainer(
        model,
        data,
        CrossEntropy(),
        penalised(penalties, solver, lambda epoch: stage(epoch, epochs)[1]),
        torch.optim.Adam(model.parameters(), lr=1e-3, weight_decay=5e-4),
        lambda epoch: stage(epoch, epochs)[0],
        TrainOptions(epochs=epochs, batch_size=given["batch"], drop_last=True),
        given["seed"],
    )


def width_that_fits(part: Part, data: Dataset) -> int:
    """The network's width, halved until its state fits into the files that a later call gets."""
    width = part.order.arguments["width"]
    while width > 1:
        made = trainer(part, data, width)
        tensors = state.named(made.checkpoint())
        # Adam keeps two numbers for each weight, and the directions come beside them
        moments = {f"state.optimizer.{n}.{i}": p for n, p in enumerate(made.model.parameters()) for i in range(2)}
        kept = {"state.tracked": torch.empty(len(data.train), data.spec.outputs)} if len(made.terms) > 1 else {}
        if state.level_that_fits(tensors | moments | kept, part.order.files * part.order.file_limit) is not None:
            return width
        width //= 2
    raise ValueError(f"no network's state fits into {part.order.files} files of {part.order.file_limit} bytes")


def train(part: Part, trained: Trainer, width: int) -> None:
    """Epochs until the end or the deadline, a row for each; the state is written on the way."""
    written, order = time.monotonic(), part.order

    def save(name: str, checkpoint: Checkpoint) -> None:
        nonlocal written
        due = time.monotonic() - written > EVERY or trained.epoch == trained.options.epochs or part.left <= 0
        if name == "last" and due:
            info = {**checkpoint.info, "steps_done": trained.steps_done, "width": width}
            whole, limits = replace(checkpoint, info=info), {"files": order.files, "file_limit": order.file_limit}
            state.write(whole, order.name, Path(order.out), **limits)
            written = time.monotonic()

    def record(line: EpochRecord) -> None:
        kept = ("epoch", "seconds", "loss", "accuracy", "penalty", "lr", "weight", "memory")
        part.row(what="epoch", **{key: value for key, value in asdict(line).items() if key in kept})

    trained.run(save=save, record=record, stop=lambda: part.left <= 0)


def attack(part: Part, trained: Trainer, data: Dataset) -> None:
    """Clean accuracy and the worst case of the two attacks."""
    given = part.order.arguments
    attacks = {
        "apgd_ce": APGD(8 / 255, steps=given["attack_steps"]),
        "apgd_dlr": APGDTargeted(8 / 255, steps=given["attack_steps"]),
    }
    found = evaluate(trained.model, data.test, attacks, seed=0, cascade=True)
    shares = {"clean": found.clean_accuracy, "worst_case": found.worst_case}
    figures = {name: asdict(share) for name, share in shares.items()}
    seconds = {name: record.seconds for name, record in found.records.items()}
    part.row(what="attack", epsilon="8/255", steps=given["attack_steps"], seconds=seconds, **figures)


def work(part: Part) -> str:
    """Go on from an earlier call's state, or begin."""
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    given, order = part.order.arguments, part.order
    assert order.data is not None
    data = images(Path(order.data), Path(order.work)).to(part.device)
    earlier = state.read(order.name, Path(order.state)) if order.state else None
    width = earlier.info["width"] if earlier else width_that_fits(part, data)
    if earlier is None:
        # rows of a run whose state is lost say nothing of this one
        part.rows = []
        part.row(what="run", width=width, wanted=given["width"], seed=given["seed"], examples=len(data.train))
    trained = trainer(part, data, width)
    if earlier is not None:
        part.rows = [r for r in part.rows if r["what"] != "epoch" or r["epoch"] <= earlier.info["epoch"]]
        trained.restore(earlier)
    try:
        train(part, trained, width)
    except Interrupted:
        return "part"
    if part.left < given["attack_seconds"]:
        return "part"
    attack(part, trained, data)
    return "done"


if __name__ == "__main__":
    run(work)

"""Everything that a run trains with, from its configuration."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import torch

from jhrun import seeds
from jhrun.config import network, objects
from jhrun.config.loss import loss
from jhrun.data import Dataset
from jhrun.errors import ConfigError
from jhrun.evaluation import measure
from jhrun.penalties.preflight.trial import same_draws, trial
from jhrun.schedules import schedule
from jhrun.training import Trainer, TrainOptions

CURVE_POINTS = 4
"""Validation points whose matrices are formed after each epoch of a regression task, for its curve."""


def prepared(values: dict[str, Any], device: torch.device, plugins: Sequence[str]) -> Trainer:
    """Everything that a run trains with, on its device, at the beginning of the first epoch.

    Args:
        values: its configuration.
        device: where it is to be.
        plugins: packages that the user trusts in this call.

    Returns:
        The trainer.

    Raises:
        ConfigError: the parts do not fit.
    """
    objects.apply_options(values)
    objects.examine(values, plugins)
    data = _fewer(objects.dataset(values, plugins), values["train"].get("examples")).to(device)
    model = network.model(values, data, plugins)
    if values["channels_last"]:
        model = model.to(memory_format=torch.channels_last)
    minimised = loss(values, data, plugins)
    optimizer, follows = objects.optimizer(values, model.parameters(), plugins)
    averages, more = objects.averaging(values, plugins)
    try:
        # an objective says here, before anything is trained, that it is not for such targets
        minimised.objective(torch.zeros(1, data.spec.outputs), data.train.targets[:1].cpu())
        trainer = Trainer(
            model,
            data,
            minimised.objective,
            minimised.terms,
            optimizer,
            schedule(values["optimizer"]["lr"], values["train"]["epochs"]),
            TrainOptions(
                **{key: value for key, value in values["train"].items() if key != "examples"},
                checkpoint_steps=values["checkpoint"]["steps"],
                log_steps=values["log"]["steps"],
                bf16=values["bf16"],
                compile=values["compile"],
            ),
            values["seed"],
            follows=[*minimised.follows, *follows, *more],
            averages=averages,
            stages=minimised.stages,
            measure=partial(measure, structure=data.structure, points=CURVE_POINTS) if not data.classes else None,
        )
    except (TypeError, ValueError) as error:
        raise ConfigError(str(error), "train", "change it on the command line") from error
    _try_smallest_batch(trainer)
    return trainer


def preflighted(trainer: Trainer) -> list[str]:
    """Take two training examples through the terms of the loss.

    Args:
        trainer: of a run that begins.

    Returns:
        What is odd, a sentence each.

    Raises:
        ConfigError: a term cannot be used with the network.
    """
    pair = next(trainer.dataset.train[:2].batches(2))
    # the network itself, as every epoch begins
    trainer.model.train()
    look = replace(trainer.look(), model=trainer.model, first=lambda n: iter([pair[:n]]))
    warnings = []
    for one in trainer.terms:
        try:
            title = one.record().title
        except ValueError as error:
            raise ConfigError(str(error), one.name, "the report prints them: write them in the class") from error
        try:
            warnings += one.term.preflight(look)
        except ValueError as error:
            where, remedy = f"preflight of the {title}", "change model, regularizer or solver"
            raise ConfigError(str(error), where, remedy) from error
    if trainer.options.compile and trainer.always_differentiates:
        warnings.append(
            "compile=true changes nothing: every step is penalised, and PyTorch refuses second derivatives of "
            "compiled code"
        )
    return warnings


def _try_smallest_batch(trainer: Trainer) -> None:
    """Where an epoch has a batch of one, which batch norm may refuse, say so before the training and not in it."""
    size, n = trainer.options.batch_size, len(trainer.dataset.train)
    if size > 1 and (trainer.options.drop_last or n % size != 1):
        return
    one = next(trainer.dataset.train[:1].batches(1))
    try:
        with torch.no_grad(), same_draws(), trial(trainer.model) as model:
            model.train()
            model(one.inputs)
    except ValueError as error:
        raise ConfigError(
            f"the network cannot train on a batch of one example ({error})",
            f"train.batch_size={size} of {n} training examples",
            "choose one that leaves no batch of one, or model.normalisation=group",
        ) from error


def _fewer(data: Dataset, n: int | None) -> Dataset:
    """A data set with so many training examples, drawn at random: the same ones for every seed."""
    if n is None:
        return data
    if n > len(data.train):
        what = f"there are {len(data.train)} training examples"
        raise ConfigError(what, f"train.examples={n}", "give fewer, or leave it out")
    chosen = torch.randperm(len(data.train), generator=seeds.generator("cpu", 0, "examples"))[:n].sort().values
    return replace(data, train=data.train[chosen])

"""What a run draws on: the literature of its classes and the sizes of its data, for whoever writes of it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from jhrun.config import door
from jhrun.records import BackgroundRecord
from jhrun.records.evidence import cited
from jhrun.training import Trainer

GROUPS = ("dataset", "model", "objective", "regularizer", "solver", "optimizer", "averaging")
"""That a run trains with. An evaluation records what its attacks cite."""


def background(config: Mapping[str, Any], trainer: Trainer, plugins: Sequence[str]) -> BackgroundRecord:
    """What is recorded when a run begins, so that nobody has to import its classes later.

    Args:
        config: of the run.
        trainer: that was built of it.
        plugins: packages that the user trusts in this call.

    Returns:
        The record.
    """
    methods = {name: door.target(group, name, plugins) for group in GROUPS for name in _targets(config.get(group))}
    layers = {f"{kind.__module__}.{kind.__qualname__}": kind for kind in map(type, trainer.model.modules())}
    # of layers, which are many, those that have something to be cited
    methods |= {name: kind for name, kind in layers.items() if cited(kind).bibtex}
    data = trainer.dataset
    return BackgroundRecord(
        {part: len(getattr(data, part)) for part in ("train", "validation", "test")},
        sum(parameter.numel() for parameter in trainer.model.parameters()),
        {name: cited(method) for name, method in methods.items()},
    )


def _targets(node: Any) -> Iterator[str]:
    if isinstance(node, Mapping):
        if node.get("_target_"):
            yield str(node["_target_"])
        node = list(node.values())
    for value in node if isinstance(node, list) else ():
        yield from _targets(value)

"""What our YAML refers to by ``${name:…}``."""

import secrets
import time
from typing import Any

from omegaconf import DictConfig, OmegaConf

from jhrun.sweeps.devices import gpus

STAGES = (0, 0.5, 0.7, 0.9)
"""Where the stages of arXiv 2212.00311 begin, as shares of a run."""


def register_resolvers() -> None:
    """Make them known to OmegaConf."""
    OmegaConf.register_new_resolver("run_folder", run_folder, replace=True, use_cache=True)
    OmegaConf.register_new_resolver("paper_stages", paper_stages, replace=True)
    OmegaConf.register_new_resolver("share", lambda share, of: int(share * of), replace=True)
    OmegaConf.register_new_resolver("gpus", lambda: len(gpus()), replace=True)
    # for joblib, where -1 is one for each CPU core
    OmegaConf.register_new_resolver("jobs_at_once", lambda: len(gpus()) or -1, replace=True)


def run_folder(resume: Any, experiment: Any, dataset: Any, regularizer: Any) -> str:
    """Where a training run goes.

    Args:
        resume: the run to go on with, which stays where it is; None for a new one.
        experiment: the choice of it; None without one.
        dataset: the choice of it.
        regularizer: likewise.

    Returns:
        A path that no other run has.
    """
    if resume is not None:
        return "."
    name = experiment if experiment is not None else f"{dataset}_{regularizer}"
    return f"outputs/{name}/{time.strftime('%Y-%m-%d_%H-%M-%S')}_{secrets.token_hex(3)}"


def paper_stages(epochs: int, values: list[float]) -> DictConfig:
    """A schedule with the paper's four stages.

    Args:
        epochs: of the run.
        values: one for each stage.

    Returns:
        First epoch → value; a stage that would begin after the last epoch is left out.

    Example:
        >>> paper_stages(100, [2, 4, 8, 16]), paper_stages(4, [2, 4, 8, 16])
        ({0: 2, 50: 4, 70: 8, 90: 16}, {0: 2, 2: 4, 3: 8})
    """
    stages = {round(share * epochs): value for share, value in zip(STAGES, values, strict=True)}
    return OmegaConf.create({first: value for first, value in stages.items() if first < epochs})

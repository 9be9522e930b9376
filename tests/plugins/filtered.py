"""A term with a second trained network, as a plugin: a head that foretells the outputs at noisy inputs."""

from typing import ClassVar

import torch
from torch import nn

from jhrun.terms import Pass, Term, Value


class Foretold(Term):
    """‖h(f(x)) − f(x + n)‖², n Gaussian; h is trained with the network."""

    title = "foretold outputs"
    meaning: ClassVar = {"value": "The mean squared error of a head that foretells the outputs at noisy inputs."}

    def __init__(self, sigma: float = 0.1) -> None:
        self.sigma = sigma

    def copies(self, model: nn.Module) -> dict[str, nn.Module]:
        return {"head": nn.Sequential(nn.Linear(10, 8), nn.BatchNorm1d(8), nn.Linear(8, 10))}

    def __call__(self, step: Pass) -> Value:
        x = step.batch.inputs
        noise = torch.randn(x.shape, generator=step.generator("noise"), device=x.device)
        wanted = step.model(x + self.sigma * noise)
        foretold = step.copies["head"](step.clean.outputs)
        return Value((foretold - wanted).square().mean(1))

"""How training calls the network: in bfloat16, or compiled. The network itself stays as it is, its keys too."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

import torch
from torch import Tensor, nn

from jhrun.errors import ConfigError


class Bfloat16(nn.Module):
    """A network whose matrix products and convolutions are made in bfloat16, as ``torch.autocast`` has it.

    Parameters, inputs and outputs keep their dtype, and with them the loss, a penalty's directions and values, and
    all gradients; derivatives of every order go back through the same casts. Float64 is left alone.

    Example:
        >>> network = Bfloat16(nn.Linear(1, 1, bias=False))
        >>> _ = nn.init.constant_(network.model.weight, 1 + 2**-9)
        >>> network(torch.ones(1, 1)).tolist(), network.model.weight.tolist()
        ([[1.0]], [[1.001953125]])
    """

    def __init__(self, model: nn.Module) -> None:
        """Keep the network.

        Args:
            model: inputs → outputs.
        """
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> Tensor:
        """Outputs, of the inputs' dtype."""
        with torch.autocast(x.device.type, dtype=torch.bfloat16):
            outputs = self.model(x)
        return cast(Tensor, outputs.to(x.dtype))


def compiled(network: nn.Module, device: torch.device) -> nn.Module:
    """A network as ``torch.compile`` makes it, which can be differentiated once; on CUDA by CUDA graphs.

    Args:
        network: with its parameters on the device.
        device: where it runs.

    Returns:
        Another callable of the same parameters, compiled at its first call for each shape of inputs.
    """
    # PyTorch counts the versions of a function in the whole process, all runs of a sweep, and gives up after eight
    torch.compiler.reset()
    # what is compiled for a shape must not hang on which came first, so that a resumed run is the same bit for bit
    made = torch.compile(network, mode="reduce-overhead" if device.type == "cuda" else "default", dynamic=False)
    return cast(nn.Module, made)


@contextmanager
def compile_failure_named() -> Iterator[None]:
    """While it is entered, a failure of ``torch.compile`` is the user's to mend.

    Yields:
        Nothing.

    Raises:
        ConfigError: something could not be compiled.
        RuntimeError: any other failure, as it was.
    """
    try:
        yield
    except RuntimeError as error:
        if not isinstance(error, torch._dynamo.exc.TorchDynamoException):
            raise
        reason = str(error).strip().partition("\n")[0]
        what = f"PyTorch cannot compile the network ({reason})"
        raise ConfigError(what, "compile=true", "install what it lacks, or use compile=false") from error

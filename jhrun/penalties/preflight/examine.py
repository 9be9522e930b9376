"""Two examples through a network: is it a network that can be trained, attacked and penalised?"""

import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from jhrun.penalties.preflight.layers import calls_of
from jhrun.penalties.preflight.trial import first_line, passed_on, same_draws, trial


class Fault(NamedTuple):
    """What is wrong with a network, and how to mend it, in words."""

    what: str
    remedy: str


def examine(model: nn.Module, inputs: Tensor, outputs: int, *, exact: bool, trains: bool = True) -> Fault | None:
    """Try a network on two examples, in training mode and in evaluation mode, and on one example in the latter.

    Args:
        model: to be trained or evaluated, freshly drawn; its weights, buffers, gradients and modes, and the global
            random state, stay as they are.
        inputs: of one or two examples, on the model's device.
        outputs: how many it must have, or must at least have.
        exact: whether it may not have more.
        trains: whether training mode matters.

    Returns:
        The first fault; None where there is none. Gradients that stop before the inputs are none here: not every
        training needs them.
    """
    # the second one is the first one's double where there is no other
    pair = inputs[:2] if len(inputs) > 1 else torch.cat([inputs, inputs])
    for training in (True, False) if trains else (False,):
        with trial(model) as network:
            network.train(training)
            fault = fault_of(network, pair, outputs, exact=exact)
            if fault is None and not training:
                fault = _fault_alone(network, pair[:1])
        if fault is not None:
            mode = "training" if training else "evaluation"
            return Fault(f"in {mode} mode the network {fault.what}", fault.remedy)
    return None


def fault_of(
    network: nn.Module, inputs: Tensor, outputs: int | None = None, *, exact: bool = False
) -> Fault | None:
    """The first fault of a network in the mode that it is in.

    Args:
        network: its buffers may change.
        inputs: of some examples.
        outputs: how many it must have, or must at least have; None for any shape.
        exact: whether it may not have more.

    Returns:
        In words that follow "the network".
    """
    # not the leaf itself, which PyTorch forbids to be changed in place, without saying by whom
    leaf = inputs.detach().clone().requires_grad_()
    x = leaf.clone()
    version = x._version
    try:
        with same_draws(), torch.enable_grad():
            made = network(x)
    except Exception as error:
        if passed_on(error):
            raise
        return _raised(error, f"{len(inputs)} examples")
    if x._version != version or not torch.equal(x.detach().nan_to_num(), inputs.nan_to_num()):
        changes = _changing(network, inputs)
        return Fault(f"changes its input in place{changes}", "use inplace=False, or x = x + 1 in place of x += 1")
    wanted = f"({len(inputs)}, {outputs})" if outputs is not None else f"({len(inputs)}, …)"
    return (
        _fault_of_kind(made, inputs, wanted)
        or _fault_of_shape(made, len(inputs), outputs, wanted, exact=exact)
        or _fault_of_values(network, made, inputs)
    )


def _fault_of_kind(made: Any, inputs: Tensor, wanted: str) -> Fault | None:
    if not isinstance(made, Tensor):
        return Fault(f"returns {_kind(made)}", f"return the logits alone, a tensor {wanted}")
    if not made.is_floating_point():
        return Fault(
            f"returns numbers of type {str(made.dtype)[6:]}",
            "return the logits themselves: not their argmax, and nothing rounded or complex",
        )
    if made.device != inputs.device:
        return Fault(
            f"returns outputs on {made.device} for inputs on {inputs.device}",
            "leave out .to(…), .cuda() and .cpu(): device= says where the network runs",
        )
    return None


def _fault_of_shape(made: Tensor, examples: int, outputs: int | None, wanted: str, *, exact: bool) -> Fault | None:
    shape = tuple(made.shape)
    if outputs is None:
        if made.ndim and len(made) == examples:
            return None
    elif made.ndim == 2 and len(made) == examples:
        if made.shape[1] == outputs or (made.shape[1] > outputs and not exact):
            return None
        what = f"has {made.shape[1]} outputs, and the data need {outputs}"
        return Fault(what, f"give its last layer {outputs} outputs: it is told their number as outputs=")
    remedy = "end it with .flatten(1)" if made.ndim > 2 and len(made) == examples else "keep the first axis"
    return Fault(f"returns outputs of shape {shape} for {examples} examples", f"{remedy}: {wanted} is needed")


def _fault_of_values(network: nn.Module, made: Tensor, inputs: Tensor) -> Fault | None:
    if made.isnan().any() and inputs.isfinite().all():
        where = next(call.label for call in calls_of(network, inputs) if not call.made.isfinite().all())
        what = f"returns NaN: {where} gives values that are not finite in {str(inputs.dtype)[6:]}"
        return Fault(what, "look for an overflow, 0/0, or a root or logarithm of a number below 0")
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    if network.training and trained and not _leads_to(made, trained):
        return Fault(
            "returns outputs without a gradient for any of its parameters",
            "take torch.no_grad, inference_mode, detach, .data and NumPy out of its forward",
        )
    return None


def _leads_to(made: Tensor, sources: list[nn.Parameter]) -> bool:
    """Whether a derivative by one of some tensors is known."""
    if not made.requires_grad:
        return False
    try:
        found = torch.autograd.grad(made.sum(), sources, allow_unused=True)
    except (RuntimeError, NotImplementedError) as error:
        if passed_on(error):
            raise
        # a derivative that cannot be had is another fault, which training tells by its own words
        return True
    return any(gradient is not None for gradient in found)


def _fault_alone(network: nn.Module, one: Tensor) -> Fault | None:
    """Whether a network that takes two examples takes a single one, and keeps the axis of the batch."""
    try:
        with same_draws(), torch.no_grad():
            made = network(one.clone())
    except ValueError:
        # as BatchNorm without running statistics raises it of one value for each channel: the verdict tells it
        return None
    except Exception as error:
        if passed_on(error):
            raise
        return _raised(error, "one example alone")
    if len(made.shape) == 2 and len(made) == 1:
        return None
    return Fault(
        f"returns outputs of shape {tuple(made.shape)} for one example",
        "squeeze() drops the batch's axis too: use flatten(1)",
    )


def _raised(error: Exception, given: str) -> Fault:
    return Fault(f"raises {type(error).__name__} on {given}: {first_line(error)}", _place(error))


def _changing(network: nn.Module, inputs: Tensor) -> str:
    """The innermost layer during which the input changed, in words; nothing where no layer can be blamed."""
    x, found = inputs.detach().clone(), list[str]()
    versions: dict[nn.Module, int] = {}

    def enter(module: nn.Module, *_: Any) -> None:
        versions[module] = x._version

    def hook(name: str) -> Any:
        def leave(module: nn.Module, *_: Any) -> None:
            if x._version != versions[module] and not found:
                found.append(f" (layer '{name}', {type(module).__name__})")

        return leave

    layers = [(name, module) for name, module in network.named_modules() if name]
    handles = [module.register_forward_pre_hook(enter) for _, module in layers]
    handles += [module.register_forward_hook(hook(name)) for name, module in layers]
    try:
        with torch.no_grad(), same_draws():
            network(x)
    finally:
        for handle in handles:
            handle.remove()
    return "".join(found)


def _kind(made: Any) -> str:
    if made is None:
        return "None"
    if isinstance(made, tuple | list | Mapping):
        return f"a {type(made).__name__} of {len(made)}"
    return f"an object of type {type(made).__name__}"


def _place(error: Exception) -> str:
    """The last line of code outside of PyTorch that an error passed, for the user to look at."""
    inside = str(Path(torch.__file__).parent)
    own = str(Path(__file__).parent)
    frames = [f for f in traceback.extract_tb(error.__traceback__) if not f.filename.startswith((inside, own))]
    if not frames:
        return "try it on two examples by hand"
    return f"look at line {frames[-1].lineno} of {frames[-1].filename}"

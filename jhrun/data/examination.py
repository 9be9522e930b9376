"""The one examination of a data set: unambiguous forms are converted, and all faults are told at once."""

from typing import TYPE_CHECKING, Any

from torch import Tensor

from jhrun.data.distributions import as_distributions
from jhrun.data.faults import Faults
from jhrun.data.forms import as_figures, as_inputs, as_names, as_targets
from jhrun.data.part import Part
from jhrun.data.pixels import require_finite, require_pixels

if TYPE_CHECKING:
    from jhrun.data.dataset import Dataset

PARTS = ("train", "validation", "test")


def examined(data: "Dataset") -> dict[str, Any]:
    """A data set's fields in the form in which they are stored.

    Args:
        data: as it was built, perhaps in a user's own code.

    Returns:
        By name, the fields that have a form: the parts, ``classes``, ``mean`` and ``std``.

    Raises:
        BadDataError: names all that is wrong.
    """
    faults = Faults()
    classes = as_names(data.classes, faults)
    # without them nobody knows what the targets are
    faults.refuse()
    mean, std = (as_figures(name, getattr(data, name), faults) for name in ("mean", "std"))
    inputs: dict[str, Tensor] = {}
    targets: dict[str, Tensor] = {}
    labels: dict[str, Tensor] = {}
    for name in PARTS:
        part = getattr(data, name)
        if _filled(name, part, faults):
            _convert(name, part, classes, inputs, targets, labels, faults)
    _require_same_shapes("inputs", inputs, faults)
    if not classes:
        _require_same_shapes("targets", targets, faults)
    _require_shape(next(iter(inputs.values()), None), data, mean, std, faults)
    inputs_finite = [require_finite(f"{name}.inputs", some, faults) for name, some in inputs.items()]
    if classes and inputs and all(inputs_finite):
        require_pixels(inputs, faults)
    if classes:
        _require_unit(mean, std, faults)
    _require_options(data, faults)
    faults.refuse()
    parts = {name: Part(some, targets[name], labels.get(name)) for name, some in inputs.items()}
    return {"classes": classes, "mean": mean, "std": std, **parts}


def _filled(name: str, part: Any, faults: Faults) -> bool:
    """Whether a part has anything to look at; only the validation part may be empty."""
    if not isinstance(part, Part):
        faults.append(f"{name} is a {type(part).__name__}: must be a jhrun.data.Part(inputs, targets)")
        return False
    empty = all(isinstance(some, Tensor) and some.ndim and not len(some) for some in (part.inputs, part.targets))
    if empty and name != "validation":
        faults.append(f"the {name} part is empty: no example is left for it")
    return not empty


def _convert(
    name: str,
    part: Part,
    classes: tuple[str, ...],
    inputs: dict[str, Tensor],
    targets: dict[str, Tensor],
    labels: dict[str, Tensor],
    faults: Faults,
) -> None:
    """Put inputs, targets and labels that have a form, or can be brought to one, with those of the other parts."""
    some = as_inputs(name, part.inputs, faults, classes=bool(classes))
    hard = None
    if part.beside is not None and classes:
        aims, hard = as_distributions(name, part.targets, part.beside, len(classes), faults)
    else:
        aims = as_targets(name, part.targets, faults, classes=classes)
        if part.beside is not None:
            faults.append(f"{name}.labels are given, and there are no classes: name them, or leave the labels out")
    if some is not None:
        inputs[name] = some
    if aims is not None:
        targets[name] = aims
    if hard is not None and hard is not aims:
        labels[name] = hard
    if some is not None and aims is not None and len(some) != len(aims):
        faults.append(f"{len(some)} inputs and {len(aims)} targets in {name}: must be as many")


def _require_same_shapes(what: str, found: dict[str, Tensor], faults: Faults) -> None:
    shapes = {name: tuple(some.shape[1:]) for name, some in found.items()}
    if len(set(shapes.values())) > 1:
        told = ", ".join(f"{shape} in {name}" for name, shape in shapes.items())
        faults.append(f"the {what} have other shapes in other parts: {told}")


def _require_shape(
    inputs: Tensor | None, data: "Dataset", mean: tuple[float, ...], std: tuple[float, ...], faults: Faults
) -> None:
    """Images (N, ch, h, w) or vectors (N, n), and as many means and deviations as channels, or one."""
    if inputs is None:
        return
    shape = tuple(inputs.shape)
    if len(shape) not in {2, 4} or 0 in shape:
        grey = ": grey images need an axis for their channel, inputs[:, None]" if len(shape) == 3 else ""
        faults.append(f"the inputs have shape {shape}, and must be images (N, ch, h, w) or vectors (N, n){grey}")
        return
    if len(shape) == 2 and (data.crop or data.flip):
        faults.append(f"crop={data.crop}, flip={data.flip}: vectors have no sides, so set 0 and false")
    channels, last = shape[1], shape[-1]
    if len(shape) == 4 and last in {1, 3} and channels > 4 and len(mean) in {1, last}:
        faults.append(
            f"the inputs have shape {shape}: channels come before height and width, inputs.movedim(-1, 1)"
        )
        return
    for name, figures in (("mean", mean), ("std", std)):
        if figures and len(figures) not in {1, channels}:
            faults.append(f"{name} has {len(figures)} entries for {channels} channels: give one for each, or one")


def _require_unit(mean: tuple[float, ...], std: tuple[float, ...], faults: Faults) -> None:
    """Mean and standard deviation of numbers in [0, 1] lie there too."""
    for name, figures in (("mean", mean), ("std", std)):
        if not all(0 <= number <= 1 for number in figures):
            faults.append(f"{name}={figures}: is of pixels in [0, 1], so divide it by 255 if it is of others")


def _require_options(data: "Dataset", faults: Faults) -> None:
    for name, least, of in (("crop", 0, "pixels"), ("hold", 1, "epochs")):
        value = getattr(data, name)
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            faults.append(f"{name}={value}: must be a number of {of}, at least {least}")
    as_figures("scale", data.scale[:1], faults)
    as_figures("std of scale", data.scale[1:], faults)
    if data.structure not in {None, "symmetric", "diagonal"}:
        faults.append(f"structure={data.structure}: must be symmetric, diagonal or None")

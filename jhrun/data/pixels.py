"""Whether a data set's inputs lie where networks and attacks expect them."""

from collections.abc import Iterable, Mapping

from torch import Tensor

from jhrun.data.faults import Faults

_ROUNDING = 1e-6
"""How far outside [0, 1] a float32 pixel may lie."""


def require_finite(name: str, found: Tensor, faults: Faults) -> bool:
    """Add a fault where a number is not finite, with the first example that has one.

    Args:
        name: of the tensor.
        found: (N, …), floating-point.
        faults: to be added to.

    Returns:
        Whether all numbers are finite.
    """
    # one pass and no copy: the extremes of what holds a NaN are NaN
    if not found.numel() or all(extreme.isfinite() for extreme in found.aminmax()):
        return True
    bad = (~found.flatten(1).isfinite()).any(1)
    first = int(bad.int().argmax())
    faults.append(f"{int(bad.sum())} of {len(found)} {name} hold NaN or infinity, the first is example {first}")
    return False


def require_pixels(inputs: Mapping[str, Tensor], faults: Faults) -> None:
    """Add a fault where images or vectors to be classified do not fill [0, 1], in which attacks keep them.

    Args:
        inputs: of each part, uint8 or float32, finite.
        faults: to be added to.
    """
    inputs = {part: some for part, some in inputs.items() if some.numel()}
    whole = {part: some for part, some in inputs.items() if not some.is_floating_point()}
    if whole and max(int(some.max()) for some in whole.values()) == 1:
        what = f"{_listed(whole)} are whole numbers, 0 and 1"
        faults.append(f"{what}: whole numbers go from 0 to 255, floats and booleans from 0 to 1")
    floats = {part: some for part, some in inputs.items() if some.is_floating_point()}
    if not floats:
        return
    extremes = [some.aminmax() for some in floats.values()]
    low, high = min(float(e.min) for e in extremes), max(float(e.max) for e in extremes)
    if low >= -_ROUNDING and high <= 1 + _ROUNDING:
        if 0 < high <= (1 + _ROUNDING) / 255:
            faults.append(f"{_listed(floats)} lie between 0 and {high:.3g}: they were divided by 255 twice")
        return
    if low >= 0 and high > 1.5:
        remedy = "divide them by 255" if high <= 255 else "divide them by the largest value that they can have"
    else:
        remedy = "leave their normalisation out, for the network applies the data set's mean and std itself"
    what = f"{_listed(floats)} lie between {low:.3g} and {high:.3g}"
    faults.append(f"{what}, and must lie in [0, 1] to be classified and attacked: {remedy}")


def _listed(parts: Iterable[str]) -> str:
    return f"the inputs of {', '.join(parts)}"

"""Arguments of a configuration as phrases: numbers, schedules, and keys in words."""

from collections.abc import Mapping, Sequence
from typing import Any

from jhrun.reporting import words
from jhrun.reporting.document import Node
from jhrun.reporting.text import one_line, tex

UNSAID = frozenset({
    *("_target_", "weight", "fraction", "root", "download", "cache", "validation", "crop", "flip", "hold", "mean"),
    *("std", "examples", "limit", "dtype", "costs", "measured", "penalties", "of", "which"),
})  # fmt: skip
"""Keys that change no result, or that have sentences of their own."""

COUNTS = {
    "iterations": "iteration",
    "steps": "step",
    "restarts": "restart",
    "queries": "query",
    "draws": "draw",
    "products": "product",
    "samples": "sample per step",
    "searches": "search",
}
"""Keys whose value is a number of what they name, and the word for one."""

KEYS = {
    "lr": "learning rate {}",
    "eps": r"$\epsilon$ = {}",
    "betas": r"$\beta$ = {}",
    "epsilon": r"$\varepsilon$ = {}",
    "relative_step": r"step size {}\,$\varepsilon$",
    "delta": r"$\delta$ = {}",
    "targets": "at most {} target classes",
    "nearest": "the {} nearest boundaries at each step",
    "samples": "{} samples per step",
    "truth": r"for a mean $\|v^\top A\|_2/\sigma_{{\max}}(A)$ of {}",
    "hidden": "hidden width {}",
    "smoothing": "label smoothing {}",
    "start": "from epoch {}",
}
"""Phrases for keys whose own words would be unclear."""

PHRASES = {
    ("image", "True"): "and one further power step",
    ("nesterov", "True"): "Nesterov momentum",
    ("start", "offered"): "started from the gradient where the matrix offers it",
    ("start", "random"): "started from a random vector",
    ("normalisation", "group"): "group normalisation",
    ("normalisation", "batch"): "batch normalisation",
    ("normalisation", "none"): "no normalisation",
    ("activation", "softplus"): "Softplus activations",
    ("activation", "relu"): "ReLU activations",
    ("activation", "gelu"): "GELU activations",
    ("activation", "silu"): "SiLU activations",
    ("activation", "tanh"): "tanh activations",
}

MOST = 20
"""Arguments of a thing, or stages of a schedule, that are said."""


def number(value: float) -> str:
    r"""A number as mathematics writes it.

    Args:
        value: of any size.

    Returns:
        LaTeX.

    Example:
        >>> number(0.05), number(1e-8)
        ('0.05', '$1\\times10^{-8}$')
    """
    text = f"{value:,}" if isinstance(value, int) else f"{value:g}"
    digits, _, power = text.partition("e")
    return rf"${digits}\times10^{{{int(power)}}}$" if power else text.replace("-", "$-$")


def spoken(value: Any) -> str:
    """Any value of a configuration; a schedule by its stages.

    Args:
        value: plain.

    Returns:
        LaTeX.

    Example:
        >>> spoken([0.9, 0.999]), spoken({0: 0.1, 50: 0.01})
        ('0.9 and 0.999', '0.1, then 0.01 from epoch 50')
        >>> spoken({"cosine": {"start": 0.1, "end": 0, "warmup": 5}})
        'falling from 0.1 to 0 along half a cosine, after a linear warm-up of 5 epochs'
    """
    if isinstance(value, bool) or value is None:
        return words.schedule(value)
    if isinstance(value, int | float):
        return number(value)
    if isinstance(value, Mapping):
        return _schedule(value)
    if isinstance(value, list | tuple):
        return listed([spoken(item) for item in value[:MOST]])
    try:
        # YAML reads 1e-3 as a string
        return number(float(value))
    except (TypeError, ValueError):
        return tex(one_line(value))


def _schedule(value: Mapping[Any, Any]) -> str:
    cosine, between = value.get("cosine"), value.get("interpolate")
    if isinstance(cosine, Mapping):
        text = f"falling from {spoken(cosine.get('start'))} to {spoken(cosine.get('end', 0))} along half a cosine"
        warmup = cosine.get("warmup")
        return f"{text}, after a linear warm-up of {spoken(warmup)} epochs" if warmup else text
    if isinstance(between, Mapping):
        ends = [f"{spoken(level)} at epoch {spoken(epoch)}" for epoch, level in [*between.items()][:MOST]]
        return f"interpolated linearly between {listed(ends)}"
    if "_target_" in value:
        return tex(one_line(value.get("_target_")).rsplit(".", 1)[-1])
    if not value or not all(str(key).replace(".", "", 1).isdigit() for key in value):
        return tex(one_line(words.schedule(dict(value))))
    (_, first), *later = [*value.items()][:MOST]
    return ", then ".join(
        [spoken(first), *(f"{spoken(level)} from epoch {spoken(epoch)}" for epoch, level in later)]
    )


def phrase(key: str, value: Any) -> str:
    """An argument in words; empty where there is nothing to say.

    Args:
        key: of a configuration.
        value: its own.

    Returns:
        LaTeX.

    Example:
        >>> phrase("iterations", 4), phrase("restarts", 1), phrase("lr", 0.1), phrase("nesterov", True)
        ('4 iterations', '1 restart', 'learning rate 0.1', 'Nesterov momentum')
    """
    if (key, str(value)) in PHRASES:
        return PHRASES[key, str(value)]
    if value is None or value is False:
        return ""
    if key in COUNTS and value == 1 and value is not True:
        return f"1 {COUNTS[key]}"
    name = tex(one_line(key.replace("_", " ")))
    if value is True:
        return name
    if key in KEYS:
        return KEYS[key].format(spoken(value))
    return (
        f"{spoken(value)} {name}" if key in COUNTS and not isinstance(value, dict) else f"{name} {spoken(value)}"
    )


def phrases(node: Node) -> list[str]:
    """The arguments of a choice in words."""
    found = (phrase(str(key), value) for key, value in [*node.items()][:MOST] if key not in UNSAID)
    return [text for text in found if text]


def listed(texts: Sequence[str]) -> str:
    """Texts as a sentence lists them.

    Args:
        texts: any number.

    Returns:
        One text.

    Example:
        >>> listed(["a", "b", "c"]), listed(["a"])
        ('a, b and c', 'a')
    """
    *first, last = [*texts] or [""]
    return f"{', '.join(first)} and {last}" if first else last


def bracketed(texts: Sequence[str]) -> str:
    """Texts in brackets after a word; empty for none."""
    return f" ({', '.join(texts)})" if texts else ""

"""Words for the arguments of configurations."""

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
    "relative_step": r"step size {}\,$\varepsilon$",
    "targets": "at most {} target classes",
    "nearest": "the {} nearest boundaries at each step",
    "samples": "{} samples per step",
    "truth": r"for a mean $\|v^\top A\|_2/\sigma_{{\max}}(A)$ of {}",
    "hidden": "hidden width {}",
    "smoothing": "label smoothing {}",
    "start": "over the epochs after epoch {}",
}
"""Phrases for keys whose own words would be unclear."""

SYMBOLS = {"eps": r"\epsilon", "betas": r"\beta", "epsilon": r"\varepsilon", "delta": r"\delta"}

PHRASES = {
    ("image", "True"): "and one further power step",
    ("nesterov", "True"): "in Nesterov's form",
    ("distribution", "gaussian"): "Gaussian entries",
    ("distribution", "rademacher"): "Rademacher entries",
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

"""What tells the rows of a leaderboard apart, in as few words as do it."""

from collections.abc import Callable, Sequence

from jhrun.reporting.leaderboard.configuration import CODE, Leaves, class_name, shown

WORDS = {
    "regularizer.weight": "w",
    "regularizer.weight.lambda": "λ",
    "regularizer.fraction": "fraction",
    "solver.iterations": "n",
    "optimizer.lr": "lr",
    "train.batch_size": "batch",
    "dataset.validation": "validation",
    "epsilon": "ε",
    "epsilon_l2": "ε in ℓ2",
}
"""What the field calls a key; the others go by their last part, where that is no other's."""

_PENALTY, _TERM = "regularizer.penalties", "regularizer._target_"
_WEIGHTS = ("regularizer.weight", "regularizer.weight.lambda")
_METHOD = "paper.method"
_FIRST = (_METHOD, "regularizer.", "solver.", "dataset.", "model.", "optimizer.")
"""The penalty is what these runs are about."""

Aspect = Callable[[Leaves], str]


def labels(configurations: Sequence[Leaves], keys: Sequence[str]) -> list[str]:
    """One label for each configuration.

    Args:
        configurations: their leaves.
        keys: those that differ among them.

    Returns:
        Of what differs (penalty, weight, solver, …) as much as it takes until all labels do. Where nothing
        differs, penalty, weight and solver, of which a run without a penalty has none.
    """
    aspects = _aspects(keys) or _aspects([_PENALTY, *_WEIGHTS, "solver._target_"])
    # the solver and the weight of a run without a penalty come last: they matter to nobody
    texts = [
        ["" if _idle(key, found) else aspect(found) for key, aspect in aspects]
        + [aspect(found) if keys and _idle(key, found) else "" for key, aspect in aspects]
        for found in configurations
    ]
    chosen = refined(texts) if keys else list(range(len(aspects)))
    return [", ".join(dict.fromkeys(row[i] for i in chosen if row[i])) for row in texts]


def refined(texts: Sequence[Sequence[str]]) -> list[int]:
    """The columns, from the left, that tell rows apart which those before them did not.

    Args:
        texts: rows of equal length.

    Returns:
        Numbers of columns, as few as this way gives.

    Example:
        >>> refined([["a", "x", "1"], ["a", "y", "2"], ["b", "z", "1"], ["b", "z", "2"]])
        [0, 1, 2]
        >>> refined([["a", "1"], ["b", "2"]])
        [0]
    """
    classes, chosen = [0] * len(texts), []
    for i in range(len(texts[0]) if texts else 0):
        number: dict[tuple[int, str], int] = {}
        finer = [
            number.setdefault((group, row[i]), len(number)) for group, row in zip(classes, texts, strict=True)
        ]
        if len(number) > len(set(classes)):
            classes = finer
            chosen.append(i)
        if len(number) == len(texts):
            break
    return chosen


def _aspects(keys: Sequence[str]) -> list[tuple[str, Aspect]]:
    """What may be said of a configuration, the most telling first, each with its key."""
    ordered = sorted(
        keys, key=lambda key: next((i for i, p in enumerate(_FIRST) if key.startswith(p)), len(_FIRST))
    )
    # the name that the paper has for all that follows from it
    aspects: dict[str, Aspect] = {key: _aspect(key, "") for key in keys if key == _METHOD}
    if any(key.startswith((_PENALTY, _TERM)) for key in keys):
        aspects[_PENALTY] = _penalties
    last = [key.rsplit(".", 1)[-1] for key in keys]
    for key in ordered:
        if key in {_PENALTY, _TERM} or (key.startswith(_PENALTY) and key.endswith("._target_")):
            continue
        name = key.rsplit(".", 1)[-1]
        aspects[key] = _aspect(key, WORDS.get(key) or (name if last.count(name) == 1 else key))
    return list(aspects.items())


def _aspect(key: str, name: str) -> Aspect:
    if key == _METHOD:
        return lambda found: shown(found[key]) if key in found else ""
    if key == CODE:
        return lambda found: f"code {shown(found[key])[:8]}" if key in found else ""
    if key.endswith("_target_"):
        return lambda found: class_name(found[key]) if key in found else ""
    return lambda found: f"{name} {shown(found[key])}" if key in found else ""


def _idle(key: str, found: Leaves) -> bool:
    """Whether a key belongs to a penalty that is not there, or to the solver of a term without matrices."""
    if key == _PENALTY or _matrices(found):
        return False
    return key.startswith(("regularizer.", "solver.") if found.get(_TERM) is None else "solver.")


def _penalties(found: Leaves) -> str:
    """Its matrices, or the class of another term."""
    term = found.get(_TERM)
    return " + ".join(_matrices(found)) or ("no penalty" if term is None else class_name(term))


def _matrices(found: Leaves) -> list[str]:
    return [class_name(v) for key, v in found.items() if key.startswith(_PENALTY) and key.endswith("._target_")]

"""The facts that an attack states of itself, for those who judge a suite of attacks."""

KINDS = {
    "gradient": "by the network's gradients",
    "score": "by its outputs alone",
    "decision": "by its predicted classes alone",
    "noise": "blindly",
    "mixed": "in several of these ways",
}
"""What an attack searches by."""

SEARCHES = {
    "step": "one step to the edge of the ball",
    "ascent": "steps of a set length up the loss",
    "adaptive": "steps up the loss whose length the search sets itself, so that fewer suffice",
    "nearest": "the nearest misclassified point, which counts if it lies in the ball",
}
"""How an attack searches, where that is one of these."""


def require_stated(name: str, kind: str, search: str) -> None:
    """Refuse an attack that does not say what it is.

    Args:
        name: of its class.
        kind: one of ``KINDS``.
        search: one of ``SEARCHES``, or empty.

    Raises:
        ValueError: one of them is something else.
    """
    if kind not in KINDS:
        known = ", ".join(f"{word!r} ({meaning})" for word, meaning in KINDS.items())
        given = f"states kind = {kind!r}" if kind else "does not state its kind"
        raise ValueError(f"{name} {given}: write what it searches by in the class, kind = one of {known}")
    if search and search not in SEARCHES:
        known = ", ".join(map(repr, SEARCHES))
        raise ValueError(f"{name} states search = {search!r}: must be one of {known}, or be left out")

"""Table and page."""


def write(*_: object) -> list[str]:
    """Not yet."""
    return []

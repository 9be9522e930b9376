"""Results that print as tables in a terminal and show as tables or pages in a notebook."""

import html
from abc import ABC, abstractmethod

HEIGHT = 640
"""Pixels of a page in a notebook's cell."""


class Shown(ABC):
    """A result with a text for terminals and markup for notebooks."""

    @abstractmethod
    def __str__(self) -> str:
        """The result as a text."""

    def __repr__(self) -> str:
        """The same: what an interactive interpreter prints."""
        return str(self)

    def _repr_html_(self) -> str:
        """What a notebook shows; the text, where there is nothing better."""
        return f'<pre style="white-space: pre-wrap">{html.escape(str(self))}</pre>'


def frame_of(page: str) -> str:
    """A whole page inside a notebook's cell, kept apart from the notebook's own styles.

    Args:
        page: HTML.

    Returns:
        HTML of an ``iframe``.
    """
    inner = html.escape(page, quote=True)
    return f'<iframe srcdoc="{inner}" width="100%" height="{HEIGHT}" style="border: 0"></iframe>'

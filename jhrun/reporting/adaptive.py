"""A figure that follows the reader's light or dark theme, also inside an ``<img>``."""

import re

INK, PAPER = "#e6e9ed", "#15181c"
"""Of a dark page: its letters and its background. The page's own style sheet uses the same."""

DARK = {"#0072b2": "#3ea2e5", "#b3d4e8": "#2b5069"}
"""Colours that a dark page needs in another lightness: the palette's blue, and its pale twin."""

_HEX = re.compile(rb"#[0-9a-f]{6}\b")


def adaptive(svg: bytes) -> bytes:
    """Let a figure of matplotlib turn dark where the reader's theme is dark.

    Neutral colours change places: a grey of lightness g, from 0 (black) to 1 (white), becomes
    INK + g·(PAPER − INK). The colours of ``DARK`` get their twins. All others stay, for Okabe and Ito's palette is
    seen on both. The background stays opaque, so that a figure is readable on any page, whatever its theme.

    The colours are replaced by rules of CSS alone: a reader that knows no CSS, or no themes, shows the file as it
    was, and so does paper.

    Args:
        svg: as ``drawing.as_bytes`` makes it.

    Returns:
        The same with a style sheet in front.
    """
    found = sorted({hex.decode() for hex in _HEX.findall(svg)})
    # matplotlib writes no fill where it is black
    rules = [f"svg{{fill:{INK}}}"]
    for old in found:
        new = dark(old)
        if new != old:
            rules += [
                f'[style*="{name}: {old}"],[{name}="{old}"]{{{name}:{new}!important}}'
                for name in ("fill", "stroke", "stop-color")
            ]
    sheet = f"<style>@media screen and (prefers-color-scheme: dark){{{''.join(rules)}}}</style>"
    start = svg.index(b">", svg.index(b"<svg")) + 1
    return svg[:start] + b"\n " + sheet.encode() + svg[start:]


def dark(colour: str) -> str:
    """The colour that takes a colour's place on a dark page.

    Args:
        colour: as ``#rrggbb`` in small letters.

    Returns:
        Likewise.

    Example:
        >>> dark("#000000"), dark("#ffffff"), dark("#d55e00")
        ('#e6e9ed', '#15181c', '#d55e00')
    """
    if colour in DARK:
        return DARK[colour]
    red, green, blue = bytes.fromhex(colour[1:])
    if not red == green == blue:
        return colour
    ends = zip(bytes.fromhex(INK[1:]), bytes.fromhex(PAPER[1:]), strict=True)
    return "#" + bytes(round(ink + red / 255 * (paper - ink)) for ink, paper in ends).hex()

"""Figures turn dark with the reader's theme, and stay as they are for everybody else."""

import base64
import io
import os
import shutil
import xml.etree.ElementTree as ET

import pytest
from matplotlib.figure import Figure
from PIL import Image

from jhrun.reporting.adaptive import DARK, INK, PAPER, adaptive, dark
from jhrun.reporting.drawing import as_bytes
from jhrun.reporting.style import own_style

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture(scope="module")
def svg():
    """Four fields: black, blue, orange, and white with black hatches; black letters beside them."""
    with own_style():
        figure = Figure(figsize=(4, 1))
        axes = figure.add_axes((0, 0, 1, 1))
        axes.axis("off")
        for place, colour in enumerate(("black", "#0072B2", "#E69F00")):
            axes.bar(place, 1, 1, color=colour)
        axes.bar(3, 1, 1, facecolor="white", edgecolor="black", hatch="xxxx", linewidth=0)
        axes.text(4, 0.3, "■", fontsize=30)
        axes.set_xlim(-0.5, 5.5)
        axes.set_ylim(0, 1)
        return as_bytes(figure, "svg")


def test_the_drawing_itself_is_untouched(svg):
    start, end = (adaptive(svg).index(mark) for mark in (b"\n <style>", b"</style>"))
    assert adaptive(svg)[:start] + adaptive(svg)[end + len(b"</style>") :] == svg
    ET.fromstring(adaptive(svg))


def test_greys_change_places_and_the_palette_stays():
    assert (dark("#000000"), dark("#ffffff")) == (INK, PAPER)
    lightness = [int(dark(f"#{grey:02x}{grey:02x}{grey:02x}")[1:3], 16) for grey in range(256)]
    assert lightness == sorted(lightness, reverse=True)
    assert dark("#e69f00") == "#e69f00"
    assert all(dark(old) == new for old, new in DARK.items())


@pytest.mark.browser
@pytest.mark.skipif(BROWSER is None and not os.environ.get("CI"), reason="there is no Chromium here")
def test_an_image_follows_the_page_s_theme_and_paper_is_light(svg):
    from playwright.sync_api import sync_playwright

    url = base64.b64encode(adaptive(svg)).decode()
    page_text = f"<style>body{{margin:0}}img{{display:block}}</style><img src='data:image/svg+xml;base64,{url}'>"
    seen = {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        for theme in ("light", "dark"):
            page = browser.new_page(viewport={"width": 400, "height": 100}, color_scheme=theme)
            page.set_content(page_text)
            page.wait_for_load_state("networkidle")
            image = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
            seen[theme] = ["#" + bytes(image.getpixel((x, 50))).hex() for x in (32, 96, 160, 378)]
            # hatches cover some of their field, and letters some of theirs
            for name, left, right in (("hatch", 200, 250), ("letter", 260, 330)):
                colours = image.crop((left, 5, right, 95)).getcolors(10_000)
                seen[theme, name] = {"#" + bytes(colour).hex() for _, colour in colours}
        browser.close()
    assert seen["light"] == ["#000000", "#0072b2", "#e69f00", "#ffffff"]
    assert seen["dark"] == [INK, DARK["#0072b2"], "#e69f00", PAPER]
    for name in ("hatch", "letter"):
        assert {"#000000", "#ffffff"} <= seen["light", name]
        assert {INK, PAPER} <= seen["dark", name]

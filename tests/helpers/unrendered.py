"""Pictures that are described and not drawn, which is half of the time of a tiny run."""

import importlib.util
import os
import sys
from pathlib import Path

HERE = str(Path(__file__).parent)
_EMPTY_SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="1pt" height="1pt" viewBox="0 0 1 1"></svg>'
_EMPTY_PNG = b"\x89PNG\r\n\x1a\n"


MODULE = "jhrun.reporting.picture"


def render(draw, kind):
    """In place of the module's: empty files."""
    rendering = sys.modules[MODULE].Rendering
    return rendering(_EMPTY_PNG, b"%PDF-", None) if kind == "png" else rendering(_EMPTY_SVG, b"%PDF-", _EMPTY_SVG)


def asked() -> bool:
    """Whether PYTHONPATH has this folder, whose ``sitecustomize`` every new process imports."""
    return HERE in os.environ.get("PYTHONPATH", "").split(os.pathsep)


class Waiting:
    """An importer that waits for the module that renders."""

    def find_spec(self, name, path=None, target=None):
        """Take part in one import alone."""
        if name != MODULE:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        execute = spec.loader.exec_module

        def exec_module(module):
            execute(module)
            module.render = render

        spec.loader.exec_module = exec_module
        return spec

"""``jhrun report RUN …``: write a run's report anew from its records, or set several runs beside each other."""

import secrets
import time
from collections.abc import Sequence
from pathlib import Path

from jhrun.config import stored
from jhrun.folder import RunFolder
from jhrun.reporting import headline, plain, write_comparison, write_report


def run(paths: Sequence[str]) -> None:
    """Write the report and print its headline.

    Args:
        paths: folders of runs, or of sweeps, whose runs lie in them. One run has its report written anew; several
            are compared in a new folder below ``outputs/comparison``.
    """
    folders = [folder for path in paths for folder in runs_in(path)]
    if len(folders) == 1:
        (folder,) = folders
        report = write_report(folder, stored.read(folder.config))
        print(f"{headline(report)}\n\nreport: {folder.path / 'report.html'}\n{folder.path}")
        return
    output = Path("outputs/comparison").absolute() / f"{time.strftime('%Y-%m-%d_%H-%M-%S')}_{secrets.token_hex(3)}"
    table = write_comparison([(folder, stored.read(folder.config)) for folder in folders], output)
    print(f"{plain(table)}\n\nreport: {output / 'comparison.html'}\n{output}")


def runs_in(path: str) -> list[RunFolder]:
    """The runs that a path names.

    Args:
        path: a run's folder, or a folder of runs, such as a sweep's.

    Returns:
        At least one; those of a sweep in the order of their numbers.

    Raises:
        RunError: there is no run.
    """
    here = Path(path).expanduser().absolute()
    found = [] if (here / "config.yaml").is_file() else [p.parent for p in here.glob("*/config.yaml")]
    if not found:
        return [RunFolder.existing(path)]
    numbered = sorted(found, key=lambda p: (int(p.name) if p.name.isdigit() else -1, p.name))
    return [RunFolder(p) for p in numbered]

"""``jhrun report DIR …``: write a run's report anew, or make a leaderboard of any runs and sweeps."""

import secrets
import time
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

from jhrun.commands.progress import Progress
from jhrun.commands.session import disk_named, logged, records_read, resources_named, tell
from jhrun.config import stored
from jhrun.errors import pasteable
from jhrun.folder import RunFolder
from jhrun.reporting import cells_in, headline, is_sweep, plain, write_leaderboard, write_report
from jhrun.sweeps import Lock


def run(paths: Sequence[str], *, paper: bool = False) -> None:
    """Write the report or the leaderboard and print its table.

    Args:
        paths: folders of runs, or of sweeps, whose runs lie in them. One run has its report written anew; one
            sweep has its leaderboard written into its folder; of several folders a leaderboard is made in a new
            one below ``outputs/leaderboard``.
        paper: whether the leaderboard sets runs of the paper's protocol beside the published tables; one run then
            has a leaderboard too, in a new folder.
    """
    folders = [Path(path).expanduser().absolute() for path in paths]
    if len(folders) == 1 and not paper and not is_sweep(folders[0]):
        folder = RunFolder.existing(paths[0])
        # a run can be reported while it goes on
        lock = nullcontext() if Lock.holder(folder.path) else Lock(folder.path)
        with resources_named(folder.path), logged(folder), lock as ours, records_read(folder):
            if ours:
                folder.remove_temporaries()
            report = write_report(folder, stored.read(folder.config))
        figures = pasteable(headline(report), run=folder.path)
        tell(f"{figures}\n\nreport: {folder.path / 'report.html'}\n{folder.path}")
        return
    output = folders[0]
    if len(folders) > 1 or not is_sweep(output):
        name = f"{time.strftime('%Y-%m-%d_%H-%M-%S')}_{secrets.token_hex(3)}"
        output = Path("outputs/leaderboard").absolute() / name
    with disk_named(output), Progress("reading the runs"):
        cells = [cell for path in folders for cell in cells_in(path, stored.read)]
        table = write_leaderboard(cells, output, paper=paper)
    tell(f"{plain(table)}\n\nreport: {output / 'leaderboard.html'}\n{output}")

"""``jhrun report DIR …``: write a run's report anew, or make a leaderboard of any runs and sweeps."""

import secrets
import time
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

from jhrun.commands.progress import Progress
from jhrun.commands.session import disk_named, logged, records_read, resources_named, tell
from jhrun.config import stored
from jhrun.config.groups import brought, nearest
from jhrun.errors import ConfigError, RunError, pasteable
from jhrun.folder import RunFolder
from jhrun.jsonio import write_json
from jhrun.reporting import headline, verdict_lines, write_report
from jhrun.reporting.leaderboard import as_text, cells_in, is_sweep, write_leaderboard
from jhrun.sweeps import Lock
from jhrun.terminal import room


def run(paths: Sequence[str], *, paper: bool = False, evaluation: str | None = None) -> None:
    """Write the report or the leaderboard and print its table.

    Args:
        paths: folders of runs, or of sweeps, whose runs lie in them. One run has its report written anew; one
            sweep has its leaderboard written into its folder; of several folders a leaderboard is made in a new
            one below ``outputs/leaderboard``.
        paper: whether the leaderboard sets runs of the paper's protocol beside the published tables; one run then
            has a leaderboard too, in a new folder.
        evaluation: the one of a run that its page is to be about; ``null`` for the headline over all of them, None
            to leave that as it is.

    Raises:
        ConfigError: an evaluation is named, but not one run.
        RunError: the run has no such evaluation.
    """
    folders = [Path(path).expanduser().absolute() for path in paths]
    one = len(folders) == 1 and not paper and not is_sweep(folders[0])
    if evaluation is not None and not one:
        what = "evaluation= is of one run's report, and this is a leaderboard"
        raise ConfigError(what, "jhrun report", "leave it out, or give one run's folder")
    if one:
        folder = RunFolder.existing(paths[0])
        # a run can be reported while it goes on
        lock = nullcontext() if Lock.holder(folder.path) else Lock(folder.path)
        with resources_named(folder.path), logged(folder), lock as ours, records_read(folder):
            if ours:
                folder.remove_temporaries()
            if evaluation is not None:
                _pin(folder, evaluation)
            report = write_report(folder, stored.read(folder.config))
        text = "\n".join([pasteable(headline(report), run=folder.path), *verdict_lines(report)])
        tell(f"{text}\n\nreport: {folder.path / 'report.html'}\n{folder.path}")
        return
    output = folders[0]
    if len(folders) > 1 or not is_sweep(output):
        name = f"{time.strftime('%Y-%m-%d_%H-%M-%S')}_{secrets.token_hex(3)}"
        output = Path("outputs/leaderboard").absolute() / name
    with disk_named(output), Progress("reading the runs"):
        cells = [cell for path in folders for cell in cells_in(path, stored.read)]
        board = write_leaderboard(cells, output, brought("train"), paper=paper)
    tell(f"{as_text(board, room())}\n\nreport: {output / 'leaderboard.html'}\n{output}")


def _pin(folder: RunFolder, name: str) -> None:
    """Have a run's page be about one evaluation, also when it is written anew, or about all of them again."""
    if name == "null":
        folder.pin.unlink(missing_ok=True)
        return
    there = [path.name for path in folder.evaluations()]
    if name not in there:
        remedy = nearest(name, there) if there else "evaluate it first: jhrun eval run=…"
        raise RunError(f"the run has no evaluation '{name}'", str(folder.path), remedy)
    write_json(folder.pin, {"evaluation": name})

"""Jobs in processes of their own, seen from the process that waits for them: by their records and logs."""

from collections.abc import Sequence
from contextlib import suppress

from jhrun.commands.progress import Progress
from jhrun.errors import RunError
from jhrun.jsonio import read_json
from jhrun.reporting.words import counted
from jhrun.sweeps import Job, SweepFolder
from jhrun.sweeps.job import FAILED, FINISHED, RUNNING


def watched(folder: SweepFolder, jobs: Sequence[Job], *, before: int = 0, total: int | None = None) -> Progress:
    """A context that shows how jobs stand, in whatever process or on whatever host they are.

    Args:
        folder: of the sweep.
        jobs: that are worked on.
        before: how many others are over.
        total: how many there are, with those that have not begun; all if not given.

    Returns:
        The context.
    """
    count = total or len(jobs)
    over: set[str] = set()

    def look(progress: Progress) -> None:
        shares, running = [], []
        for job in jobs:
            if job.id in over:
                continue
            with suppress(RunError):
                state = read_json(folder.record(job))["state"]
                if state in {FINISHED, FAILED}:
                    over.add(job.id)
                elif state == RUNNING:
                    running.append(job)
                    shares.append(folder.share(job))
        done = before + len(over)
        detail = f"{len(running)} running" if len(running) > 1 else ""
        if running:
            said = f"job {running[0].number}: {folder.last_line(running[0])}"
            detail = f"{detail}; {said}" if detail else said
        progress(done + sum(shares), f"{done} of {counted(count, 'job')}", detail=detail)

    return Progress(f"{before} of {counted(count, 'job')}", count, done=before, look=look)

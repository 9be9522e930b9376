"""Many runs as one: who a job is, who works on it, and how it goes on."""

from jhrun.sweeps.identity import ELSEWHERE, code_version, identity
from jhrun.sweeps.job import Job, SweepFolder
from jhrun.sweeps.lock import Lock
from jhrun.sweeps.process import run_job, watch_parent

__all__ = ["ELSEWHERE", "Job", "Lock", "SweepFolder", "code_version", "identity", "run_job", "watch_parent"]

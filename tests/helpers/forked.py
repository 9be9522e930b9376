"""Real processes that begin warm: forked from a server that has imported jhrun and all it needs, 6 s of a core.

``Forked`` is ``subprocess.Popen`` for ``[python, "-m", MODULE, …]`` and ``[python, "-c", CODE, …]``: a child of
the caller with a number, signals, streams, folder, environment and exit code of its own. The interpreter and its
libraries began earlier: the environment that they read then, as a locale or a hash seed, must be the same, and a
test of the start itself takes ``subprocess.Popen``. Where a sweep is forked, its jobs are too, and so are the
processes that the module ``FORKED_JOBS`` of the environment begins.
"""

import atexit
import ctypes
import gc
import importlib
import inspect
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import unrendered

PREPARED = [
    *("jhrun.commands.launch", "jhrun.commands.train", "jhrun.commands.eval", "jhrun.commands.bench"),
    *("jhrun.commands.report", "torch._dynamo", "sklearn.datasets", "matplotlib.backends.backend_svg"),
]
READ_AT_START = ("PYTHONHASHSEED", "PYTHONIOENCODING", "PYTHONUTF8", "PYTHONWARNINGS", "LC_ALL", "MPLBACKEND")
_PR_SET_CHILD_SUBREAPER = 36
AT_START = dict(os.environ)
_SERVERS: list[tuple[socket.socket, dict[str, str]]] = []
"""That of this process, once there is one."""

_ONE = threading.Lock()
"""Held while a process is asked for: several threads may."""


class Forked(subprocess.Popen):
    """A process that the server forks, on one thread; of Popen's options, streams, cwd, env and session."""

    def _execute_child(self, *given: Any) -> None:
        # Popen's own parts stay: pipes, waiting, signals; only fork and exec are another's
        call = inspect.signature(subprocess.Popen._execute_child).bind(self, *given).arguments
        python, *command = map(str, call["args"])
        assert python == sys.executable
        # without the folder that one is in among the places to import from
        alone = command[0] == "-P"
        how, what, *argv = command[alone:]
        assert how in {"-m", "-c"}
        assert call["preexec_fn"] is None
        assert not call["shell"]
        channel, at_start = _server()
        environment = {**(os.environ if call["env"] is None else call["env"]), "OMP_NUM_THREADS": "1"}
        for name in READ_AT_START:
            # for Python, what is empty is not set
            assert (environment.get(name) or None) == (at_start.get(name) or None), (
                f"{name} is read at the start alone"
            )
        asked = {
            "how": how,
            "alone": alone,
            "what": what,
            "argv": argv,
            "cwd": os.fspath(call["cwd"] or Path.cwd()),
            "env": environment,
            "session": call["start_new_session"],
        }
        pipes = ["p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite"]
        p2cread, _, _, c2pwrite, _, errwrite = streams = [call[name] for name in pipes]
        theirs = [own if there == -1 else there for own, there in enumerate([p2cread, c2pwrite, errwrite])]
        self.pid = _fork(channel, asked, theirs)
        self._child_created = True
        self._close_pipe_fds(*streams)


def run(command: list[Any], **options: Any) -> subprocess.CompletedProcess[str]:
    """As ``subprocess.run(command, capture_output=True, text=True, check=False)``, in a forked process."""
    with Forked(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options) as process:
        try:
            said, errors = process.communicate(timeout=400)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
    return subprocess.CompletedProcess(command, process.returncode, said, errors)


def _server() -> tuple[socket.socket, dict[str, str]]:
    """Our end of the server's channel, and the server's environment; begun when first asked for."""
    if not _SERVERS:
        _SERVERS.append(_begun())
    return _SERVERS[0]


def _begun() -> tuple[socket.socket, dict[str, str]]:
    """Begin the server; gives our end of its channel and its environment. Without that end it ends too."""
    ours, its = socket.socketpair()
    command = [sys.executable, __file__, str(its.fileno())]
    paths = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    path = os.pathsep.join(part for part in paths if part != unrendered.HERE)
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": path}
    process = subprocess.Popen(command, env=environment, pass_fds=[its.fileno()])
    its.close()

    def end() -> None:
        ours.close()
        process.wait(60)

    atexit.register(end)
    return ours, environment


def _fork(channel: socket.socket, asked: dict[str, Any], streams: list[int]) -> int:
    """Have the server fork; gives the number of the process, whose parent we are."""
    letter = os.memfd_create("call")
    os.write(letter, json.dumps(asked).encode())
    with _ONE:
        # the server forks twice, and of an orphan the nearest reaper becomes the parent
        _reaper(True)
        try:
            socket.send_fds(channel, [b"."], [letter, *streams])
            number = channel.recv(32)
        finally:
            _reaper(False)
            os.close(letter)
    assert number, "the server has died"
    return int(number)


def _reaper(on: bool) -> None:
    assert ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, int(on), 0, 0, 0) == 0


def _serve(channel: socket.socket) -> dict[str, Any]:
    """Fork as often as asked; returns in each child, with the call that it is to run."""
    while True:
        message, descriptors, *_ = socket.recv_fds(channel, 1, 4)
        if not message:
            sys.exit()
        between = os.fork()
        if not between:
            between = os.getpid()
            if os.fork():
                os._exit(0)
            while os.getppid() == between:
                time.sleep(0.0005)
            channel.send(str(os.getpid()).encode())
            channel.close()
            return _taken(descriptors)
        os.waitpid(between, 0)
        for descriptor in descriptors:
            os.close(descriptor)


def _taken(descriptors: list[int]) -> dict[str, Any]:
    """In a child: its streams, its folder and its environment."""
    letter, *streams = descriptors
    asked: dict[str, Any] = json.loads(os.pread(letter, os.fstat(letter).st_size, 0))
    for number, descriptor in enumerate(streams):
        os.dup2(descriptor, number)
    for descriptor in descriptors:
        os.close(descriptor)
    if asked["session"]:
        os.setsid()
    os.chdir(asked["cwd"])
    os.environ.clear()
    os.environ.update(asked["env"])
    for name, number in (("stdout", 1), ("stderr", 2)):
        before = getattr(sys, name)
        stream = open(  # noqa: SIM115 - it stays open
            number,
            "w",
            buffering=1 if name == "stderr" or os.isatty(number) else -1,
            encoding=before.encoding,
            errors=before.errors,
            closefd=False,
        )
        stream.reconfigure(write_through="PYTHONUNBUFFERED" in os.environ)
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
    return asked


def _run(how: str, what: str, argv: list[str], *, alone: bool) -> None:
    """As ``python -m MODULE`` or ``python -c CODE``."""
    searched = [part for part in os.environ.get("PYTHONPATH", "").split(os.pathsep) if part]
    # the first is this file's folder, which the code of a test may need, after all others
    helpers, *others = sys.path
    first = [] if alone else [str(Path.cwd()) if how == "-m" else ""]
    sys.path = [*first, *(part for part in searched if part not in sys.path), *others, helpers]
    sys.argv = [how, *argv]
    if how == "-m":
        runpy.run_module(what, run_name="__main__", alter_sys=True)
    else:
        main = sys.modules["__main__"] = ModuleType("__main__")
        exec(compile(what, "<string>", "exec"), main.__dict__)


def _branched(asked: dict[str, Any]) -> dict[str, Any]:
    """Give a sweep a server of its own, so that its jobs are its children; returns in each of them too."""
    ours, its = socket.socketpair()
    if not os.fork():
        ours.close()
        # whoever waits for the end of the sweep's streams does not wait for us
        nothing = os.open(os.devnull, os.O_RDWR)
        for number in range(3):
            os.dup2(nothing, number)
        return _serve(its)
    its.close()
    _SERVERS[:] = [(ours, AT_START)]
    name = os.environ.pop("FORKED_JOBS", "jhrun.sweeps.process")
    sys.path += os.environ.get("PYTHONPATH", "").split(os.pathsep)
    importlib.import_module(name).Popen = Forked
    return asked


def _prepared() -> None:
    """Import everything, and run nothing: with a second thread, a fork would be of half a process."""
    for name in PREPARED:
        importlib.import_module(name)
    gc.freeze()
    assert len([*Path("/proc/self/task").iterdir()]) == 1
    # an interrupt of the terminal is for the tests
    signal.signal(signal.SIGINT, signal.SIG_IGN)


if __name__ == "__main__":
    _prepared()
    asked = _serve(socket.socket(fileno=int(sys.argv[1])))
    if os.environ.get("FORKED_JOBS") or (asked["what"] == "jhrun" and {"-m", "--multirun"} & {*asked["argv"]}):
        asked = _branched(asked)
    # from here on it is the child
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if unrendered.asked():
        importlib.import_module(unrendered.MODULE).render = unrendered.render
    # which a process of its own would begin with another
    importlib.import_module("numpy").random.seed()
    _run(asked["how"], asked["what"], asked["argv"], alone=asked["alone"])

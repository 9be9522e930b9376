"""What a run writes of itself: how it stands, and where it was made."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from jhrun.records.evidence import Cited


@dataclass(frozen=True)
class StatusRecord:
    """``status.json``.

    Attributes:
        state: ``running``, ``finished``, ``failed`` or ``interrupted``.
        exit_code: of the process; None while it runs.
        error: in one line; None where there is none.
        started: when the run began, ISO 8601 with time zone.
        ended: when it ended; None while it runs.
        pid: of the process.
        host: the machine's name.
    """

    state: str
    exit_code: int | None
    error: str | None
    started: str
    ended: str | None
    pid: int
    host: str


@dataclass(frozen=True)
class EnvironmentRecord:
    """``environment.json``: on what machine and with which versions a run was made.

    Attributes:
        command: as typed.
        jhrun: its version.
        commit: of the source, where it was a git checkout; else None.
        code: a hash of the source of jhrun and of the plugins.
        python: its version.
        torch: its version.
        torchattacks: its version.
        cuda: its version, where a GPU did the work; else None.
        device: in words.
        platform: system and machine.
        threads: of PyTorch.
        resumed: what each resumption noted.
    """

    command: str
    jhrun: str
    commit: str | None
    code: str
    python: str
    torch: str
    torchattacks: str
    cuda: str | None
    device: str
    platform: str
    threads: int
    resumed: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True)
class BackgroundRecord:
    """``background.json``: what a paper says of a run and its configuration does not.

    Attributes:
        examples: how many each part of the data has, ``train``, ``validation`` and ``test``; empty where that is
            not known.
        parameters: of the network; None where that is not known.
        cited: what a paper says of each class and function that the run was made with, by its dotted path.
    """

    examples: Mapping[str, int] = field(default_factory=dict)
    parameters: int | None = None
    cited: Mapping[str, Cited] = field(default_factory=dict)

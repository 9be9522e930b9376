"""Disks that one process alone sees: root mounts them in a namespace, and anybody else as root of a namespace."""

import ctypes
import os
import subprocess
import sys
from pathlib import Path

MAY_NOT = 77
"""Exit code of a process that may not mount."""

_NEW_MOUNTS, _NEW_USERS = 0x00020000, 0x10000000


def mount_own(*commands: list[str]) -> None:
    """As ``unshare --mount``, with ``--map-root-user`` for others than root, and then calls of ``mount``."""
    libc, user, group = ctypes.CDLL(None, use_errno=True), os.getuid(), os.getgid()
    spaces = _NEW_MOUNTS | (_NEW_USERS if user else 0)
    if libc.unshare(spaces):
        print(f"unshare: {os.strerror(ctypes.get_errno())}", file=sys.stderr)
        sys.exit(MAY_NOT)
    if user:
        for name, text in (("setgroups", "deny"), ("uid_map", f"0 {user} 1"), ("gid_map", f"0 {group} 1")):
            Path("/proc/self", name).write_text(text)
    # nothing of it reaches the others
    for arguments in (["--make-rprivate", "/"], *commands):
        if subprocess.run(["mount", *arguments], check=False).returncode:
            sys.exit(MAY_NOT)

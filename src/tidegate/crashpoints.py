"""
Named points where the crash tests kill the process, as a power cut would.

Imports nothing of ours. Does nothing unless `TIDEGATE_CRASH_AT` says `<point>=<path of a file>`: the process
that reaches the point and manages to remove the file dies by SIGKILL, so each file is good for one crash.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

_armed, _, _fuse = os.environ.get("TIDEGATE_CRASH_AT", "").partition("=")

POINTS = (
    "gate before append",
    "gate before answer",
    "loader before changes",
    "loader before load",
    "loader after load",
    "loader after trim",
)
"""Every point there is; the crash tests go through all of them."""


def crash_point(name: str) -> None:
    """Die here if the crash tests armed this point."""
    if name == _armed:
        try:
            Path(_fuse).unlink()
        except FileNotFoundError:
            return
        os.kill(os.getpid(), signal.SIGKILL)

"""Fills a journal by real pushes and has the product load it, timed by its own log lines."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.loads import begun_at, wait_for_requests
from bench.programs import accepting_only, port_of, send, serving

Freed = Callable[[float], float]
"""When a warehouse was free after its last load, from when the log says that load was over."""


@dataclass(frozen=True, slots=True)
class Loading:
    """How long a backlog took, from the log line that loading begins, and in how many loads."""

    seconds: float
    loads: int


def fill(data_dir: Path, bodies: Path, requests: int, *flags: str, destination: str = "") -> dict[str, Any]:
    """Send requests into the journal of a data folder, leave it unloaded, and return the sender's report."""
    with accepting_only(data_dir, **loading_to(destination)) as product:
        return send(port_of(product), bodies, requests, *flags, token=product.access_token)


def loading_to(destination: str) -> dict[str, str]:
    """Return the setting of a first start that loads to a destination; to the default one without."""
    return {"TIDEGATE_DESTINATION": destination} if destination else {}


def load(data_dir: Path, requests: int, *, load_bytes: int, freed: Freed) -> Loading:
    """Have a backlog loaded at once; of its log only what this start says is looked at."""
    log = data_dir.with_suffix(".log")
    log.unlink(missing_ok=True)
    settings = {"TIDEGATE_LOAD_WAIT_S": "0", "TIDEGATE_LOAD_BYTES": str(load_bytes)}
    with serving(data_dir, "--workers", "1", **settings):
        lines = wait_for_requests(log, requests)
        ended_at = freed(lines[-1].finished_at)
    return Loading(ended_at - begun_at(log), len(lines))

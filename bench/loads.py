"""What the product's own log lines say about loading."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from bench.programs import Failed

LOOK_AGAIN_S = 0.02
NO_NEWS_S_MAX = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadLine:
    """One `loaded` log line: it is written after the commit, when the warehouse file is free again."""

    finished_at: float
    seconds: float
    requests: int
    rows: int


def begun_at(log: Path) -> float:
    """Return when the loader last said that it begins: its journal open, its warehouse not yet."""
    begun = [line for line in log.read_bytes().splitlines() if b'"event":"loading begins"' in line]
    if not begun:
        raise Failed(f"the loader did not begin; last log line: {_last_line(log)}")
    return _timestamp(json.loads(begun[-1]))


def _timestamp(said: dict[str, Any]) -> float:
    return datetime.fromisoformat(said["timestamp"]).timestamp()


def load_lines(log: Path) -> list[LoadLine]:
    """Return the loads a product's log tells of, in order. Units: seconds since 1970 UTC."""
    found = []
    for line in log.read_bytes().splitlines():
        if b'"event":"loaded"' not in line:
            continue
        said = json.loads(line)
        found.append(
            LoadLine(
                finished_at=_timestamp(said),
                seconds=said["ms"] / 1000,
                requests=said["requests"],
                rows=said["rows"],
            )
        )
    return found


def wait_for_requests(log: Path, requests: int) -> list[LoadLine]:
    """Wait until so many requests are loaded, by the log alone: asking the product would slow it down."""
    best, news_at = 0, time.monotonic()
    while True:
        lines = load_lines(log)
        done = sum(line.requests for line in lines)
        if done >= requests:
            return lines
        if done > best:
            best, news_at = done, time.monotonic()
        if time.monotonic() - news_at > NO_NEWS_S_MAX:
            raise Failed(f"only {done} of {requests} requests were loaded; last log line: {_last_line(log)}")
        time.sleep(LOOK_AGAIN_S)


def _last_line(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return lines[-1][-300:] if lines else "none"

"""What the product's own log lines and a warehouse file say about loading."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb

from bench.plan import Expected
from bench.programs import Failed

LOOK_AGAIN_S = 0.05
NO_NEWS_S_MAX = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadLine:
    """One `loaded` log line: it is written after the commit, when the warehouse file is free again."""

    finished_at: float
    seconds: float
    requests: int
    rows: int


def load_lines(log: Path) -> list[LoadLine]:
    """Return the loads a product's log tells of, in order. Units: seconds since 1970 UTC."""
    found = []
    for line in log.read_bytes().splitlines():
        if b'"event":"loaded"' not in line:
            continue
        said = json.loads(line)
        found.append(
            LoadLine(
                finished_at=datetime.fromisoformat(said["timestamp"]).timestamp(),
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


def held(path: Path, who: str) -> Expected:
    """Return what a warehouse holds of the orders. Errors: Failed when there is no such table."""
    with duckdb.connect(str(path), read_only=True) as conn:
        row = conn.execute(
            "SELECT table_schema FROM information_schema.tables"
            " WHERE table_name = 'orders' AND NOT contains(table_schema, 'staging')"
        ).fetchone()
        if row is None:
            raise Failed(f"{who} made no table")
        found = conn.execute(f'SELECT count(*), sum(quantity) FROM "{row[0]}".orders').fetchone()
        elements = conn.execute(
            f'SELECT count(*) FROM "{row[0]}".orders__lines' if _has_lines(conn, row[0]) else "SELECT 0"
        ).fetchone()
    rows, quantity = found or (0, 0)
    return Expected(rows=rows, quantity=int(quantity or 0), elements=(elements or (0,))[0])


def _has_lines(conn: duckdb.DuckDBPyConnection, schema_name: str) -> bool:
    asked = "SELECT 1 FROM information_schema.tables WHERE table_schema = ? AND table_name = 'orders__lines'"
    return conn.execute(asked, [schema_name]).fetchone() is not None

"""
A process of its own that works on a SQLite journal until it is done or killed. Started by the crash tests.

Usage: python -m tests.crash.journal_process append|trim|name <path> <writer> <first number>
`append` prints the positions of each group as soon as they are acknowledged; `trim` marks and frees all it
sees; `name` prints the journal's id. What a writer's n-th request looks like is known to the tests.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path

from tidegate.journal import SqliteJournal
from tidegate.records import Endpoint, Request

GROUPS_MAX = 400
GROUP = 4


def open_journal(path: Path) -> SqliteJournal:
    """Open the journal that a test and its processes share."""
    # A process that never gets its turn is a hang; on a slow disk many syncs of others may come before it.
    return SqliteJournal(path, bytes_max=1_000_000_000, retention_s=0, retention_bytes_max=0, wait_s_max=60.0)


def numbered_request(writer: str, number: int) -> Request:
    """Return the n-th request of a writer: sizes and bytes vary, always in the same way."""
    some = random.Random(f"{writer}/{number}")  # noqa: S311 - reproducible, not secret
    plain = b'{"n": 1}' * some.randrange(1_000)
    return Request(
        source_id=some.randrange(10),
        endpoint=some.choice(list(Endpoint)),
        content_type="application/json",
        received_at_ms=number,
        record_count=some.randrange(1, 100),
        request_id=f"{writer}/{number}",
        body=some.randbytes(some.randrange(12_000)) + plain,
    )


def _append(journal: SqliteJournal, writer: str, number: int) -> None:
    for _ in range(GROUPS_MAX):
        group = [numbered_request(writer, number + k) for k in range(GROUP)]
        print(number, *journal.append(group), flush=True)  # noqa: T201 - the test reads it
        number += GROUP


def _trim(journal: SqliteJournal) -> None:
    while True:
        journal.trim(journal.end())
        print(journal.stats().loaded, flush=True)  # noqa: T201 - the test reads it


def main(task: str, path: str, writer: str, first: str) -> None:
    """Do one task."""
    journal = open_journal(Path(path))
    if task == "append":
        _append(journal, writer, int(first))
    elif task == "trim":
        _trim(journal)
    else:
        print(journal.journal_id, flush=True)  # noqa: T201 - the test reads it
    journal.close()


if __name__ == "__main__":
    main(*sys.argv[1:])

"""
When tokens were last used, to the minute: noted in passing, written later by a thread, at most once a minute.

A request waits for none of it. What a crash loses is the use of the last seconds.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from datetime import datetime

from sqlalchemy import Table, Update, or_, update

from tidegate.control.schema import connect_tokens, from_ms, tokens
from tidegate.control.store import Store
from tidegate.errors import ControlError

WRITE_WAIT_S = 5.0
"""Between two looks at what was noted; many tokens share a transaction."""

MINUTE_MS = 60_000


class Uses:
    """
    Keeps a process's notes of tokens that were let in, and writes them to the store.

    `note` and `note_connect` cost one assignment and may be called from any thread.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._noted: dict[tuple[str, int], int] = {}
        self._written: dict[tuple[str, int], int] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="uses", daemon=True)

    def start(self) -> Uses:
        """Begin to write what is noted."""
        self._thread.start()
        return self

    def note(self, token_id: int, at_ms: int) -> None:
        """Note the use of a source's access token. Units: milliseconds since 1970 UTC."""
        self._noted[tokens.name, token_id] = at_ms // MINUTE_MS

    def note_connect(self, token_id: int, at_ms: int) -> None:
        """Note the use of a Connect API access token. Units: milliseconds since 1970 UTC."""
        self._noted[connect_tokens.name, token_id] = at_ms // MINUTE_MS

    def write(self) -> None:
        """Write what is new. Errors: ControlUnavailable, ControlUnusable; then it is tried again later."""
        noted = self._noted.copy()
        news = {key: minute for key, minute in noted.items() if self._written.get(key) != minute}
        if news:
            with self._store.writing() as conn:
                for (table_name, token_id), minute in sorted(news.items()):
                    conn.execute(_used(table_name, token_id, from_ms(minute * MINUTE_MS)))
            self._written.update(news)
        newest = max(noted.values(), default=0)
        for key, minute in noted.items():
            if minute < newest:
                self._forget(key, minute)

    def close(self) -> None:
        """Write what is left and stop. Safe to repeat."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        with suppress(ControlError):
            self.write()

    def _run(self) -> None:
        while not self._stop.wait(WRITE_WAIT_S):
            with suppress(ControlError):
                self.write()

    def _forget(self, key: tuple[str, int], minute: int) -> None:
        """Keep nothing of tokens that are not used any more."""
        if self._noted.get(key) == minute:
            self._noted.pop(key, None)
        self._written.pop(key, None)


def _used(table_name: str, token_id: int, at: datetime) -> Update:
    table: Table = {each.name: each for each in (tokens, connect_tokens)}[table_name]
    older = or_(table.c.last_used_at.is_(None), table.c.last_used_at < at)
    return update(table).where(table.c.id == token_id, older).values(last_used_at=at)

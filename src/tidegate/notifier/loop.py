"""The notifier process: what is due is sent, each call in a thread of its own."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING

from tidegate.control import notifications
from tidegate.control.schema import now
from tidegate.errors import ControlError
from tidegate.notifier.causes import SEEN_KINDS, causes
from tidegate.notifier.hook_calls import HookCalls
from tidegate.notifier.mail_round import MailRound

if TYPE_CHECKING:
    from tidegate.control.store import Store
    from tidegate.logs import Log
    from tidegate.metrics import Metrics
    from tidegate.settings import Settings

POLL_S = 0.2
"""How often the outboxes are looked at: one indexed look-up each, some ten microseconds."""

CAUSES_S = 2.0
"""How often all that may be wrong is gathered: this reads the newest report of each table."""

CONTROL_RETRY_S = 1.0
THREADS_MAX = 16
"""Calls at the same time; each waits for another machine nearly all of its time."""


class Threads:
    """Runs functions in threads of their own, so many at a time for each name and in all."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._running: Counter[int] = Counter()

    def busy(self, name_most: int) -> list[int]:
        """Return the names that have so many threads."""
        with self._lock:
            return [name for name, count in self._running.items() if count >= name_most]

    def room_in_all(self) -> int:
        """Return how many threads more may begin."""
        with self._lock:
            return self._most - self._running.total()

    def room(self, name: int, name_most: int) -> int:
        """Return how many of them under a name that may have so many."""
        with self._lock:
            return min(self._most - self._running.total(), name_most - self._running[name])

    def run(self, name: int, function: Callable[[], None]) -> None:
        """Run a function in a thread."""
        with self._lock:
            self._running[name] += 1

        def counted() -> None:
            try:
                function()
            finally:
                with self._lock:
                    self._running[name] -= 1

        # A daemon: what is being sent when we are told to stop counts as an attempt, and is sent again.
        threading.Thread(target=counted, name=f"send-{name}", daemon=True).start()


class Notifier:
    """Sends what is due and sees what is wrong, until told to stop."""

    def __init__(self, store: Store, settings: Settings, *, metrics: Metrics, log: Log) -> None:
        self._store = store
        self._log = log
        self._hooks = HookCalls(store, settings, Threads(THREADS_MAX), metrics=metrics, log=log)
        self._mails = MailRound(store, settings, Threads(1), metrics=metrics, log=log)
        self._version: int | None = None
        self._looked_at = float("-inf")

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set. A control store that cannot be used is asked again."""
        while not stop.wait(POLL_S):
            try:
                self.turn()
            except ControlError as exc:
                self._log.warning("control store", error=str(exc))
                stop.wait(CONTROL_RETRY_S)

    def turn(self) -> None:
        """Begin everything that is due. Errors: ControlError."""
        self._hooks.begin_due()
        self._look()
        self._mails.begin_due()

    def _look(self) -> None:
        """See what is wrong, when anything was committed since."""
        if time.monotonic() - self._looked_at < CAUSES_S:
            return
        self._looked_at = time.monotonic()
        version = self._store.version()
        if version != self._version:
            self._settle()
            self._version = version
        self._mails.announce()

    def _settle(self) -> None:
        with self._store.reading() as conn:
            if notifications.matches(conn, SEEN_KINDS, causes(conn, now())):
                return
        with self._store.writing() as conn:
            notifications.settle(conn, SEEN_KINDS, causes(conn, now()))

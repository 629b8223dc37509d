"""The calls of hooks that are due, and what becomes of each."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from sqlalchemy import Row

from tidegate.control import deliveries, hooks, outbox
from tidegate.control.deliveries import Delivery, delivery
from tidegate.control.schema import hook_deliveries, now
from tidegate.errors import ControlError, ControlUnusable, NotifierError, Unknown
from tidegate.notifier.calling import call
from tidegate.notifier.signing import DELIVERY_HEADER, SIGNATURE_HEADER, signature

if TYPE_CHECKING:
    from tidegate.control.hooks import Hook
    from tidegate.control.store import Store
    from tidegate.logs import Log
    from tidegate.metrics import Metrics
    from tidegate.notifier.loop import Threads
    from tidegate.settings import Settings

HOOK_CALLS_MAX = 4
"""Calls of one hook at the same time: one slow receiver leaves room for the others."""

TAKEN_MAX = 16
"""Calls begun in one turn, in one transaction."""

LEASE_S = 30.0
"""Beyond its time-out: how long a call may take to look its host up and to write down what became of it."""


class HookCalls:
    """Begins the calls that are due, in threads."""

    def __init__(
        self, store: Store, settings: Settings, threads: Threads, *, metrics: Metrics, log: Log
    ) -> None:
        self._store = store
        self._settings = settings
        self._threads = threads
        self._metrics = metrics
        self._log = log

    def begin_due(self) -> None:
        """Begin what is due, as far as there is room. Errors: ControlError."""
        busy = self._threads.busy(HOOK_CALLS_MAX)
        with self._store.reading() as conn:
            found = outbox.due(conn, hook_deliveries, limit=TAKEN_MAX, without={"hook_id": busy})
        if not found:
            return
        for item in self._taken(found):
            self._threads.run(item.hook_id, partial(self._deliver, item))

    def _taken(self, found: Sequence[Row[Any]]) -> list[Delivery]:
        """Take the calls there is room for; one whose attempts are used up (a process died) is given up."""
        taken: list[Delivery] = []
        with self._store.writing() as conn:
            for row in found:
                item = delivery(row)
                same = sum(each.hook_id == item.hook_id for each in taken)
                room = self._threads.room(item.hook_id, HOOK_CALLS_MAX)
                if same >= room or len(taken) >= self._threads.room_in_all():
                    continue
                if item.attempts > self._settings.hook_retries_max:
                    error = item.error or "the process ended during the last attempt"
                    deliveries.given_up(conn, item, http_status=item.http_status, error=error)
                elif outbox.take(conn, hook_deliveries, row, for_s=self._settings.hook_wait_s_max + LEASE_S):
                    taken.append(item)
        return taken

    def _deliver(self, item: Delivery) -> None:
        """Call once, and write down what became of it."""
        begun = time.monotonic()
        outcome: dict[str, Any] = {"delivery": item.id, "hook": item.hook_id, "attempt": item.attempts + 1}
        try:
            with self._store.reading() as conn:
                hook, secret = hooks.get(conn, item.hook_id), hooks.secret_of(conn, item.hook_id)
            try:
                status = self._call(hook, secret, item)
            except NotifierError as exc:
                outcome |= {"host": hook.host, "error": str(exc), "ms": _ms(begun)}
                self._note_failed(item, exc, outcome)
                return
            with self._store.writing() as conn:
                deliveries.delivered(conn, item, status)
            self._metrics.hook_calls.labels("delivered").inc()
            self._log.info("hook called", **outcome, host=hook.host, status=status, ms=_ms(begun))
        except Unknown:
            return  # the hook was deleted meanwhile
        except ControlUnusable as exc:
            self._note_failed(item, NotifierError(str(exc)), outcome | {"error": str(exc)})
        except ControlError as exc:
            self._log.warning("what became of a call cannot be noted", **outcome, error=str(exc))

    def _call(self, hook: Hook, secret: str, item: Delivery) -> int:
        body = item.payload.encode()
        headers = {
            "Content-Type": "application/json",
            "User-Agent": self._settings.hook_user_agent,
            SIGNATURE_HEADER: signature(secret, body, int(time.time())),
            DELIVERY_HEADER: str(item.id),
        }
        return call(
            hook.url,
            body,
            headers,
            wait_s=self._settings.hook_wait_s_max,
            public_only=self._settings.hook_addresses == "public",
        )

    def _note_failed(self, item: Delivery, exc: NotifierError, outcome: dict[str, Any]) -> None:
        """Let the call wait for its next attempt, or give it up."""
        is_last = not exc.retryable or item.attempts >= self._settings.hook_retries_max
        wait_s = self._settings.hook_retry_wait_s * 2.0**item.attempts
        with self._store.writing() as conn:
            if is_last:
                deliveries.given_up(conn, item, http_status=exc.http_status, error=str(exc))
            else:
                due_at = now() + timedelta(seconds=wait_s)
                deliveries.put_off(conn, item, due_at, http_status=exc.http_status, error=str(exc))
        self._metrics.hook_calls.labels("given_up" if is_last else "put_off").inc()
        (self._log.error if is_last else self._log.warning)(
            "hook cannot be called", **outcome, retry_in_s=None if is_last else wait_s
        )


def _ms(begun: float) -> float:
    return round((time.monotonic() - begun) * 1000, 1)

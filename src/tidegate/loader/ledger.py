"""What a lane asks of and tells to the control store."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from tidegate.control import deliveries, destinations, grant_changes, loads, rejected, sources
from tidegate.control.loads import LoadReport
from tidegate.control.schema import from_ms
from tidegate.control.store import Store

PRUNE_EVERY = 500
"""Loads between two prunings of old reports: at one load a second, every eight minutes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A destination to run a lane for; `url` with its secrets."""

    destination_id: int
    url: str


def targets(store: Store) -> Sequence[Target]:
    """Return every destination there is."""
    with store.reading() as conn:
        return _targets(conn)


def _targets(conn: Connection) -> Sequence[Target]:
    return [
        Target(destination_id=each.id, url=destinations.full_url(conn, each.id))
        for each in destinations.list_(conn)
    ]


class Surroundings:
    """What the loader process must know of the store beside its lanes. Used from one thread."""

    def __init__(self, store: Store, known: Sequence[Target]) -> None:
        self._store = store
        self._known = known
        self._version: int | None = None
        self._changes: int | None = None
        self._answer = (False, False)

    def look(self) -> tuple[bool, bool]:
        """
        Tell whether destinations changed since the lanes began, and whether entries must be kept for a
        destination still to come.

        Microseconds while nothing is committed. Errors: ControlError.
        """
        version = self._store.version()
        if version != self._version:
            with self._store.reading() as conn:
                changes = grant_changes.number(conn)
                if changes != self._changes:
                    self._answer = (_targets(conn) != self._known, destinations.homeless(conn))
            self._version, self._changes = version, changes
        return self._answer


class StoreLedger:
    """The ledger of one lane, kept in the control store. Source ids and schemas are read once per change."""

    def __init__(self, store: Store, destination_id: int, now_ms: Callable[[], int]) -> None:
        self._store = store
        self._destination_id = destination_id
        self._now_ms = now_ms
        self._failing = True  # as far as we know: the first load that works clears what an earlier run noted
        self._since_prune = 0

    def schema_names(self) -> dict[int, str]:
        """Return the schema of every source that loads here, deleted ones included."""
        with self._store.reading() as conn:
            here = destinations.get(conn, self._destination_id)
            return {
                each.id: each.schema_name
                for each in sources.list_(conn, here.client_id, deleted=True)
                if each.destination_id == here.id or (each.destination_id is None and here.is_default)
            }

    def loaded(self, reports: Sequence[LoadReport]) -> None:
        """Keep the reports, and the calls of hooks that tell of them; note that the destination works."""
        with self._store.writing() as conn:
            loads.add(conn, reports)
            deliveries.enqueue(conn, reports)
            if self._failing:
                destinations.note_working(conn, self._destination_id)
            self._since_prune += 1
            if self._since_prune >= PRUNE_EVERY:
                loads.prune(conn)
                self._since_prune = 0
        self._failing = False

    def forget(self, before_ms: int) -> None:
        """Forget old marks on rejected records."""
        with self._store.writing() as conn:
            rejected.prune(conn, from_ms(before_ms))

    def failing(self, error: str) -> None:
        """Note the error; from now on clients of these sources are told that processing waits."""
        self._failing = True
        with self._store.writing() as conn:
            destinations.note_failing(conn, self._destination_id, error, self._now_ms())

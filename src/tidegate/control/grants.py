"""
Grants: what a token lets its bearer do, looked up for each request without touching the store.

One process holds one snapshot of all tokens that are not revoked, and takes a new one when a token, source or
destination changed: first it asks for the store's version, one number, then whether what changed concerns
grants. It asks every `ASK_WAIT_S`, so that a revoked token or a paused source is refused everywhere well
within the second promised, and for every token that the snapshot lacks, so that a new one works at once.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Any

from sqlalchemy import Connection, Row, and_, or_, select

from tidegate.control import grant_changes
from tidegate.control.schema import destinations, sources, to_ms, tokens
from tidegate.control.secrets import secret_hash
from tidegate.control.store import Store
from tidegate.errors import ControlUnavailable

ASK_WAIT_S = 0.2


@dataclass(frozen=True, slots=True)
class Grant:
    """
    What a good token stands for.

    Shape: `region` None means any; `active`: the source is neither paused nor deleted; `delayed`: its
    destination is failing now, or there is none yet, so that accepted records wait; `kind`: what kind of
    warehouse that is, None while there is none.
    """

    token_id: int
    source_id: int
    client_id: int
    region: str | None
    active: bool
    delayed: bool
    kind: str | None


class Grants:
    """A process's view of all tokens, for all its threads: `known` never waits, looks take turns."""

    def __init__(self, store: Store, *, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._clock_s = clock_s
        self._looking = Lock()
        self._asked_at_s = float("-inf")
        self._failed_at_s = float("-inf")
        self._failure = ""
        self._version: int | None = None
        self._changes: int | None = None
        self._snapshot: dict[bytes, tuple[Grant, int | None]] = {}

    def find(self, token: str, now_ms: int) -> Grant | None:
        """
        Return what a token stands for; None when it is unknown, revoked or expired. Looks when that is due.

        Units: `now_ms` is milliseconds since 1970 UTC. Errors: as `look`.
        Source: docs/specs/control.md, C18.
        """
        grant, age_s = self.known(token, now_ms)
        if age_s < ASK_WAIT_S:
            return grant
        self.look()
        return self.known(token, now_ms)[0]

    def known(self, token: str, now_ms: int) -> tuple[Grant | None, float]:
        """
        Return what a token stood for at the last look, and how long ago that was; asks nobody.

        Shape: None when it was revoked or is expired. A token that the snapshot lacks may have been made
        since: its age is infinite. Units: milliseconds since 1970 UTC; seconds.
        """
        asked_at_s = self._asked_at_s  # before the snapshot, which can then only be newer than is said
        found = self._snapshot.get(secret_hash(token))
        if found is None:
            return None, float("inf")
        grant, expires_at_ms = found
        good = expires_at_ms is None or now_ms < expires_at_ms
        return grant if good else None, self._clock_s() - asked_at_s

    def look(self) -> None:
        """
        Compare the snapshot with the store as it is now, or as it was at a look that began after this call.

        Errors: ControlUnavailable, ControlUnusable when the store cannot be asked: an old snapshot might let
        a revoked token in. For `ASK_WAIT_S` the same failure is told again without asking, so that many
        requests at once do not each wait for a store that is away.
        """
        called_at_s = self._clock_s()
        with self._looking:
            if self._asked_at_s > called_at_s:
                return
            if self._clock_s() - self._failed_at_s < ASK_WAIT_S:
                raise ControlUnavailable(self._failure)
            try:
                self._refresh()
            except ControlUnavailable as exc:
                self._failed_at_s, self._failure = self._clock_s(), str(exc)
                raise

    def _refresh(self) -> None:
        asked_at_s = self._clock_s()
        version = self._store.version()
        if version != self._version:
            with self._store.reading() as conn:
                changes = grant_changes.number(conn)
                if changes != self._changes:
                    self._snapshot, self._changes = _read(conn), changes
            self._version = version  # as of before reading: a change in between is seen the next time
        self._asked_at_s = asked_at_s


def _read(conn: Connection) -> dict[bytes, tuple[Grant, int | None]]:
    own = and_(sources.c.destination_id == destinations.c.id, destinations.c.deleted_at.is_(None))
    inherited = and_(
        sources.c.destination_id.is_(None),
        sources.c.client_id == destinations.c.client_id,
        destinations.c.is_default,
    )
    joined = tokens.join(sources, tokens.c.source_id == sources.c.id).outerjoin(
        destinations, or_(own, inherited)
    )
    query = (
        select(
            tokens.c.secret_hash,
            tokens.c.expires_at,
            tokens.c.id,
            tokens.c.source_id,
            sources.c.client_id,
            tokens.c.region,
            and_(sources.c.paused_at.is_(None), sources.c.deleted_at.is_(None)).label("active"),
            or_(destinations.c.id.is_(None), destinations.c.failing_since.is_not(None)).label("delayed"),
            destinations.c.shown_url,
        )
        .select_from(joined)
        .where(tokens.c.revoked_at.is_(None))
    )
    return {row.secret_hash: _grant(row) for row in conn.execute(query)}


def _grant(row: Row[Any]) -> tuple[Grant, int | None]:
    expires_at_ms = None if row.expires_at is None else to_ms(row.expires_at)
    kind = None if row.shown_url is None else row.shown_url.partition("://")[0]
    grant = Grant(row.id, row.source_id, row.client_id, row.region, bool(row.active), bool(row.delayed), kind)
    return grant, expires_at_ms

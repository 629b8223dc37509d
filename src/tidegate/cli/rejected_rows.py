"""Rejected records of a data folder's sources, from their warehouses, with the marks of the control store."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tidegate.cli.accounts import within
from tidegate.cli.choosing import chosen_source, warehouse_url
from tidegate.cli.context import look_into_journal
from tidegate.errors import InputInvalid

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from tidegate.control.rejected import Mark, Place
    from tidegate.control.sources import Source
    from tidegate.control.store import Store
    from tidegate.settings import Settings

WAIT_S = 10.0
"""Longest wait while loads have the warehouse."""

_ID = re.compile(r"(?:([0-9A-Za-z-]+):)?([0-9]{1,18})\.([0-9]{1,9})").fullmatch
_COLUMNS = (
    "journal_id",
    "position",
    "place",
    "schema_name",
    "table_name",
    "reason",
    "request_id",
    "rejected_at",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectedRow:
    """
    One rejected record. `id` is how people name it; `message` is None where it was not asked for or not kept.

    Source: docs/specs/loading.md, L44.
    """

    id: str
    source: Source
    at: Place
    table_name: str
    reason: str
    request_id: str
    rejected_at: datetime
    message: str | None
    mark: Mark | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """
    Which records are asked for, in that account alone. Shape: None for any.

    `reason` is a part of the reason, in any case; `limit` the most records, the newest, None for all.
    """

    account: int | None = None
    source: str | None = None
    table_name: str | None = None
    reason: str | None = None
    ids: Sequence[str] | None = None
    limit: int | None = None
    marked: bool = False
    oldest_first: bool = False
    messages: bool = False


def read_rejected(settings: Settings, store: Store, wanted: Wanted) -> Iterator[RejectedRow]:
    """
    Yield rejected records, one warehouse after the other; those with a mark only with `marked`.

    Errors: Unknown source, InputInvalid id, and those of `Destination.query`.
    """
    from tidegate.control import rejected

    with store.reading() as conn:
        warehouses = _warehouses(conn, wanted.source, within(conn, wanted.account))
        marks = rejected.marks(conn)
    here = _journal_id(settings)
    places = None if wanted.ids is None else [_place(each, here) for each in wanted.ids]
    left = wanted.limit
    for url, sources in warehouses.items():
        query = _query(wanted, sources, places, marked=len(marks))
        for row in _ask(url, query):
            at = (row["journal_id"], row["position"], row["place"])
            if at in marks and not wanted.marked:
                continue
            if left is not None:
                if left == 0:
                    return
                left -= 1
            yield RejectedRow(
                id=id_of(at, here),
                source=sources[row["schema_name"]],
                at=at,
                table_name=row["table_name"],
                reason=row["reason"],
                request_id=row["request_id"],
                rejected_at=row["rejected_at"],
                message=row.get("message"),
                mark=marks.get(at),
            )


def id_of(at: Place, here: str) -> str:
    """Return how people name a record: `12.0`; of another journal than `here`, with that journal's id."""
    journal_id, position, place = at
    return f"{position}.{place}" if journal_id == here else f"{journal_id}:{position}.{place}"


def _place(text: str, here: str) -> Place:
    found = _ID(text)
    if found is None:
        raise InputInvalid(f"{text!r} is no id of a rejected record; `tidegate rejected list` shows them")
    return found[1] or here, int(found[2]), int(found[3])


def _warehouses(
    conn: Connection, named: str | None, client_id: int | None
) -> Mapping[str, dict[str, Source]]:
    """Return the sources to look at, by the address of their warehouse and their schema."""
    from tidegate.control import sources

    if named is None:
        known = sources.list_(conn, client_id)
    else:
        known = [chosen_source(conn, named, first_will_do=False, client_id=client_id)]
    found: dict[str, dict[str, Source]] = {}
    for each in known:
        found.setdefault(warehouse_url(conn, each), {})[each.schema_name] = each
    return found


def _journal_id(settings: Settings) -> str:
    """Return the id of the data folder's journal, "" while there is none."""
    journal = look_into_journal(settings)
    if journal is None:
        return ""
    with closing(journal):
        return journal.journal_id


def _query(
    wanted: Wanted,
    schema_names: Sequence[str] | Mapping[str, object],
    places: Sequence[Place] | None,
    *,
    marked: int,
) -> str:
    """Write the query. Marks are not in the warehouse, so as many rows more are asked for as have one."""
    columns = [f'"{name}"' for name in (*_COLUMNS, *(["message"] if wanted.messages else []))]
    conditions = [f'"schema_name" in ({", ".join(map(_literal, schema_names))})']
    if wanted.table_name is not None:
        conditions.append(f'"table_name" = {_literal(wanted.table_name)}')
    if wanted.reason is not None:
        conditions.append(f'strpos(lower("reason"), lower({_literal(wanted.reason)})) > 0')
    if places is not None:
        each = [
            f'("journal_id" = {_literal(journal_id)} and "position" = {position} and "place" = {place})'
            for journal_id, position, place in places
        ]
        conditions.append(f"({' or '.join(each)})")
    way = "asc" if wanted.oldest_first else "desc"
    order = ", ".join(f'"{name}" {way}' for name in ("rejected_at", "journal_id", "position", "place"))
    limit = "" if wanted.limit is None else f" limit {wanted.limit + marked}"
    return (
        f'select {", ".join(columns)} from "_tidegate"."rejected"'  # noqa: S608 - values are quoted literals
        f" where {' and '.join(conditions)} order by {order}{limit}"
    )


def _literal(text: str) -> str:
    if "\0" in text:
        raise InputInvalid("a text to look for cannot hold U+0000")
    return "'" + text.replace("'", "''") + "'"


_IS_THERE = """
    select 1 from information_schema.tables where table_schema = '_tidegate' and table_name = 'rejected'
"""


def _ask(url: str, query: str) -> Iterator[dict[str, Any]]:
    from tidegate.destinations import connect

    with closing(connect(url)) as destination:
        if destination.query(_IS_THERE, wait_s=WAIT_S).read_all().num_rows:
            for batch in destination.query(query, wait_s=WAIT_S):
                yield from batch.to_pylist()

"""
What holds a whole table until a person changes something. Source: docs/specs/loading.md, L15 and L90.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tidegate.tables import reasons
from tidegate.tables.capabilities import Capabilities
from tidegate.tables.model import Table
from tidegate.tables.naming import identity, name_column
from tidegate.tables.rows import Arrival
from tidegate.tables.system import BATCHED_AT, GENERATED_KEY, RECEIVED_AT, SEQUENCE, TABLE_VERSION

_ALWAYS = (RECEIVED_AT, BATCHED_AT, SEQUENCE, TABLE_VERSION)


def hold_reason(
    table: Table, subtables: Iterable[Table], arrivals: Sequence[Arrival], capabilities: Capabilities
) -> str | None:
    """
    Return why nothing can be loaded into a table that is there, None when it can.

    A table that is only added to can do without its key columns: they are made again.
    """
    own = _ALWAYS if table.key_columns else (*_ALWAYS, GENERATED_KEY)
    needed = [(table, (*(table.key_columns if table.merges else ()), *own))]
    needed += [(subtable, (*subtable.key_columns, *_ALWAYS)) for subtable in subtables]
    for each, names in needed:
        there = {identity(column.name, capabilities) for column in each.columns}
        for name in names:
            if identity(name, capabilities) not in there:
                return reasons.column_gone(each.name, name)
    keys = frozenset(identity(name, capabilities) for name in table.key_columns)
    sent = {arrival.batch.key_names for arrival in arrivals if arrival.batch.data}
    if any(key_identities(names, capabilities) != keys for names in sent):
        return reasons.KEYS_DIFFER
    return None


def key_identities(key_names: Sequence[str], capabilities: Capabilities) -> frozenset[str]:
    """Return what two key lists must share; order does not count."""
    return frozenset(identity(name_column(name, capabilities).text, capabilities) for name in key_names)

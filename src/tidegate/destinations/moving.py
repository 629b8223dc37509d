"""
How an activation takes over the rows that were kept apart, as SQL that every warehouse of ours speaks.

Source: docs/specs/loading.md, L85 to L87. All of it happens in the transaction of the load.
"""

from __future__ import annotations

from tidegate.destinations.quoting import quoted
from tidegate.tables.model import Part, Table
from tidegate.tables.system import SEQUENCE, TABLE_VERSION


def move_statements(part: Part) -> list[str]:
    """
    Return the statements that put rows of the activated version into their tables, after older ones went.

    A stored row of the same key that is not older by its sequence stays instead, with its elements; all stay
    where rows are only added.
    """
    if part.activates is None or not part.moves:
        return []
    version = f"{TABLE_VERSION} = {part.activates:d}"
    ended = "true" if part.ends_greater else f"{TABLE_VERSION} <= {part.activates:d}"
    statements = _settled(part, version) if part.table.key_columns and not part.adds else []
    for move in part.moves:
        columns = ", ".join(quoted(column.name) for column in move.source.columns)
        statements.append(
            f"insert into {_sql(move.target)} ({columns}) select {columns} from {_sql(move.source)}"  # noqa: S608 - quoted
            f" where {version}"
        )
    statements += [f"delete from {_sql(move.source)} where {ended}" for move in part.moves]  # noqa: S608 - quoted
    return statements


def _settled(part: Part, version: str) -> list[str]:
    """Return the statements after which no key is both stored and kept apart."""
    own, *others = part.moves
    keys = own.source.key_columns
    both = (
        f"select {_columns('waiting', keys)} from {_sql(own.source)} as waiting"  # noqa: S608 - quoted
        f" join {_sql(part.table)} as stored on {_same('waiting', keys, 'stored', part.table.key_columns)}"
        f" where waiting.{version}"
    )
    passed_over = f"{both} and stored.{SEQUENCE} > waiting.{SEQUENCE}"
    statements = []
    for table in (*(move.source for move in others), own.source):
        names = ", ".join(quoted(name) for name in table.key_columns[: len(keys)])
        statements.append(f"delete from {_sql(table)} where {version} and ({names}) in ({passed_over})")  # noqa: S608 - quoted
    for table in (*(child.table for child in part.children), part.table):
        names = ", ".join(quoted(name) for name in table.key_columns[: len(keys)])
        statements.append(f"delete from {_sql(table)} where ({names}) in ({both})")  # noqa: S608 - quoted
    return statements


def _sql(table: Table) -> str:
    return f"{quoted(table.schema_name)}.{quoted(table.name)}"


def _columns(of: str, names: tuple[str, ...]) -> str:
    return ", ".join(f"{of}.{quoted(name)}" for name in names)


def _same(left: str, left_names: tuple[str, ...], right: str, right_names: tuple[str, ...]) -> str:
    pairs = zip(left_names, right_names, strict=True)
    return " and ".join(f"{left}.{quoted(one)} = {right}.{quoted(other)}" for one, other in pairs)

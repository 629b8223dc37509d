"""The source a command is about, as people name it, and its warehouse."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tidegate.cli.accounts import within
from tidegate.cli.context import open_store
from tidegate.errors import Unknown

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from tidegate.control.sources import Source
    from tidegate.settings import Settings


def chosen_source(
    conn: Connection, named: str | None, *, first_will_do: bool, client_id: int | None = None
) -> Source:
    """
    Return the source of this id, schema name or display name; without a name the only one.

    Shape: `first_will_do` takes the oldest when there are several and none is named; with `client_id`, what
    other accounts have is as if there were none.
    Errors: Unknown lists the sources there are.
    """
    from tidegate.control import sources

    known = sources.list_(conn, client_id)
    if named is None:
        fitting = known[:1] if first_will_do else known
    else:
        fitting = [each for each in known if named in (str(each.id), each.schema_name, each.display_name)]
    if len(fitting) == 1:
        return fitting[0]
    listed = ", ".join(f"{each.id} ({each.display_name})" for each in known) or "none"
    found = "several sources" if fitting else f"no source {named!r}" if named else "no source"
    raise Unknown(
        f"there are {found}; name one with --source, by its id: {listed}".replace("are no", "is no")
    )


def chosen_warehouse(settings: Settings, named: str | None, *, account: int | None = None) -> tuple[str, str]:
    """
    Return the address of a source's destination, and the source's schema; without a name the oldest's.

    Errors: NotSetUp, Unknown.
    """
    with open_store(settings) as store, store.reading() as conn:
        client_id = within(conn, account)
        source = chosen_source(conn, named, first_will_do=True, client_id=client_id)
        return warehouse_url(conn, source), source.schema_name


def warehouse_url(conn: Connection, source: Source) -> str:
    """Return the address a source loads to, secrets included. Errors: Unknown."""
    from tidegate.control import destinations

    destination_id = source.destination_id or destinations.default(conn, source.client_id).id
    return destinations.full_url(conn, destination_id)

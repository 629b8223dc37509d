"""The source a command is about, as people name it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tidegate.errors import Unknown

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from tidegate.control.sources import Source


def chosen_source(conn: Connection, named: str | None, *, first_will_do: bool) -> Source:
    """
    Return the source of this id, schema name or display name; without a name the only one.

    Shape: `first_will_do` takes the oldest when there are several and none is named.
    Errors: Unknown lists the sources there are.
    """
    from tidegate.control import sources

    known = sources.list_(conn)
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

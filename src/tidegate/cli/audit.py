"""`tidegate audit`: who changed what, and when."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from tidegate.cli.accounts import OnlyAccount, within
from tidegate.cli.context import AsJson, DataDir, open_store, print_json, settings_for
from tidegate.cli.shown import as_json_object, print_table, when
from tidegate.errors import InputInvalid

EXAMPLES = """

[bold]Examples[/]

tidegate audit

tidegate audit --limit 1000 --json

tidegate audit --who ada --what token --since 2026-11-01

[bold]What is printed[/]

One line for each change of an account, user, source, destination or token,
newest first: who made it (a command and who ran it, a Connect API access token
by its id and last four characters, or the server at its first start), and what
it was.
"""
"""Shown under the command's help."""


def audit(
    *,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="Most changes to show.")] = 50,
    who: Annotated[str, typer.Option(help="Changes by whom, a part of the name.")] = "",
    what: Annotated[str, typer.Option(help="Changes of what, a part of what or which.")] = "",
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="Changes from this day or time on, ISO 8601, UTC.")
    ] = None,
    account: OnlyAccount = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Show who changed what; without an account, in all."""
    from tidegate.control import audit

    at = _time(since)
    with open_store(settings_for(data_dir)) as store, store.reading() as conn:
        client_id = within(conn, account)
        found = audit.latest(conn, limit, client_id=client_id, who=who, what=what, since=at)
    if as_json:
        print_json([as_json_object(each) for each in found])
        return
    rows = [(when(each.at), each.client_id, each.actor, each.action, each.subject) for each in found]
    print_table(("when", "client id", "who", "what", "which"), rows)


def _time(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as exc:
        raise InputInvalid("--since must be a day or time such as 2026-11-01 or 2026-11-01T08:00") from exc


audit.__doc__ = (audit.__doc__ or "") + EXAMPLES

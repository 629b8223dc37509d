"""`tidegate audit`: who changed what, and when."""

from __future__ import annotations

from typing import Annotated

import typer

from tidegate.cli.accounts import AccountOption, chosen_account
from tidegate.cli.context import AsJson, DataDir, open_store, print_json, settings_for
from tidegate.cli.shown import as_json_object, print_table, when

EXAMPLES = """

[bold]Examples[/]

tidegate audit

tidegate audit --limit 1000 --json

[bold]What is printed[/]

One line for each change of an account, source, destination or token, newest
first: who made it (a command and the user who ran it, a Connect API access
token by its id, or the server at its first start), and what it was.
"""
"""Shown under the command's help."""


def audit(
    *,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="Most changes to show.")] = 50,
    account: AccountOption = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Show who changed what; without an account, in all."""
    from tidegate.control import audit

    with open_store(settings_for(data_dir)) as store, store.reading() as conn:
        client_id = None if account is None else chosen_account(conn, account).client_id
        found = audit.latest(conn, limit, client_id=client_id)
    if as_json:
        print_json([as_json_object(each) for each in found])
        return
    rows = [(when(each.at), each.client_id, each.actor, each.action, each.subject) for each in found]
    print_table(("when", "client id", "who", "what", "which"), rows)


audit.__doc__ = (audit.__doc__ or "") + EXAMPLES

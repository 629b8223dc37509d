"""`tidegate accounts`: create, list and rename accounts, each with sources and tokens of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tidegate.cli.context import ID_MAX, AsJson, DataDir, open_store, print_json, settings_for
from tidegate.cli.shown import as_json_object, print_table, when
from tidegate.errors import InputInvalid, NotSetUp

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from tidegate.control.accounts import Account

app = typer.Typer(
    help="Accounts: each has sources, destinations and tokens of its own and sees no other's.",
    no_args_is_help=True,
)

AccountOption = Annotated[
    int | None,
    typer.Option(
        "--account",
        min=1,
        max=ID_MAX,
        metavar="CLIENT_ID",
        help="Client id of the account.",
        show_default="the only one",
    ),
]
OnlyAccount = Annotated[
    int | None,
    typer.Option(
        "--account",
        min=1,
        max=ID_MAX,
        metavar="CLIENT_ID",
        help="Act for this account alone: what others own is as if there were none.",
        show_default="for all",
    ),
]


@app.command("create", epilog="Example: `tidegate accounts create 'Branch office'`")
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What people call the account.")],
    *,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Create an account, without sources and destinations."""
    from tidegate.control import accounts

    with open_store(settings_for(data_dir)) as store, store.writing() as conn:
        made = accounts.create(conn, name)
    if as_json:
        print_json(as_json_object(made))
    else:
        typer.echo(f"Created account {made.client_id} ({made.name}).")


@app.command("list", epilog="Example: `tidegate accounts list --json`")
def list_(*, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """List the accounts."""
    from tidegate.control import accounts

    with open_store(settings_for(data_dir)) as store, store.reading() as conn:
        found = accounts.list_(conn)
    if as_json:
        print_json([as_json_object(each) for each in found])
    else:
        rows = [(each.client_id, each.name, when(each.created_at)) for each in found]
        print_table(("client id", "name", "created"), rows)


@app.command("rename", epilog="Example: `tidegate accounts rename 1002 'Head office'`")
def rename(
    client_id: Annotated[
        int, typer.Argument(min=1, max=ID_MAX, metavar="CLIENT_ID", help="Client id of the account.")
    ],
    name: Annotated[str, typer.Argument(metavar="NAME", help="What people call it from now on.")],
    *,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Change what people call an account."""
    from tidegate.control import accounts

    with open_store(settings_for(data_dir)) as store, store.writing() as conn:
        changed = accounts.rename(conn, client_id, name)
    if as_json:
        print_json(as_json_object(changed))
    else:
        typer.echo(f"Account {changed.client_id} is called {changed.name} now.")


def within(conn: Connection, client_id: int | None) -> int | None:
    """Return the account that a command acts for alone, None for all. Errors: Unknown."""
    from tidegate.control import accounts

    return None if client_id is None else accounts.get(conn, client_id).client_id


def chosen_account(conn: Connection, client_id: int | None) -> Account:
    """
    Return the account of that client id; without one, the only account there is.

    Errors: Unknown, NotSetUp; InputInvalid when there are several and none was named.
    """
    from tidegate.control import accounts

    if client_id is not None:
        return accounts.get(conn, client_id)
    known = accounts.list_(conn)
    if len(known) == 1:
        return known[0]
    if not known:
        raise NotSetUp("nothing was ever served from this data folder; start with `tidegate serve`")
    listed = ", ".join(f"{each.client_id} ({each.name})" for each in known[:10])
    raise InputInvalid(f"there are {len(known)} accounts; name one with --account: {listed}")

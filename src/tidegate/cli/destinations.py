"""`tidegate destinations`: where sources load to."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from tidegate.cli.accounts import AccountOption, OnlyAccount, chosen_account, within
from tidegate.cli.context import ID_MAX, AsJson, DataDir, open_store, print_json, settings_for
from tidegate.cli.shown import as_json_object, print_table

if TYPE_CHECKING:
    from tidegate.control.destinations import Destination

app = typer.Typer(
    help="Destinations: the warehouses that sources load to; an account's first is its default.",
    no_args_is_help=True,
)

IdArgument = Annotated[
    int,
    typer.Argument(
        min=1, max=ID_MAX, metavar="ID", help="Id of the destination, from `tidegate destinations list`."
    ),
]
Url = Annotated[
    str,
    typer.Argument(
        metavar="URL|-",
        help="Such as postgresql://user:password@host/database; - reads it from standard input,"
        " so that no other user of the machine sees the password.",
    ),
]
NewUrl = Annotated[
    str | None,
    typer.Option("--url", metavar="URL|-", help="Its new address; - as in create.", show_default="as it was"),
]
NewName = Annotated[str | None, typer.Option("--name", help="Its new name.", show_default="as it was")]
NoCheck = Annotated[bool, typer.Option("--no-check", help="Do not connect before saving.")]

URL_READ_MAX = 10_000
"""Characters read of standard input: more than any address may have."""


@app.command("list", epilog="Example: `tidegate destinations list --json`")
def list_(*, account: OnlyAccount = None, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """List the destinations; secrets in addresses are masked."""
    from tidegate.control import destinations

    with open_store(settings_for(data_dir)) as store, store.reading() as conn:
        found = destinations.list_(conn, within(conn, account))
    if as_json:
        print_json([as_json_object(each) for each in found])
        return
    rows = [
        (
            each.id,
            each.name,
            each.url,
            "default" if each.is_default else "",
            "failing" if each.failing_since else "working",
            each.client_id,
        )
        for each in found
    ]
    print_table(("id", "name", "address", "", "state", "client id"), rows)


@app.command("show", epilog="Example: `tidegate destinations show 1`")
def show(
    destination_id: IdArgument,
    *,
    account: OnlyAccount = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Show one destination; secrets in its address are masked."""
    from tidegate.control import destinations

    with open_store(settings_for(data_dir)) as store, store.reading() as conn:
        found = destinations.get(conn, destination_id, client_id=within(conn, account))
    if as_json:
        print_json(as_json_object(found))
        return
    for name, value in as_json_object(found).items():
        typer.echo(f"{name:<16}{'' if value is None else value}")


@app.command(
    "create",
    epilog="Example: `tidegate destinations create postgresql://loader:secret@db.example.com/warehouse`",
)
def create(
    url: Url,
    *,
    name: Annotated[str, typer.Option(help="What people call it.")] = "Warehouse",
    no_check: NoCheck = False,
    account: AccountOption = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Create a destination, once it could be connected to; a running server loads into it at once."""
    from tidegate.control import destinations

    url = _given(url)
    with open_store(settings_for(data_dir)) as store:
        if not no_check:
            _check(url)
        with store.writing() as conn:
            made = destinations.create(conn, chosen_account(conn, account).client_id, url, name)
    _say(made, "is created", as_json=as_json)


@app.command("update", epilog="Example: `tidegate destinations update 1 --name Staging`")
def update(
    destination_id: IdArgument,
    *,
    url: NewUrl = None,
    name: NewName = None,
    no_check: NoCheck = False,
    account: OnlyAccount = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Change a destination's address or name; what is loaded already stays where it is."""
    from tidegate.control import destinations

    url = None if url is None else _given(url)
    with open_store(settings_for(data_dir)) as store:
        if url is not None and not no_check:
            _check(url)
        with store.writing() as conn:
            own = destinations.get(conn, destination_id, client_id=within(conn, account))
            changed = destinations.change(conn, own.id, url=url, name=name)
    _say(changed, "is changed", as_json=as_json)


@app.command("delete", epilog="Example: `tidegate destinations delete 1 --yes`")
def delete(
    destination_id: IdArgument,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    account: OnlyAccount = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Delete a destination: its warehouse stays; what its sources send is kept for the next one."""
    from tidegate.control import destinations

    with open_store(settings_for(data_dir)) as store:
        with store.reading() as conn:
            found = destinations.get(conn, destination_id, client_id=within(conn, account))
        if not yes:
            typer.confirm(f"Delete destination {found.id} ({found.url})?", abort=True, err=True)
        with store.writing() as conn:
            destinations.delete(conn, found.id, client_id=found.client_id)
    _say(found, "is deleted", as_json=as_json)


@app.command("check", epilog="Example: `tidegate destinations check 1`")
def check(
    destination_id: IdArgument,
    *,
    account: OnlyAccount = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Connect to a destination once, and say what failed; the Connect API shows it as the last check."""
    from tidegate.control import connection_checks, destinations
    from tidegate.control.connection_checks import Check, check_name
    from tidegate.control.schema import now
    from tidegate.control.sealing import scrubbed
    from tidegate.errors import DestinationError

    failed: DestinationError | None = None
    with open_store(settings_for(data_dir)) as store:
        with store.reading() as conn:
            found = destinations.get(conn, destination_id, client_id=within(conn, account))
            url = destinations.full_url(conn, found.id)
        name, started_at = check_name(found.client_id, found.id), now()
        try:
            _check(url)
        except DestinationError as exc:
            failed = exc
        error = None if failed is None else scrubbed(str(failed), url)
        checked = Check(name=name, started_at=started_at, completed_at=now(), error=error)
        with store.writing() as conn:
            connection_checks.note(conn, found.id, checked)
    if failed is not None:
        raise failed
    if as_json:
        print_json(as_json_object(checked))
    else:
        typer.echo(f"Destination {found.id} ({found.url}) can be connected to.")


def _given(url: str) -> str:
    """Return an address, or the one that standard input has."""
    if url != "-":
        return url
    if sys.stdin.isatty():
        return str(typer.prompt("Address", hide_input=True, err=True)).strip()
    return sys.stdin.readline(URL_READ_MAX).strip()


def _check(url: str) -> None:
    """Connect once. Errors: those of the destination; one that is busy is there."""
    from tidegate.destinations import connect
    from tidegate.errors import DestinationBusy

    warehouse = connect(url)
    try:
        warehouse.open()
    except DestinationBusy:
        return
    finally:
        warehouse.close()


def _say(destination: Destination, text: str, *, as_json: bool) -> None:
    if as_json:
        print_json(as_json_object(destination))
    else:
        typer.echo(f"Destination {destination.id} ({destination.url}) {text}.")

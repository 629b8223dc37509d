"""`tidegate tokens`: create, import, list and revoke the access tokens of a source."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tidegate.cli.accounts import OnlyAccount, within
from tidegate.cli.context import ID_MAX, AsJson, DataDir, open_store, print_json, settings_for
from tidegate.cli.shown import as_json_object, print_table, to_the_minute, when
from tidegate.cli.sources import find_source
from tidegate.errors import InputInvalid

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from tidegate.control.sources import Source

app = typer.Typer(
    help="Access tokens: what a sender shows to be let in; at most two active for each source.",
    no_args_is_help=True,
)

SourceArgument = Annotated[
    str | None,
    typer.Argument(metavar="SOURCE", help="Id or schema name; not needed when there is one source."),
]
Days = Annotated[
    int | None,
    typer.Option(min=1, max=36_500, help="Refuse the token after so many days.", show_default="never"),
]
Region = Annotated[
    str | None,
    typer.Option(help="Region code the token is good for; others answer 401.", show_default="any"),
]

VALUE_READ_MAX = 10_000
"""Bytes read of a file or standard input: more than any value may have."""


@app.command("create", epilog="Example: `tidegate tokens create import_api --expires-in-days 90`")
def create(
    source: SourceArgument = None,
    *,
    expires_in_days: Days = None,
    region: Region = None,
    account: OnlyAccount = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Create an access token and show it, this once."""
    from tidegate.control import tokens

    expires_at = _end(expires_in_days)
    with open_store(settings_for(data_dir)) as store, store.writing() as conn:
        owner = find_source(conn, source, client_id=within(conn, account))
        token, secret = tokens.create(conn, owner.id, expires_at=expires_at, region=region)
    if as_json:
        print_json(as_json_object(token) | {"client_id": owner.client_id, "access_token": secret})
        return
    typer.echo(f"Created token {token.id} for source {owner.id} ({owner.schema_name}).")
    typer.echo(f"\n  client id     {owner.client_id}\n  access token  {secret}\n")
    typer.echo("Keep the token private and safe: it cannot be shown again.")


@app.command("import", epilog="Example: `tidegate tokens import import_api < token.txt`")
def import_(
    source: SourceArgument = None,
    *,
    file: Annotated[
        Path | None, typer.Option(help="File that holds the value.", show_default="standard input")
    ] = None,
    expires_in_days: Days = None,
    region: Region = None,
    account: OnlyAccount = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Take over an access token that senders have already, so that they need a new address alone."""
    from tidegate.control import tokens

    value, expires_at = _read_value(file), _end(expires_in_days)
    with open_store(settings_for(data_dir)) as store, store.writing() as conn:
        owner = find_source(conn, source, client_id=within(conn, account))
        token = tokens.import_(conn, owner.id, value, expires_at=expires_at, region=region)
    if as_json:
        print_json(as_json_object(token) | {"client_id": owner.client_id})
        return
    typer.echo(
        f"Imported token {token.id} (...{token.last_four}) for source {owner.id} ({owner.schema_name})."
    )
    typer.echo(f"Its senders need the address of this server; the client id here is {owner.client_id}.")


@app.command("list", epilog="Example: `tidegate tokens list import_api --json`")
def list_(
    source: SourceArgument = None,
    *,
    account: OnlyAccount = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """List the active access tokens, newest first; without a source, those of all."""
    from tidegate.control import tokens

    with open_store(settings_for(data_dir)) as store, store.reading() as conn:
        owners = _named_or_all(conn, source, within(conn, account))
        found = [(owner, each) for owner in owners for each in tokens.list_(conn, owner.id)]
    if as_json:
        print_json([as_json_object(token) for _, token in found])
        return
    rows = [
        (
            token.id,
            owner.schema_name,
            f"...{token.last_four}",
            f"{token.created_at:%Y-%m-%d}",
            when(token.expires_at) or "never",
            to_the_minute(token.last_used_at) or "never",
        )
        for owner, token in found
    ]
    print_table(("id", "source", "token", "created", "expires", "last used"), rows)


@app.command("revoke", epilog="Example: `tidegate tokens revoke 3`; the ids are in `tidegate tokens list`")
def revoke(
    token_id: Annotated[
        int,
        typer.Argument(min=1, max=ID_MAX, metavar="ID", help="Id of the token, from `tidegate tokens list`."),
    ],
    *,
    account: OnlyAccount = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Refuse an access token for good, within a second."""
    from tidegate.control import tokens

    with open_store(settings_for(data_dir)) as store, store.writing() as conn:
        token = tokens.revoke(conn, token_id, client_id=within(conn, account))
    if as_json:
        print_json(as_json_object(token))
    else:
        typer.echo(f"Revoked token {token.id} (...{token.last_four}); requests with it are refused with 401.")


def _named_or_all(conn: Connection, source: str | None, client_id: int | None) -> list[Source]:
    from tidegate.control import sources

    if source is None:
        return list(sources.list_(conn, client_id))
    return [find_source(conn, source, client_id=client_id)]


def _end(days: int | None) -> datetime | None:
    return None if days is None else datetime.now(UTC) + timedelta(days=days)


def _read_value(file: Path | None) -> str:
    """Read a token's value, never from an argument, which others on the machine see. Errors: InputInvalid."""
    if file is None and sys.stdin.isatty():
        return str(typer.prompt("Access token", hide_input=True, err=True))
    try:
        if file is None:
            read = sys.stdin.buffer.read(VALUE_READ_MAX)
        else:
            with file.open("rb") as opened:
                read = opened.read(VALUE_READ_MAX)
        return read.decode("ascii").rstrip("\r\n")
    except OSError as exc:
        raise InputInvalid(f"{file} cannot be read: {exc.strerror}") from exc
    except UnicodeDecodeError:
        raise InputInvalid("an access token is visible ASCII characters alone") from None

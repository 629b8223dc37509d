"""`tidegate tokens`: create, list and revoke the access tokens of a source."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from tidegate.cli.context import AsJson, DataDir, open_store, print_json, settings_for
from tidegate.cli.shown import as_json_object, print_table, when
from tidegate.cli.sources import find_source

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


@app.command("create", epilog="Example: `tidegate tokens create import_api --expires-in-days 90`")
def create(
    source: SourceArgument = None,
    *,
    expires_in_days: Annotated[
        int | None,
        typer.Option(min=1, max=36_500, help="Refuse the token after so many days.", show_default="never"),
    ] = None,
    region: Annotated[
        str | None,
        typer.Option(help="Region code the token is good for; others answer 401.", show_default="any"),
    ] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Create an access token and show it, this once."""
    from tidegate.control import tokens

    expires_at = None if expires_in_days is None else datetime.now(UTC) + timedelta(days=expires_in_days)
    with open_store(settings_for(data_dir)) as store, store.writing() as conn:
        owner = find_source(conn, source)
        token, secret = tokens.create(conn, owner.id, expires_at=expires_at, region=region)
    if as_json:
        print_json(as_json_object(token) | {"client_id": owner.client_id, "access_token": secret})
        return
    typer.echo(f"Created token {token.id} for source {owner.id} ({owner.schema_name}).")
    typer.echo(f"\n  client id     {owner.client_id}\n  access token  {secret}\n")
    typer.echo("Keep the token private and safe: it cannot be shown again.")


@app.command("list", epilog="Example: `tidegate tokens list import_api --json`")
def list_(source: SourceArgument = None, *, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """List the active access tokens, newest first; without a source, those of all."""
    from tidegate.control import tokens

    with open_store(settings_for(data_dir)) as store, store.reading() as conn:
        found = [
            (owner, each) for owner in _named_or_all(conn, source) for each in tokens.list_(conn, owner.id)
        ]
    if as_json:
        print_json([as_json_object(token) for _, token in found])
        return
    rows = [
        (
            token.id,
            owner.schema_name,
            f"...{token.last_four}",
            when(token.created_at),
            when(token.expires_at) or "never",
        )
        for owner, token in found
    ]
    print_table(("id", "source", "token", "created", "expires"), rows)


@app.command("revoke", epilog="Example: `tidegate tokens revoke 3`; the ids are in `tidegate tokens list`")
def revoke(
    token_id: Annotated[
        int, typer.Argument(metavar="ID", help="Id of the token, from `tidegate tokens list`.")
    ],
    *,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Refuse an access token for good, within a second."""
    from tidegate.control import tokens

    with open_store(settings_for(data_dir)) as store, store.writing() as conn:
        token = tokens.revoke(conn, token_id)
    if as_json:
        print_json(as_json_object(token))
    else:
        typer.echo(f"Revoked token {token.id} (...{token.last_four}); requests with it are refused with 401.")


def _named_or_all(conn: Connection, source: str | None) -> list[Source]:
    from tidegate.control import sources

    return list(sources.list_(conn)) if source is None else [find_source(conn, source)]

"""`tidegate connect-tokens`: create, list and revoke the tokens that open the Connect API."""

from __future__ import annotations

from typing import Annotated

import typer

from tidegate.cli.accounts import AccountOption, chosen_account
from tidegate.cli.context import AsJson, DataDir, open_store, print_json, settings_for
from tidegate.cli.shown import as_json_object, print_table, when

app = typer.Typer(
    help="Connect API access tokens: what programs show to run an account; at most ten active.",
    no_args_is_help=True,
)


@app.command("create", epilog="Example: `tidegate connect-tokens create --name deploy`")
def create(
    *,
    description: Annotated[
        str, typer.Option("--description", "--name", help="What the token is for, to tell it from others.")
    ] = "",
    account: AccountOption = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Create a Connect API access token and show it, this once."""
    from tidegate.control import connect_tokens

    with open_store(settings_for(data_dir)) as store, store.writing() as conn:
        token, secret = connect_tokens.create(conn, chosen_account(conn, account).client_id, description)
    if as_json:
        print_json(as_json_object(token) | {"access_token": secret})
        return
    typer.echo(f"Created Connect API access token {token.id} for account {token.client_id}.")
    typer.echo(f"\n  access token  {secret}\n")
    typer.echo(
        "Keep the token private and safe: it cannot be shown again, and whoever has it runs the account."
    )


@app.command("list", epilog="Example: `tidegate connect-tokens list --json`")
def list_(*, account: AccountOption = None, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """List the active Connect API access tokens, newest first; without an account, those of all."""
    from tidegate.control import connect_tokens

    with open_store(settings_for(data_dir)) as store, store.reading() as conn:
        client_id = None if account is None else chosen_account(conn, account).client_id
        found = connect_tokens.list_(conn, client_id)
    if as_json:
        print_json([as_json_object(each) for each in found])
        return
    rows = [
        (each.id, each.description, each.client_id, f"...{each.last_four}", when(each.created_at))
        for each in found
    ]
    print_table(("id", "description", "client id", "token", "created"), rows)


@app.command("revoke", epilog="Example: `tidegate connect-tokens revoke 3`")
def revoke(
    token_id: Annotated[
        int, typer.Argument(metavar="ID", help="Id of the token, from `tidegate connect-tokens list`.")
    ],
    *,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Refuse a Connect API access token for good, from its next call on."""
    from tidegate.control import connect_tokens

    with open_store(settings_for(data_dir)) as store, store.writing() as conn:
        token = connect_tokens.revoke(conn, token_id)
    if as_json:
        print_json(as_json_object(token))
    else:
        typer.echo(f"Revoked Connect API access token {token.id} (...{token.last_four}).")

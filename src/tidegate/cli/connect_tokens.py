"""`tidegate connect-tokens`: make, list, disable, enable and revoke the tokens that open the Connect API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tidegate.cli.accounts import AccountOption, OnlyAccount, chosen_account, within
from tidegate.cli.context import ID_MAX, AsJson, DataDir, open_store, print_json, settings_for
from tidegate.cli.shown import as_json_object, print_table, to_the_minute

if TYPE_CHECKING:
    from tidegate.control.connect_tokens import ConnectToken

app = typer.Typer(
    help="Connect API access tokens: what programs show to run an account; at most ten for each account.",
    no_args_is_help=True,
)

TokenId = Annotated[
    int,
    typer.Argument(
        min=1, max=ID_MAX, metavar="ID", help="Id of the token, from `tidegate connect-tokens list`."
    ),
]


@app.command("create", epilog="Example: `tidegate connect-tokens create --description deploy`")
def create(
    *,
    description: Annotated[
        str, typer.Option("--description", "--name", help="What the token is for, to tell it from others.")
    ] = "",
    read_only: Annotated[
        bool, typer.Option("--read-only", help="Let it look and change nothing; changes answer 403.")
    ] = False,
    account: AccountOption = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Create a Connect API access token and show it, this once."""
    from tidegate.control import connect_tokens
    from tidegate.control.roles import Role

    role = Role.READ_ONLY if read_only else Role.MEMBER
    with open_store(settings_for(data_dir)) as store, store.writing() as conn:
        client_id = chosen_account(conn, account).client_id
        token, secret = connect_tokens.create(conn, client_id, description, role=role)
    if as_json:
        print_json(as_json_object(token) | {"access_token": secret})
        return
    typer.echo(f"Created Connect API access token {token.id} for account {token.client_id}.")
    typer.echo(f"\n  access token  {secret}\n")
    power = "sees" if read_only else "runs"
    typer.echo(
        f"Keep the token private and safe: it cannot be shown again, and whoever has it {power} the account."
    )


@app.command("list", epilog="Example: `tidegate connect-tokens list --json`")
def list_(*, account: OnlyAccount = None, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """List the Connect API access tokens, newest first; without an account, those of all."""
    from tidegate.control import connect_tokens

    with open_store(settings_for(data_dir)) as store, store.reading() as conn:
        found = connect_tokens.list_(conn, within(conn, account))
    if as_json:
        print_json([as_json_object(each) for each in found])
        return
    rows = [
        (
            each.id,
            each.description,
            each.client_id,
            f"...{each.last_four}",
            _state(each),
            each.created_by,
            to_the_minute(each.last_used_at) or "never",
        )
        for each in found
    ]
    headings = ("id", "description", "client id", "token", "state", "created by", "last used")
    print_table(headings, rows)


@app.command("disable", epilog="Example: `tidegate connect-tokens disable 3`")
def disable(
    token_id: TokenId, *, account: OnlyAccount = None, data_dir: DataDir = None, as_json: AsJson = False
) -> None:
    """Refuse a Connect API access token from its next call on, until it is enabled."""
    from tidegate.control import connect_tokens

    with open_store(settings_for(data_dir)) as store, store.writing() as conn:
        token = connect_tokens.disable(conn, token_id, client_id=within(conn, account))
    _say(token, "Disabled", as_json=as_json)


@app.command("enable", epilog="Example: `tidegate connect-tokens enable 3`")
def enable(
    token_id: TokenId, *, account: OnlyAccount = None, data_dir: DataDir = None, as_json: AsJson = False
) -> None:
    """Take a disabled Connect API access token again."""
    from tidegate.control import connect_tokens

    with open_store(settings_for(data_dir)) as store, store.writing() as conn:
        token = connect_tokens.enable(conn, token_id, client_id=within(conn, account))
    _say(token, "Enabled", as_json=as_json)


@app.command("revoke", epilog="Example: `tidegate connect-tokens revoke 3`")
def revoke(
    token_id: TokenId, *, account: OnlyAccount = None, data_dir: DataDir = None, as_json: AsJson = False
) -> None:
    """Refuse a Connect API access token for good, from its next call on."""
    from tidegate.control import connect_tokens

    with open_store(settings_for(data_dir)) as store, store.writing() as conn:
        token = connect_tokens.revoke(conn, token_id, client_id=within(conn, account))
    _say(token, "Revoked", as_json=as_json)


def _state(token: ConnectToken) -> str:
    words = [
        *(["read-only"] if not token.role.may_change else []),
        *(["disabled"] if token.disabled_at else []),
    ]
    return ", ".join(words) or "enabled"


def _say(token: ConnectToken, what: str, *, as_json: bool) -> None:
    if as_json:
        print_json(as_json_object(token))
    else:
        typer.echo(f"{what} Connect API access token {token.id} (...{token.last_four}).")

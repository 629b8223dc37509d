"""`tidegate hooks`: addresses that are called after each load."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from tidegate.cli.accounts import AccountOption, OnlyAccount, chosen_account, within
from tidegate.cli.context import AsJson, DataDir, open_store, print_json, settings_for
from tidegate.cli.shown import as_json_object, print_table, when
from tidegate.errors import InputInvalid

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from tidegate.control.deliveries import Delivery
    from tidegate.control.hooks import Hook

app = typer.Typer(
    help="Post-load hooks: addresses that are called after each load; at most ten for an account.",
    no_args_is_help=True,
)

IdArgument = Annotated[int, typer.Argument(metavar="ID", help="Id of the hook, from `tidegate hooks list`.")]
HookOption = Annotated[
    int | None, typer.Option("--hook", metavar="ID", help="Deliveries of this hook only.", show_default="all")
]


@app.command("create", epilog="Example: `tidegate hooks create https://receiver.example.com/loads`")
def create(
    url: Annotated[str, typer.Argument(metavar="URL", help="What is called, beginning with https.")],
    *,
    destination: Annotated[
        int | None,
        typer.Option(
            metavar="ID",
            help="Destination whose loads are told.",
            show_default="the account's only one, or its default",
        ),
    ] = None,
    account: AccountOption = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Create a hook and show the secret that signs its calls, this once."""
    from tidegate.control import hooks

    settings = settings_for(data_dir)
    with open_store(settings) as store, store.writing() as conn:
        client_id = chosen_account(conn, account).client_id
        destination_id = destination or _default_destination(conn, client_id)
        made, secret = hooks.create(
            conn, client_id, destination_id, url, plain=settings.hook_schemes == "any"
        )
    if as_json:
        print_json(as_json_object(made) | {"signing_secret": secret})
        return
    typer.echo(
        f"Created hook {made.id}: loads into destination {made.destination_id} are told to {made.host}."
    )
    _say_secret(secret)


@app.command("list", epilog="Example: `tidegate hooks list --json`")
def list_(*, account: OnlyAccount = None, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """List the hooks, each with what became of its last call; without an account, those of all."""
    from tidegate.control import deliveries, hooks

    with open_store(settings_for(data_dir)) as store, store.reading() as conn:
        client_id = within(conn, account)
        found = [
            (each, _last(deliveries.latest(conn, 1, hook_id=each.id)))
            for each in hooks.list_(conn, client_id)
        ]
    if as_json:
        print_json([as_json_object(each) | {"last_delivery": last} for each, last in found])
        return
    rows = [
        (
            each.id,
            each.host,
            each.destination_id,
            "enabled" if each.disabled_at is None else "disabled",
            "" if last is None else f"{last['state']} {last['http_status'] or ''}".strip(),
            each.client_id,
        )
        for each, last in found
    ]
    print_table(("id", "host", "destination", "state", "last call", "client id"), rows)


@app.command("enable", epilog="Example: `tidegate hooks enable 1`")
def enable(
    hook_id: IdArgument, *, account: OnlyAccount = None, data_dir: DataDir = None, as_json: AsJson = False
) -> None:
    """Call a hook again, from the next load on."""
    _switch(hook_id, account, data_dir, enabled=True, as_json=as_json)


@app.command("disable", epilog="Example: `tidegate hooks disable 1`")
def disable(
    hook_id: IdArgument, *, account: OnlyAccount = None, data_dir: DataDir = None, as_json: AsJson = False
) -> None:
    """Call a hook no more; calls that wait are dropped."""
    _switch(hook_id, account, data_dir, enabled=False, as_json=as_json)


@app.command("delete", epilog="Example: `tidegate hooks delete 1`")
def delete(
    hook_id: IdArgument, *, account: OnlyAccount = None, data_dir: DataDir = None, as_json: AsJson = False
) -> None:
    """Delete a hook, with its secret and what is known of its calls."""
    from tidegate.control import hooks

    with open_store(settings_for(data_dir)) as store, store.writing() as conn:
        found = hooks.delete(conn, hook_id, client_id=within(conn, account))
    _say(found, "is deleted", as_json=as_json)


@app.command("secret", epilog="Example: `tidegate hooks secret 1`")
def secret(
    hook_id: IdArgument, *, account: OnlyAccount = None, data_dir: DataDir = None, as_json: AsJson = False
) -> None:
    """Give a hook another secret and show it, this once; calls are signed with it from now on."""
    from tidegate.control import hooks

    with open_store(settings_for(data_dir)) as store, store.writing() as conn:
        own = hooks.get(conn, hook_id, client_id=within(conn, account))
        changed, new = hooks.renew_secret(conn, own.id)
    if as_json:
        print_json(as_json_object(changed) | {"signing_secret": new})
        return
    typer.echo(f"Hook {changed.id} ({changed.host}) has another secret.")
    _say_secret(new)


@app.command("test", epilog="Example: `tidegate hooks test 1`, then `tidegate hooks deliveries --hook 1`")
def send_test(
    hook_id: IdArgument, *, account: OnlyAccount = None, data_dir: DataDir = None, as_json: AsJson = False
) -> None:
    """Have a hook called once as after a load of no rows; the running server does it at once."""
    from tidegate.control import deliveries, hooks

    with open_store(settings_for(data_dir)) as store, store.writing() as conn:
        hook = hooks.get(conn, hook_id, client_id=within(conn, account))
        if hook.disabled_at is not None:
            raise InputInvalid(f"hook {hook.id} is disabled; enable it first")
        made = deliveries.enqueue_test(conn, hook)
    if as_json:
        print_json(_delivery_object(made))
    else:
        typer.echo(f"Delivery {made.id} to {hook.host} waits; `tidegate hooks deliveries` tells its outcome.")


@app.command("deliveries", epilog="Example: `tidegate hooks deliveries --hook 1 --json`")
def deliveries_(
    *,
    hook: HookOption = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Most deliveries to show.")] = 20,
    account: OnlyAccount = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Show the newest calls of hooks: what each told, how often it was tried, and the last answer."""
    from tidegate.control import deliveries

    with open_store(settings_for(data_dir)) as store, store.reading() as conn:
        found = deliveries.latest(conn, limit, hook_id=hook, client_id=within(conn, account))
    if as_json:
        print_json([_delivery_object(each) for each in found])
        return
    rows = [
        (
            each.id,
            when(each.created_at),
            each.hook_id,
            each.table_name,
            each.state,
            each.attempts,
            each.http_status or "",
            each.error or "",
        )
        for each in found
    ]
    print_table(("id", "made", "hook", "table", "state", "attempts", "status", "error"), rows)


def _switch(hook_id: int, account: int | None, data_dir: DataDir, *, enabled: bool, as_json: bool) -> None:
    from tidegate.control import hooks

    with open_store(settings_for(data_dir)) as store, store.writing() as conn:
        changed = hooks.enable(conn, hook_id, enabled=enabled, client_id=within(conn, account))
    _say(changed, "is enabled" if enabled else "is disabled", as_json=as_json)


def _default_destination(conn: Connection, client_id: int) -> int:
    from tidegate.control import destinations

    known = destinations.list_(conn, client_id)
    return known[0].id if len(known) == 1 else destinations.default(conn, client_id).id


def _last(found: Any) -> dict[str, Any] | None:
    return _delivery_object(found[0]) if found else None


def _delivery_object(delivery: Delivery) -> dict[str, Any]:
    import json

    return as_json_object(delivery) | {"payload": json.loads(delivery.payload)}


def _say_secret(secret: str) -> None:
    typer.echo(f"\n  signing secret  {secret}\n")
    typer.echo("It cannot be shown again. Receivers check with it that a call is ours: docs/howto/hooks.md.")


def _say(hook: Hook, text: str, *, as_json: bool) -> None:
    if as_json:
        print_json(as_json_object(hook))
    else:
        typer.echo(f"Hook {hook.id} ({hook.host}) {text}.")

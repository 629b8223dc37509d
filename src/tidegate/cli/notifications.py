"""`tidegate notifications`: what people should know of, and the mails that tell them."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from tidegate.cli.accounts import OnlyAccount, within
from tidegate.cli.context import AsJson, DataDir, open_store, print_json, settings_for
from tidegate.cli.shown import as_json_object, print_table, when

app = typer.Typer(
    help="Notifications: what is wrong, until its cause is gone or somebody dismisses it.",
    no_args_is_help=True,
)


@app.command("list", epilog="Example: `tidegate notifications list --all --json`")
def list_(
    *,
    everything: Annotated[
        bool, typer.Option("--all", help="Also those dismissed, and those whose cause is gone.")
    ] = False,
    account: OnlyAccount = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """List the notifications, newest first; without an account, those of all."""
    from tidegate.control import notifications

    with open_store(settings_for(data_dir)) as store, store.reading() as conn:
        client_id = within(conn, account)
        found = notifications.list_(conn, client_id, everything=everything)
    if as_json:
        print_json([_object(each) for each in found])
        return
    rows = [
        (
            each.id,
            each.level,
            each.title,
            each.place,
            when(each.since),
            f"{each.times:,}",
            when(each.mailed_at),
            each.error or "",
        )
        for each in found
    ]
    print_table(("id", "level", "what", "where", "since", "times", "mailed", "error"), rows)


@app.command("dismiss", epilog="Example: `tidegate notifications dismiss 3`")
def dismiss(
    notification_id: Annotated[
        int, typer.Argument(metavar="ID", help="Id of the notification, from `tidegate notifications list`.")
    ],
    *,
    account: OnlyAccount = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Take a notification off the list, for everybody; it comes back when its cause goes and returns."""
    from tidegate.control import notifications

    with open_store(settings_for(data_dir)) as store, store.writing() as conn:
        found = notifications.dismiss(conn, notification_id, client_id=within(conn, account))
    if as_json:
        print_json(_object(found))
    else:
        typer.echo(f"Dismissed notification {found.id}: {found.title} ({found.place}).")


@app.command("mails", epilog="Example: `tidegate notifications mails --json`")
def mails_(
    *,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Most mails to show.")] = 20,
    account: OnlyAccount = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Show the newest mails: to whom, and whether the mail server took them."""
    from tidegate.control import mails

    with open_store(settings_for(data_dir)) as store, store.reading() as conn:
        client_id = within(conn, account)
        found = mails.latest(conn, limit, client_id=client_id)
    if as_json:
        print_json([as_json_object(each) for each in found])
        return
    rows = [
        (
            each.id,
            when(each.created_at),
            each.email_address,
            each.subject,
            each.state,
            each.attempts,
            each.error or "",
        )
        for each in found
    ]
    print_table(("id", "made", "to", "subject", "state", "attempts", "error"), rows)


def _object(notification: Any) -> dict[str, Any]:
    derived = {"level": notification.level, "title": notification.title}
    return as_json_object(notification) | derived

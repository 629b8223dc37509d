"""`tidegate emails`: who is told of an account's troubles beside its users."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tidegate.cli.accounts import AccountOption, OnlyAccount, chosen_account, within
from tidegate.cli.context import AsJson, DataDir, err_console, open_store, print_json, settings_for
from tidegate.cli.shown import as_json_object, print_table, when
from tidegate.errors import InputInvalid

if TYPE_CHECKING:
    from tidegate.control.emails import CustomEmail
    from tidegate.settings import Settings

app = typer.Typer(
    help="Custom e-mail addresses: who is told of troubles beside an account's users; at most ten.",
    no_args_is_help=True,
)

IdArgument = Annotated[
    int, typer.Argument(metavar="ID", help="Id of the address, from `tidegate emails list`.")
]

TEST_SUBJECT = "Test"
TEST_BODY = "Mail from this Tidegate arrives here. Nothing is wrong.\n"


@app.command("create", epilog="Example: `tidegate emails create ops@example.com`")
def create(
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="Where mail goes.")],
    *,
    account: AccountOption = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Add an address."""
    from tidegate.control import emails

    settings = settings_for(data_dir)
    if not emails.is_address(address):
        raise InputInvalid("an address must look like ops@example.com")
    with open_store(settings) as store, store.writing() as conn:
        made = emails.create(conn, chosen_account(conn, account).client_id, address)
    _say(made, "is added", as_json=as_json)
    _warn_without_server(settings)


@app.command("list", epilog="Example: `tidegate emails list --json`")
def list_(*, account: OnlyAccount = None, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """List the addresses; without an account, those of all."""
    from tidegate.control import emails

    with open_store(settings_for(data_dir)) as store, store.reading() as conn:
        client_id = within(conn, account)
        found = emails.list_(conn, client_id)
    if as_json:
        print_json([as_json_object(each) for each in found])
        return
    rows = [
        (
            each.id,
            each.email_address,
            "enabled" if each.disabled_at is None else "disabled",
            when(each.created_at),
            each.client_id,
        )
        for each in found
    ]
    print_table(("id", "address", "state", "created", "client id"), rows)


@app.command("enable", epilog="Example: `tidegate emails enable 1`")
def enable(
    email_id: IdArgument, *, account: OnlyAccount = None, data_dir: DataDir = None, as_json: AsJson = False
) -> None:
    """Send mail to an address again."""
    _switch(email_id, account, data_dir, enabled=True, as_json=as_json)


@app.command("disable", epilog="Example: `tidegate emails disable 1`")
def disable(
    email_id: IdArgument, *, account: OnlyAccount = None, data_dir: DataDir = None, as_json: AsJson = False
) -> None:
    """Send no more mail to an address."""
    _switch(email_id, account, data_dir, enabled=False, as_json=as_json)


@app.command("delete", epilog="Example: `tidegate emails delete 1`")
def delete(
    email_id: IdArgument, *, account: OnlyAccount = None, data_dir: DataDir = None, as_json: AsJson = False
) -> None:
    """Remove an address."""
    from tidegate.control import emails

    with open_store(settings_for(data_dir)) as store, store.writing() as conn:
        found = emails.delete(conn, email_id, client_id=within(conn, account))
    _say(found, "is removed", as_json=as_json)


@app.command("test", epilog="Example: `tidegate emails test 1`, then `tidegate notifications mails`")
def send_test(
    email_id: IdArgument, *, account: OnlyAccount = None, data_dir: DataDir = None, as_json: AsJson = False
) -> None:
    """Send a mail to an address to see whether it arrives; the running server does it at once."""
    from tidegate.control import emails, mails

    settings = settings_for(data_dir)
    with open_store(settings) as store, store.writing() as conn:
        found = emails.get(conn, email_id, client_id=within(conn, account))
        subject = settings.mail_subject_prefix + TEST_SUBJECT
        mails.enqueue(conn, found.client_id, [found.email_address], subject, TEST_BODY)
    _say(found, "gets a mail; `tidegate notifications mails` tells what became of it", as_json=as_json)
    _warn_without_server(settings)


def _switch(email_id: int, account: int | None, data_dir: DataDir, *, enabled: bool, as_json: bool) -> None:
    from tidegate.control import emails
    from tidegate.control.schema import now

    with open_store(settings_for(data_dir)) as store, store.writing() as conn:
        changed = emails.set_disabled(
            conn, email_id, None if enabled else now(), client_id=within(conn, account)
        )
    _say(changed, "is enabled" if enabled else "is disabled", as_json=as_json)


def _warn_without_server(settings: Settings) -> None:
    """Say that nothing will be sent, where that is so; the server may have settings of its own."""
    if not settings.smtp_url:
        err_console().print("note: the setting smtp_url is empty here; without it no mail is sent")


def _say(email: CustomEmail, text: str, *, as_json: bool) -> None:
    if as_json:
        print_json(as_json_object(email))
    else:
        typer.echo(f"Address {email.id} ({email.email_address}) {text}.")

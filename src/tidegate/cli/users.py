"""`tidegate users`: who may sign in, and as what."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from tidegate.cli.accounts import AccountOption, OnlyAccount, chosen_account, within
from tidegate.cli.context import ID_MAX, AsJson, DataDir, open_store, print_json, settings_for
from tidegate.cli.shown import as_json_object, print_table, when
from tidegate.control.roles import Role
from tidegate.errors import Conflict, InputInvalid

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection

    from tidegate.control.users import Member

app = typer.Typer(
    help="Users: people, who sign in with an email address and a password, with a role in each account.",
    no_args_is_help=True,
)

Email = Annotated[str, typer.Argument(metavar="EMAIL", help="Email address the user signs in with.")]
RoleArgument = Annotated[
    Role,
    typer.Argument(help="owner: everything; member: all but users and Connect tokens; read-only: looks."),
]
PasswordStdin = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password's line from standard input.")
]

PASSWORD_READ_MAX = 1_000
"""Characters read of standard input: more than any password may have."""


@app.command("create", epilog="Example: `tidegate users create ada@example.com --role member`")
def create(
    email: Email,
    *,
    role: Annotated[
        Role | None,
        typer.Option(help="What they may do.", show_default="owner of a new account, then member"),
    ] = None,
    password_stdin: PasswordStdin = False,
    account: AccountOption = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Create a user of an account, with a password that is shown this once unless it is given."""
    from tidegate.control import users

    generated, password_hash = _new_password(from_stdin=password_stdin)
    with open_store(settings_for(data_dir)) as store, store.writing() as conn:
        client_id = chosen_account(conn, account).client_id
        as_role = role or (Role.MEMBER if users.list_(conn, client_id) else Role.OWNER)
        made = users.create(conn, client_id, email, as_role, password_hash=password_hash)
    _tell(made, generated, f"Created user {made.email}, {made.role} of account {client_id}.", as_json=as_json)


@app.command("list", epilog="Example: `tidegate users list --json`")
def list_(*, account: OnlyAccount = None, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """List the users, once for each of their accounts."""
    from tidegate.control import users

    with open_store(settings_for(data_dir)) as store, store.reading() as conn:
        found = users.list_(conn, within(conn, account))
    if as_json:
        print_json([as_json_object(each) for each in found])
        return
    rows = [
        (
            each.email,
            each.role,
            each.client_id,
            "disabled" if each.disabled_at else "",
            when(each.signed_in_at),
        )
        for each in found
    ]
    print_table(("email", "role", "client id", "", "last signed in"), rows)


@app.command("add", epilog="Example: `tidegate users add ada@example.com --account 1002 --role read-only`")
def add(
    email: Email,
    *,
    account: Annotated[
        int,
        typer.Option(
            "--account", min=1, max=ID_MAX, metavar="CLIENT_ID", help="The account to let the user into."
        ),
    ],
    role: Annotated[Role, typer.Option(help="What they may do there.")] = Role.MEMBER,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Let a user into one more account."""
    from tidegate.control import users

    with open_store(settings_for(data_dir)) as store, store.writing() as conn:
        made = users.add(conn, users.find(conn, email)[0].id, account, role)
    _tell(made, "", f"User {made.email} is {made.role} of account {account} too.", as_json=as_json)


@app.command("set-role", epilog="Example: `tidegate users set-role ada@example.com owner`")
def set_role(
    email: Email,
    role: RoleArgument,
    *,
    account: OnlyAccount = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Change what a user may do in an account."""
    from tidegate.control import users

    with open_store(settings_for(data_dir)) as store, store.writing() as conn:
        member = _in_one_account(conn, email, account)
        changed = users.set_role(conn, member.id, member.client_id, role)
    text = f"User {changed.email} is {changed.role} of account {changed.client_id} now."
    _tell(changed, "", text, as_json=as_json)


@app.command("set-password", epilog="Example: `tidegate users set-password ada@example.com`")
def set_password(
    email: Email,
    *,
    password_stdin: PasswordStdin = False,
    account: OnlyAccount = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Give a user a new password, shown this once unless it is given, and sign them out everywhere."""
    from tidegate.control import users

    generated, password_hash = _new_password(from_stdin=password_stdin)
    with open_store(settings_for(data_dir)) as store, store.writing() as conn:
        member = _whole(conn, email, account)
        users.set_password(conn, member.id, password_hash)
    _tell(member, generated, f"User {member.email} has a new password.", as_json=as_json)


@app.command("disable", epilog="Example: `tidegate users disable ada@example.com`")
def disable(
    email: Email, *, account: OnlyAccount = None, data_dir: DataDir = None, as_json: AsJson = False
) -> None:
    """Sign a user out everywhere and let them in nowhere until they are enabled."""
    from tidegate.control import users

    _switch(users.disable, email, account, "is disabled", data_dir=data_dir, as_json=as_json)


@app.command("enable", epilog="Example: `tidegate users enable ada@example.com`")
def enable(
    email: Email, *, account: OnlyAccount = None, data_dir: DataDir = None, as_json: AsJson = False
) -> None:
    """Let a disabled user sign in again."""
    from tidegate.control import users

    _switch(users.enable, email, account, "can sign in again", data_dir=data_dir, as_json=as_json)


@app.command("remove", epilog="Example: `tidegate users remove ada@example.com --account 1002`")
def remove(
    email: Email, *, account: OnlyAccount = None, data_dir: DataDir = None, as_json: AsJson = False
) -> None:
    """Take a user out of an account; out of their last one, they are deleted."""
    from tidegate.control import users

    with open_store(settings_for(data_dir)) as store, store.writing() as conn:
        member = _in_one_account(conn, email, account)
        users.remove(conn, member.id, member.client_id)
    text = f"User {member.email} is removed from account {member.client_id}."
    _tell(member, "", text, as_json=as_json)


def _switch(
    change: Callable[[Connection, int], None],
    email: str,
    account: int | None,
    text: str,
    *,
    data_dir: DataDir,
    as_json: bool,
) -> None:
    from tidegate.control import users

    with open_store(settings_for(data_dir)) as store, store.writing() as conn:
        member = _whole(conn, email, account)
        change(conn, member.id)
        changed = users.get(conn, member.id, member.client_id)
    _tell(changed, "", f"User {member.email} {text}.", as_json=as_json)


def _in_one_account(conn: Connection, email: str, account: int | None) -> Member:
    """Return a user in the account that is meant. Errors: Unknown; InputInvalid when that is not clear."""
    from tidegate.control import users

    found = users.find(conn, email, client_id=within(conn, account))
    if len(found) > 1:
        listed = ", ".join(str(each.client_id) for each in found)
        raise InputInvalid(f"the user is in several accounts; name one with --account: {listed}")
    return found[0]


def _whole(conn: Connection, email: str, account: int | None) -> Member:
    """Return a user who is changed for all accounts. Errors: Unknown; Conflict when one alone may not."""
    from tidegate.control import users

    found = users.find(conn, email, client_id=within(conn, account))
    if account is not None and len(users.find(conn, email)) > 1:
        raise Conflict("the user is in other accounts, too; without --account the change is for all of them")
    return found[0]


def _new_password(*, from_stdin: bool) -> tuple[str, str]:
    """Return a generated password, empty when people gave one, and its hash. Errors: InputInvalid."""
    from tidegate.control import passwords

    if from_stdin:
        given = sys.stdin.readline(PASSWORD_READ_MAX).rstrip("\r\n")
        return "", passwords.hashed(given)
    generated = passwords.generated()
    return generated, passwords.hashed(generated)


def _tell(member: Member, password: str, text: str, *, as_json: bool) -> None:
    if as_json:
        print_json(as_json_object(member) | ({"password": password} if password else {}))
        return
    typer.echo(text)
    if password:
        typer.echo(f"\n  password  {password}\n\nKeep it: it cannot be shown again.")

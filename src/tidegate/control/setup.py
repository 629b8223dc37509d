"""The first start: what a new data folder needs so that the first request can be sent."""

from __future__ import annotations

from dataclasses import dataclass, field

from tidegate.control import accounts, destinations, passwords, sources, tokens, users
from tidegate.control.roles import Role
from tidegate.control.store import Store
from tidegate.errors import InputInvalid

ACCOUNT_NAME = "Default"
SOURCE_NAME = "Import API"
DESTINATION_NAME = "Default"


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstStart:
    """
    What the first person needs; `secret`, which pushes, and `password` are known here for the only time.

    Shape: without an owner both `owner_email` and `password` are empty.
    """

    client_id: int
    source_id: int
    secret: str = field(repr=False)
    owner_email: str = ""
    password: str = field(default="", repr=False)


def set_up(store: Store, *, destination_url: str, owner_email: str = "") -> FirstStart | None:
    """
    Make account, default destination, source, access token and owner at once; None when that was done before.

    Of two processes at once, one sets up and the other gets None.
    Errors: as `destinations.create` and `users.create`. Source: docs/specs/control.md, C19.
    """
    with store.reading() as conn:
        if accounts.list_(conn):
            return None
    if owner_email and users.email_key(owner_email) is None:
        raise InputInvalid(f"owner_email is {owner_email[:100]!r}; it must look like name@host, in ASCII")
    password = passwords.generated() if owner_email else ""
    password_hash = passwords.hashed(password) if password else None
    with store.writing() as conn:
        if accounts.list_(conn):
            return None
        account = accounts.create(conn, ACCOUNT_NAME)
        destinations.create(conn, account.client_id, destination_url, DESTINATION_NAME)
        source = sources.create(conn, account.client_id, SOURCE_NAME)
        _, secret = tokens.create(conn, source.id)
        if password:
            users.create(conn, account.client_id, owner_email, Role.OWNER, password_hash=password_hash)
    return FirstStart(
        client_id=account.client_id,
        source_id=source.id,
        secret=secret,
        owner_email=owner_email,
        password=password,
    )

"""The first start: what a new data folder needs so that the first request can be sent."""

from __future__ import annotations

from dataclasses import dataclass, field

from tidegate.control import accounts, destinations, sources, tokens
from tidegate.control.store import Store

ACCOUNT_NAME = "Default"
SOURCE_NAME = "Import API"
DESTINATION_NAME = "Default"


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstStart:
    """What the first person needs to push; `secret` is known here for the only time."""

    client_id: int
    source_id: int
    secret: str = field(repr=False)


def set_up(store: Store, *, destination_url: str) -> FirstStart | None:
    """
    Make account, default destination, source and access token at once; None when that was done before.

    Of two processes at once, one sets up and the other gets None.
    Errors: as `destinations.create`. Source: docs/specs/control.md, C19.
    """
    with store.reading() as conn:
        if accounts.list_(conn):
            return None
    with store.writing() as conn:
        if accounts.list_(conn):
            return None
        account = accounts.create(conn, ACCOUNT_NAME)
        destinations.create(conn, account.client_id, destination_url, DESTINATION_NAME)
        source = sources.create(conn, account.client_id, SOURCE_NAME)
        _, secret = tokens.create(conn, source.id)
    return FirstStart(client_id=account.client_id, source_id=source.id, secret=secret)

"""Every control store keeps docs/specs/control.md about destinations and what loads into them."""

from __future__ import annotations

import pytest

from tidegate.control import destinations
from tidegate.control.accounts import Account
from tidegate.control.store import Store
from tidegate.errors import InputInvalid


def test_a_shown_address_is_not_taken_for_a_whole_one(store: Store, account: Account) -> None:
    """What lists print has no password; it is asked for, never filled in from what is stored. (C15)"""
    with store.writing() as conn:
        made = destinations.create(conn, account.client_id, "postgresql://a:x@host/db?sslmode=require", "DB")
        for masked in (
            made.url.replace("host", "evil"),
            "postgresql://a:***@evil/db",
            "postgresql://evil/db?***",
        ):
            with pytest.raises(InputInvalid, match="give them again"):
                destinations.change(conn, made.id, url=masked)
        destinations.change(conn, made.id, url="postgresql://a:new@evil/db")
        assert "postgresql://a:new@evil/db" == destinations.full_url(conn, made.id)

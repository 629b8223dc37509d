"""Import API access tokens: `/v4/sources/{source_id}/tokens`."""

from __future__ import annotations

from typing import Any

from tidegate.connect.calls import Call, Route, declined, number, when
from tidegate.connect.sources import own_source, source_object
from tidegate.control import sources, tokens
from tidegate.errors import Conflict, Unknown


def list_(call: Call) -> Any:
    """Answer the active tokens, newest first, without their secrets."""
    with call.store.reading() as conn:
        source = own_source(conn, call)
        return [
            {"token_id": each.id, "created_at": when(each.created_at)}
            for each in tokens.list_(conn, source.id)
        ]


def create(call: Call) -> Any:
    """Make a token and answer its secret, this once."""
    with call.writing() as conn:
        source = own_source(conn, call)
        try:
            token, secret = tokens.create(conn, source.id)
        except Conflict as exc:
            raise declined("TokenLimitReached", str(exc)) from exc
        return {"id": token.id, "access_token": secret}


def revoke(call: Call) -> Any:
    """Refuse a token from now on, and answer its source."""
    text = call.path["token_id"]
    with call.writing() as conn:
        source = own_source(conn, call)
        try:
            tokens.revoke(conn, number(text) or 0, source_id=source.id)
        except Unknown as exc:
            raise declined("InvalidId", f"token not found ({text})") from exc
        return source_object(sources.get(conn, source.id))


ROUTES = (
    Route("GET", "/v4/sources/{source_id}/tokens", "List a source's active access tokens", list_),
    Route("POST", "/v4/sources/{source_id}/tokens", "Create an access token", create),
    Route("DELETE", "/v4/sources/{source_id}/tokens/{token_id}", "Revoke an access token", revoke),
)

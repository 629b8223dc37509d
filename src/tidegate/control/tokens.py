"""
Access tokens: what a request shows to be let in. The secret leaves this file once, when the token is made.

A value that senders have already can be taken over, so that a moved script needs a new address alone.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, or_, select, update

from tidegate.control import audit, grant_changes, sources
from tidegate.control.schema import connect_tokens, now, tokens
from tidegate.control.schema import sources as all_sources
from tidegate.control.secrets import new_secret, secret_hash
from tidegate.errors import Conflict, InputInvalid, Unknown

PREFIX = "at_"
OTHER_PREFIXES = ("ac_", "oc_", "se_", "si_")
"""What secrets begin with that open something else."""

ACTIVE_MAX = 2
LOCAL_LIFETIME_S = 600.0

VALUE_CHARS_MIN, VALUE_CHARS_MAX = 20, 200
"""Shorter ones can be tried out; longer ones are pasted by mistake."""

_VALUE = re.compile(r"[!-~](?:[ -~]*[!-~])?", re.ASCII)
"""What a header can carry whole: visible ASCII, with spaces inside only."""

_REGION = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)


class Kind(StrEnum):
    """`IMPORT` tokens belong to people; a command on the server's machine makes a `LOCAL` one for itself."""

    IMPORT = "import"
    LOCAL = "local"


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessToken:
    """What is kept of a token beside its hash. Source: docs/specs/control.md, C9 to C13."""

    id: int
    source_id: int
    kind: Kind
    last_four: str
    region: str | None
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


def create(
    conn: Connection, source_id: int, *, expires_at: datetime | None = None, region: str | None = None
) -> tuple[AccessToken, str]:
    """
    Make an access token and return it with its secret, which nobody can learn again.

    Errors: Unknown when the source does not exist or is deleted; Conflict when two tokens are active;
    InputInvalid when the region is no code.
    """
    secret = new_secret(PREFIX)
    return _add(conn, source_id, secret, "created", expires_at=expires_at, region=region), secret


def import_(
    conn: Connection,
    source_id: int,
    value: str,
    *,
    expires_at: datetime | None = None,
    region: str | None = None,
) -> AccessToken:
    """
    Make an access token of a value that senders have already.

    Errors: as `create`; InputInvalid when it cannot be one; Conflict when it is or was in use, by whomever.
    No message repeats the value.
    """
    if not (VALUE_CHARS_MIN <= len(value) <= VALUE_CHARS_MAX and _VALUE.fullmatch(value)):
        raise InputInvalid(
            f"an access token must have {VALUE_CHARS_MIN} to {VALUE_CHARS_MAX} visible ASCII characters"
        )
    if value.startswith(OTHER_PREFIXES):
        raise InputInvalid(f"what begins with {value[:3]} opens another interface than the Import API")
    taken = [
        select(each.c.id).where(each.c.secret_hash == secret_hash(value)) for each in (tokens, connect_tokens)
    ]
    if any(conn.execute(each).first() is not None for each in taken):
        raise Conflict("this value is or was in use as a token; create a new one")
    return _add(conn, source_id, value, "imported", expires_at=expires_at, region=region)


def create_local(
    conn: Connection, source_id: int, *, lifetime_s: float = LOCAL_LIFETIME_S
) -> tuple[AccessToken, str]:
    """
    Make a short-lived token that is neither listed nor counted; the caller revokes it when done.

    Units: seconds. Local tokens left behind by killed commands are removed here.
    Errors: Unknown when the source does not exist or is deleted.
    """
    if sources.get(conn, source_id).deleted_at is not None:
        raise Unknown(f"source not found ({source_id})")
    at = now()
    over = or_(tokens.c.revoked_at.is_not(None), tokens.c.expires_at <= at)
    conn.execute(delete(tokens).where(tokens.c.kind == Kind.LOCAL, over))
    secret = new_secret(PREFIX)
    expires_at = at + timedelta(seconds=lifetime_s)
    return _insert(conn, source_id, Kind.LOCAL, secret, at, expires_at=expires_at, region=None), secret


def get(conn: Connection, token_id: int, *, source_id: int | None = None) -> AccessToken:
    """Return a token; with `source_id`, another source's is as if there were none. Errors: Unknown."""
    query = select(tokens).where(tokens.c.id == token_id)
    if source_id is not None:
        query = query.where(tokens.c.source_id == source_id)
    row = conn.execute(query).one_or_none()
    if row is None:
        raise Unknown(f"token not found ({token_id})")
    return _token(row)


def list_(conn: Connection, source_id: int) -> Sequence[AccessToken]:
    """Return a source's active tokens, newest first; local ones are not among them."""
    active = (tokens.c.revoked_at.is_(None), or_(tokens.c.expires_at.is_(None), tokens.c.expires_at > now()))
    query = select(tokens).where(tokens.c.source_id == source_id, tokens.c.kind == Kind.IMPORT, *active)
    return [_token(row) for row in conn.execute(query.order_by(tokens.c.id.desc()))]


def revoke(
    conn: Connection, token_id: int, *, source_id: int | None = None, client_id: int | None = None
) -> AccessToken:
    """
    Refuse a token from now on, in every gate within a second.

    Shape: with `source_id` or `client_id`, only when it is that source's or account's.
    Errors: Unknown, also when it was revoked before.
    """
    statement = update(tokens).where(tokens.c.id == token_id, tokens.c.revoked_at.is_(None))
    if source_id is not None:
        statement = statement.where(tokens.c.source_id == source_id)
    if client_id is not None:
        own = select(all_sources.c.id).where(all_sources.c.client_id == client_id)
        statement = statement.where(tokens.c.source_id.in_(own))
    row = conn.execute(statement.values(revoked_at=now()).returning(tokens)).one_or_none()
    if row is None:
        raise Unknown(f"token not found ({token_id})")
    grant_changes.note(conn)
    token = _token(row)
    if token.kind is Kind.IMPORT:
        source = sources.get(conn, token.source_id)
        if source.deleted_at is None:
            sources.touch(conn, source.id)
        _note(conn, source, "revoked", token)
    return token


def _note(conn: Connection, source: sources.Source, what: str, token: AccessToken) -> None:
    subject = f"{token.id} (...{token.last_four}) of source {source.id}"
    audit.note(conn, source.client_id, f"access token {what}", subject)


def _add(
    conn: Connection,
    source_id: int,
    secret: str,
    what: str,
    *,
    expires_at: datetime | None,
    region: str | None,
) -> AccessToken:
    """Add one that people have, when there is room. Errors: as `create`."""
    if region is not None and not _REGION.fullmatch(region):
        raise InputInvalid("a region code must have 1 to 64 letters, digits, dots, dashes and underscores")
    source = sources.touch(conn, source_id)
    if len(list_(conn, source_id)) >= ACTIVE_MAX:
        raise Conflict(f"source ({source_id}) already has the maximum of {ACTIVE_MAX} active access tokens")
    made = _insert(conn, source_id, Kind.IMPORT, secret, now(), expires_at=expires_at, region=region)
    _note(conn, source, what, made)
    return made


def _insert(
    conn: Connection,
    source_id: int,
    kind: Kind,
    secret: str,
    at: datetime,
    *,
    expires_at: datetime | None,
    region: str | None,
) -> AccessToken:
    values = {
        "source_id": source_id,
        "kind": kind,
        "secret_hash": secret_hash(secret),
        "last_four": secret[-4:],
        "region": region,
        "created_at": at,
        "expires_at": expires_at,
    }
    grant_changes.note(conn)
    return _token(conn.execute(insert(tokens).values(values).returning(tokens)).one())


def _token(row: Row[Any]) -> AccessToken:
    return AccessToken(
        id=row.id,
        source_id=row.source_id,
        kind=Kind(row.kind),
        last_four=row.last_four,
        region=row.region,
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        last_used_at=row.last_used_at,
    )

"""Post-load hooks: addresses that are called after each load into a destination."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import Connection, Row, func, insert, select, update
from sqlalchemy import delete as remove

from tidegate.control import audit, destinations, notifications
from tidegate.control.schema import hook_deliveries, hooks, now
from tidegate.control.store import sealer
from tidegate.errors import Conflict, InvalidUrl, Unknown

HOOKS_MAX = 10
"""For each account. Source: Stitch Connect API, post-load hooks."""

URL_CHARACTERS_MAX = 2_000
SECRET_PREFIX = "hs_"  # noqa: S105 - says of a secret what it is for


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """A hook. It is called while `disabled_at` is None. Source: docs/specs/notifications.md, N1 to N6."""

    id: int
    client_id: int
    destination_id: int
    url: str
    created_at: datetime
    modified_at: datetime
    disabled_at: datetime | None

    @property
    def host(self) -> str:
        """Where it leads, for logs and lists: the rest of an address may be a secret."""
        return urlsplit(self.url).netloc


def create(
    conn: Connection, client_id: int, destination_id: int, url: str, *, plain: bool = False
) -> tuple[Hook, str]:
    """
    Make a hook and return it with the secret that signs its calls, this once.

    Shape: `plain` allows addresses without TLS. Errors: InvalidUrl, Unknown destination, Conflict when the
    account has ten.
    """
    check_url(url, plain=plain)
    destinations.get(conn, destination_id, client_id=client_id)
    count = conn.execute(select(func.count()).where(hooks.c.client_id == client_id)).scalar_one()
    if count >= HOOKS_MAX:
        raise Conflict(f"You have exceeded the limit of {HOOKS_MAX} hooks.")
    secret, at = _new_secret(), now()
    values = {
        "client_id": client_id,
        "destination_id": destination_id,
        "url": url,
        "sealed_secret": sealer(conn).seal(secret),
        "created_at": at,
        "modified_at": at,
    }
    made = _hook(conn.execute(insert(hooks).values(values).returning(hooks)).one())
    return _noted(conn, "created", made), secret


def check_url(url: str, *, plain: bool) -> None:
    """
    Let an address pass that can be called: https, or with `plain` also http, a host, no password.

    Errors: InvalidUrl; the message does not repeat the address.
    """
    if len(url) > URL_CHARACTERS_MAX or not url.isascii() or not url.isprintable() or " " in url:
        raise InvalidUrl(_unusable(plain=plain))
    try:
        parts = urlsplit(url)
        usable = bool(parts.hostname) and parts.port != 0
    except ValueError:
        raise InvalidUrl(_unusable(plain=plain)) from None
    allowed = {"https", "http"} if plain else {"https"}
    if parts.scheme not in allowed or not usable or "@" in parts.netloc or "\\" in url or parts.fragment:
        raise InvalidUrl(_unusable(plain=plain))


def _unusable(*, plain: bool) -> str:
    schemes = "https:// or http://" if plain else "https:// (http:// needs the setting hook_schemes)"
    return (
        f"a hook's address must begin with {schemes}, name a host, and have no user, password or fragment,"
        f" at most {URL_CHARACTERS_MAX:,} printable ASCII characters"
    )


def list_(conn: Connection, client_id: int | None = None) -> Sequence[Hook]:
    """Return the hooks of an account (None: of all), oldest first, disabled ones too."""
    query = select(hooks).order_by(hooks.c.id)
    if client_id is not None:
        query = query.where(hooks.c.client_id == client_id)
    return [_hook(row) for row in conn.execute(query)]


def get(conn: Connection, hook_id: int, *, client_id: int | None = None) -> Hook:
    """Return a hook; with `client_id`, another account's is as if there were none. Errors: Unknown."""
    query = select(hooks).where(hooks.c.id == hook_id)
    if client_id is not None:
        query = query.where(hooks.c.client_id == client_id)
    row = conn.execute(query).one_or_none()
    if row is None:
        raise Unknown(f"hook not found ({hook_id})")
    return _hook(row)


def enable(conn: Connection, hook_id: int, *, enabled: bool, client_id: int | None = None) -> Hook:
    """Call a hook from now on, or no more; what waits for a disabled one is dropped. Errors: Unknown."""
    before = get(conn, hook_id, client_id=client_id)
    if (before.disabled_at is None) == enabled:
        return before
    at = now()
    values = {"disabled_at": None if enabled else at, "modified_at": at}
    statement = update(hooks).where(hooks.c.id == hook_id).values(values).returning(hooks)
    changed = _hook(conn.execute(statement).one())
    if not enabled:
        waiting = (hook_deliveries.c.hook_id == hook_id, hook_deliveries.c.finished_at.is_(None))
        conn.execute(remove(hook_deliveries).where(*waiting))
        notifications.end(
            conn, before.client_id, notifications.Kind.HOOK, notifications.hook_subject(hook_id)
        )
    return _noted(conn, "enabled" if enabled else "disabled", changed)


def renew_secret(conn: Connection, hook_id: int) -> tuple[Hook, str]:
    """Give a hook another secret and return it, this once. Errors: Unknown."""
    get(conn, hook_id)
    secret = _new_secret()
    values = {"sealed_secret": sealer(conn).seal(secret), "modified_at": now()}
    statement = update(hooks).where(hooks.c.id == hook_id).values(values).returning(hooks)
    return _noted(conn, "given another secret", _hook(conn.execute(statement).one())), secret


def delete(conn: Connection, hook_id: int, *, client_id: int | None = None) -> Hook:
    """Delete a hook with its secret and what waits for it. Errors: Unknown."""
    found = get(conn, hook_id, client_id=client_id)
    conn.execute(remove(hook_deliveries).where(hook_deliveries.c.hook_id == hook_id))
    conn.execute(remove(hooks).where(hooks.c.id == hook_id))
    notifications.end(conn, found.client_id, notifications.Kind.HOOK, notifications.hook_subject(hook_id))
    return _noted(conn, "deleted", found)


def of_destination(conn: Connection, destination_id: int) -> Sequence[Hook]:
    """Return the hooks to call after a load."""
    query = select(hooks).where(hooks.c.destination_id == destination_id, hooks.c.disabled_at.is_(None))
    return [_hook(row) for row in conn.execute(query.order_by(hooks.c.id))]


def secret_of(conn: Connection, hook_id: int) -> str:
    """
    Return what signs a hook's calls: for the notifier alone.

    Errors: Unknown; ControlUnusable when it was encrypted with another key.
    """
    sealed = conn.execute(select(hooks.c.sealed_secret).where(hooks.c.id == hook_id)).scalar()
    if sealed is None:
        raise Unknown(f"hook not found ({hook_id})")
    return sealer(conn).unseal(sealed)


def _new_secret() -> str:
    return SECRET_PREFIX + secrets.token_urlsafe(32)


def _noted(conn: Connection, what: str, hook: Hook) -> Hook:
    audit.note(conn, hook.client_id, f"hook {what}", f"{hook.id} ({hook.host})")
    return hook


def _hook(row: Row[Any]) -> Hook:
    return Hook(
        id=row.id,
        client_id=row.client_id,
        destination_id=row.destination_id,
        url=row.url,
        created_at=row.created_at,
        modified_at=row.modified_at,
        disabled_at=row.disabled_at,
    )

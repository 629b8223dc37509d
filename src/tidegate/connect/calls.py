"""One call of the Connect API as a handler sees it, and what handlers read from it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Connection

from tidegate.control.store import Store
from tidegate.errors import Declined

ID_MAX = 2**31 - 1
"""The greatest id a control store can give; what is beyond it is nobody's."""

NOT_FOUND = {"message": "Not Found"}
NOT_AUTHORIZED = {"message": "Not Authorized"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """
    What the operator allows.

    Shape: `plain_hooks` are hooks without TLS; `jobs_calls_max` are calls for loads in ten minutes, 0 means
    any number.
    """

    plain_hooks: bool = False
    jobs_calls_max: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """
    A call that was let in: whose it is, what stands in its path and query, and its body as received.

    Shape: in `files` each account has a folder of its own, for warehouses that are files.
    """

    store: Store
    files: Path
    limits: Limits
    client_id: int
    actor: str
    path: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes

    def writing(self) -> AbstractContextManager[Connection]:
        """Give a connection to change the store with, in the caller's name."""
        return self.store.writing(actor=self.actor)


Handler = Callable[[Call], Any]
"""Shape: a call -> what is answered as JSON with 200. Errors: Declined; ControlError when the store fails."""


@dataclass(frozen=True, slots=True)
class Route:
    """One endpoint: its method, its path with `{names}`, what it is for, and its handler."""

    method: str
    path: str
    summary: str
    handler: Handler


def number(text: str) -> int | None:
    """Return the id a text stands for, None when it cannot be anybody's."""
    found = int(text) if text.isascii() and text.isdigit() and len(text) <= 10 else 0
    return found if 0 < found <= ID_MAX else None


def is_id(value: Any) -> bool:
    """Whether a JSON value can be an id."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value <= ID_MAX


def json_object(call: Call, *, keys: Collection[str], otherwise: Declined) -> dict[str, Any]:
    """Return the body, which must be a JSON object with no other keys. Errors: `otherwise`."""
    try:
        found = msgspec.json.decode(call.body)
    except (ValueError, RecursionError) as exc:
        raise otherwise from exc
    if not isinstance(found, dict) or not found.keys() <= set(keys):
        raise otherwise
    return found


def moment(value: Any) -> datetime | None:
    """Return the UTC time that an ISO 8601 text names, None when it names none; without offset it is UTC."""
    if not isinstance(value, str):
        return None
    try:
        at = datetime.fromisoformat(value)
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def when(at: datetime | None) -> str | None:
    """Write a time as the Connect API does: UTC, to the second."""
    return None if at is None else at.isoformat(timespec="seconds").replace("+00:00", "Z")


def declined(error: str, message: str, **data: Any) -> Declined:
    """Return the commonest form of refusal: 400, a code and a message."""
    return Declined({"error": error, "data": {"message": message, **data}})

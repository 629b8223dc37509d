"""
Checks of connections: what the last one of a destination found, and the check itself.

A check may reach private addresses, where most warehouses are. So that whoever has a token cannot look round
a network with it, nothing is told of a place that does not answer as a warehouse: not whether its name is
known, a port is open, or what speaks there (docs/specs/connect-api.md, A45 and A49).
"""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tidegate.connect.calls import NOT_FOUND, Call, Route, number, when
from tidegate.control import connection_checks, destinations
from tidegate.control.connection_checks import Check
from tidegate.control.schema import now
from tidegate.control.sealing import scrubbed
from tidegate.destinations import connect
from tidegate.errors import Declined, DestinationBusy, DestinationDown, DestinationError, Unknown

NOT_REACHED = (
    "the warehouse cannot be reached: no warehouse answers at this host and port as these properties say;"
    " check both, ssl, and that the firewall lets this server in"
)

_ANSWERED = re.compile(r"\b(?:FATAL|ERROR):")
"""What a warehouse says stands behind these words, as against those of the network on the way there."""


def check(call: Call, url: str) -> tuple[datetime, datetime, str | None]:
    """
    Connect once; return when that began and ended, and what failed, None when nothing did.

    Units: the destination bounds the time, to some ten seconds.
    """
    folder = account_folder(call)
    if str(folder) in url:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    started_at = now()
    error = _tried(url)
    return started_at, now(), error


def account_folder(call: Call) -> Path:
    """Return the folder of an account's warehouses that are files."""
    return (call.files / str(call.client_id)).resolve()


def last(call: Call) -> Any:
    """Answer what the last check of a destination found."""
    try:
        with call.store.reading() as conn:
            wanted = number(call.path["destination_id"]) or 0
            found = destinations.get(conn, wanted, client_id=call.client_id)
            checked = connection_checks.last(conn, found.id)
    except Unknown as exc:
        raise Declined(NOT_FOUND, status=404) from exc
    if checked is None:
        raise Declined(NOT_FOUND, status=404)
    return check_object(checked)


def check_object(checked: Check) -> dict[str, Any]:
    """Shape: a check -> the documented object; a destination is a target, so what failed stands there."""
    exit_status = 0 if checked.error is None else 1
    return {
        "name": checked.name,
        "mode": "check",
        "status": "succeeded" if checked.error is None else "failed",
        "start_time": when(checked.started_at),
        "completion_time": when(checked.completed_at),
        "error": checked.error is not None,
        "check_exit_status": exit_status,
        "discovery_exit_status": None,
        "discovery_error_message": None,
        "tap_exit_status": None,
        "tap_error_message": None,
        "target_exit_status": exit_status,
        "target_error_message": checked.error,
    }


ROUTES = (
    Route(
        "GET",
        "/v4/destinations/{destination_id}/last-connection-check",
        "Show what the last check of a destination's connection found",
        last,
    ),
)


def _tried(url: str) -> str | None:
    warehouse = connect(url)
    try:
        warehouse.open()
    except DestinationBusy:
        return None  # it is there, and another process has it open
    except DestinationError as exc:
        text = scrubbed(str(exc), url)
        by_network = bool(urlsplit(url).hostname) and isinstance(exc, DestinationDown)
        return NOT_REACHED if by_network and not _ANSWERED.search(text) else text
    finally:
        warehouse.close()
    return None

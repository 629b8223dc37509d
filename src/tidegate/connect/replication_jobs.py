"""Replication jobs: `/v4/sources/{source_id}/sync`. Pushed data is not fetched, so none can be started."""

from __future__ import annotations

from typing import Any

from tidegate.connect.calls import Call, Route
from tidegate.errors import Declined


def refuse(call: Call) -> Any:
    """Answer as for a source of which there is nothing to extract, whoever's it is."""
    message = f"Unable to locate source({call.path['source_id']}) for client ({call.client_id})"
    raise Declined({"error": {"type": "invalid_source", "message": message}})


ROUTES = (
    Route("POST", "/v4/sources/{source_id}/sync", "Start an extraction: always refused", refuse),
    Route("DELETE", "/v4/sources/{source_id}/sync", "Stop an extraction: always refused", refuse),
)

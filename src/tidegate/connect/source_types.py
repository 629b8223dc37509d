"""Source types and their report cards: `/v4/source-types`. There is one type, fed by its senders."""

from __future__ import annotations

from typing import Any

from tidegate.connect.calls import NOT_FOUND, Call, Route
from tidegate.errors import Declined

IMPORT_API = "import_api"


def report_card() -> dict[str, Any]:
    """Return the report card of a source: nothing is left to fill in."""
    return {
        "type": IMPORT_API,
        "current_step": 2,
        "current_step_type": "fully_configured",
        "steps": [{"type": "form", "properties": []}, {"type": "fully_configured", "properties": []}],
    }


def type_card() -> dict[str, Any]:
    """Return the report card of the type itself, with the details that only listings of types have."""
    return report_card() | {
        "details": {
            "pricing_tier": "standard",
            "pipeline_state": "released",
            "default_start_date": "-1 year",
            "default_scheduling_interval": 60,
            "protocol": IMPORT_API,
            "access": True,
            "image_version": "0.latest",
        },
        "upgrade_available": None,
    }


def list_(_call: Call) -> Any:
    """Answer the cards of all types."""
    return [type_card()]


def show(call: Call) -> Any:
    """Answer one type's card."""
    if call.path["type"].removeprefix("platform.") != IMPORT_API:
        raise Declined(NOT_FOUND, status=404)
    return type_card()


ROUTES = (
    Route("GET", "/v4/source-types", "List the types of sources", list_),
    Route("GET", "/v4/source-types/{type}", "Show a type of sources", show),
)

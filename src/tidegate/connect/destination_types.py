"""Destination types and report cards: `/v4/destination-types`. Kinds and forms are the destinations' own."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from tidegate.connect.calls import NOT_FOUND, Call, Route
from tidegate.destinations import forms
from tidegate.destinations.forms import Form
from tidegate.errors import Declined


def form_named(type_: str) -> Form | None:
    """Return the form of a type, None when there is no such type."""
    return next((form for form in forms() if form.type == type_), None)


def report_card(form: Form, provided: Collection[str] | None = None) -> dict[str, Any]:
    """
    Return the report card of a destination, or of the type itself when nothing is `provided` (None).

    Shape: `provided` are the names of the properties that have a value.
    """
    step = 1 if provided is None else 2
    steps: list[dict[str, Any]] = [
        {
            "type": "form",
            "properties": [
                {
                    "name": each.name,
                    "is_required": each.required,
                    "is_credential": each.credential,
                    "system_provided": False,
                    "property_type": "user_provided",
                    "json_schema": dict(each.json_schema),
                    "provided": each.name in (provided or ()),
                }
                for each in form.properties
            ],
        },
        {"type": "fully_configured", "properties": []},
    ]
    current = steps[step - 1]["type"]
    return {"type": form.type, "current_step": step, "current_step_type": current, "steps": steps}


def type_card(form: Form) -> dict[str, Any]:
    """Return the report card of a type, with the details that only listings of types have."""
    details = {
        "pricing_tier": "standard",
        "pipeline_state": "released",
        "protocol": form.type,
        "access": True,
    }
    return report_card(form) | {"details": details}


def list_(_call: Call) -> Any:
    """Answer the cards of all types."""
    return [type_card(form) for form in forms()]


def show(call: Call) -> Any:
    """Answer one type's card."""
    form = form_named(call.path["type"])
    if form is None:
        raise Declined(NOT_FOUND, status=404)
    return type_card(form)


ROUTES = (
    Route("GET", "/v4/destination-types", "List the types of destinations", list_),
    Route("GET", "/v4/destination-types/{type}", "Show a type of destinations with its form", show),
)

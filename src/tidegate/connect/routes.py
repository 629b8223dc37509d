"""Every endpoint of the Connect API."""

from __future__ import annotations

from tidegate.connect import destination_types, destinations, source_types, sources, tokens

ROUTES = (
    *source_types.ROUTES,
    *sources.ROUTES,
    *tokens.ROUTES,
    *destination_types.ROUTES,
    *destinations.ROUTES,
)
"""In the order of the resources' pages; no two have the same method and path."""

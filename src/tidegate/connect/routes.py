"""Every endpoint of the Connect API."""

from __future__ import annotations

from tidegate.connect import (
    destination_types,
    destinations,
    loads,
    replication_jobs,
    source_types,
    sources,
    tokens,
)

ROUTES = (
    *source_types.ROUTES,
    *sources.ROUTES,
    *tokens.ROUTES,
    *destination_types.ROUTES,
    *destinations.ROUTES,
    *loads.ROUTES,
    *replication_jobs.ROUTES,
)
"""In the order of the resources' pages; no two have the same method and path."""

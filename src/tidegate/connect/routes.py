"""Every endpoint of the Connect API."""

from __future__ import annotations

from tidegate.connect import (
    connection_checks,
    custom_emails,
    destination_types,
    destinations,
    hooks,
    loads,
    replication_jobs,
    source_types,
    sources,
    streams,
    tokens,
)

ROUTES = (
    *source_types.ROUTES,
    *sources.ROUTES,
    *tokens.ROUTES,
    *streams.ROUTES,
    *destination_types.ROUTES,
    *destinations.ROUTES,
    *connection_checks.ROUTES,
    *loads.ROUTES,
    *replication_jobs.ROUTES,
    *custom_emails.ROUTES,
    *hooks.ROUTES,
)
"""In the order of the resources' pages; no two have the same method and path."""

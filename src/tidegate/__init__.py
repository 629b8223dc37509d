"""
Tidegate: push JSON over HTTP, keep it durably, see it as typed tables in your own warehouse.

The stages a record passes, in order: `gate` (HTTP, checks) -> `journal` (durable order) -> `loader`
(`tables`: records to columns) -> `destinations` (the warehouse). `wire` is the Import API's bytes,
`control` knows accounts, sources and access tokens, `cli` puts the parts together.

Imports point one way only: cli > console, connect, gate, loader, notifier, client > control, journal,
destinations > wire, tables > records, errors, settings.
"""

__version__ = "0.1.0"

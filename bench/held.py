"""Asks a warehouse what it holds of the orders, in the same words whoever loaded them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from bench.files import Held
from bench.programs import Failed

Ask = Callable[[str], Sequence[Sequence[Any]]]
"""Runs a query and returns its rows."""

SCHEMAS = (
    "SELECT table_schema FROM information_schema.tables"
    " WHERE table_name = 'orders' AND table_schema NOT LIKE '%staging%'"
)
ORDERS = (
    "SELECT count(*), sum(quantity), sum(CAST(round(amount * 100) AS BIGINT)),"
    " sum(CASE WHEN paid THEN 1 ELSE 0 END),"
    " sum(length(customer) + length(email) + length(city) + length(status)),"
    ' coalesce(sum(length(note)), 0), sum({moment_ms}) FROM "{schema}".orders'
)
HAS_ELEMENTS = (
    "SELECT 1 FROM information_schema.tables WHERE table_schema = '{schema}' AND table_name = 'orders__lines'"
)
ELEMENTS = 'SELECT count(*), sum(CAST(round(price * 100) AS BIGINT)) FROM "{schema}".orders__lines'


def held(ask: Ask, who: str, moment_ms: str) -> Held:
    """
    Return what a warehouse holds; `moment_ms` is its expression for the milliseconds of `updated_at`.

    Errors: Failed when there is no such table.
    """
    found = ask(SCHEMAS)
    if not found:
        raise Failed(f"{who} made no table")
    schema = found[0][0]
    main = [int(each or 0) for each in ask(ORDERS.format(schema=schema, moment_ms=moment_ms))[0]]
    elements = [0, 0]
    if ask(HAS_ELEMENTS.format(schema=schema)):
        elements = [int(each or 0) for each in ask(ELEMENTS.format(schema=schema))[0]]
    rows, quantity, cents, paid, texts, notes, moments_ms = main
    return Held(
        rows=rows,
        quantity=quantity,
        cents=cents,
        paid=paid,
        texts=texts,
        notes=notes,
        moments_ms=moments_ms,
        elements=elements[0],
        elements_cents=elements[1],
    )

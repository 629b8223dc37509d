"""
Records taken apart into fields: one list of values per field, all of equal length.

This is the stage where nested values will be opened; after it, everything works on columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

from tidegate.records import Record

Fields = dict[str, list[Any]]
"""Field -> its value in each record, None where it is null or absent; fields in order of first appearance."""


def take_apart(data: Sequence[Record]) -> Fields:
    """Return the fields of records. Records that all have the same fields, as is usual, cost a third."""
    if not data:
        return {}
    names = tuple(data[0])
    if set(map(len, data)) == {len(names)}:
        try:
            return {name: [record[name] for record in data] for name in names}
        except KeyError:
            pass  # as many fields in each, but not the same ones
    every = dict.fromkeys(chain.from_iterable(data))
    return {name: [record.get(name) for record in data] for name in every}

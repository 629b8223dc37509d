"""Within one load, the newest version of each key. Source: docs/specs/loading.md, L60 to L63."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc


def newest_rows(keys: Sequence[pa.Array], sequences: pa.Array) -> pa.Array | None:
    """
    Return the row numbers to keep, in order; None when every row stays.

    Shape: the key columns, and the sequence of each row, rows in order of acceptance. Of rows with equal
    keys the one with the greatest sequence stays, of those the one accepted last.
    """
    count = len(sequences)
    order = _by_age(sequences)
    names = [f"key{number}" for number in range(len(keys))]
    columns = [_comparable(key if order is None else key.take(order)) for key in keys]
    ages = pa.arange(0, count)
    table = pa.table([*columns, ages], [*names, "age"])
    newest = table.group_by(names, use_threads=False).aggregate([("age", "max")])["age_max"]
    if len(newest) == count:
        return None
    kept = newest.combine_chunks() if order is None else order.take(newest.combine_chunks())
    return kept.take(pc.array_sort_indices(kept))


def _by_age(sequences: pa.Array) -> pa.Array | None:
    """Return row numbers, oldest version first; None when the rows stand in that order already."""
    if pc.all(pc.less_equal(sequences[:-1], sequences[1:])).as_py() is not False:
        return None
    rows = pa.table([sequences, pa.arange(0, len(sequences))], ["sequence", "row"])
    order = pc.sort_indices(rows, sort_keys=[("sequence", "ascending"), ("row", "ascending")])
    return order.cast(pa.int64())


def _comparable(key: pa.Array) -> pa.Array:
    """Make equal keys equal bytes: of doubles, minus zero is zero."""
    return pc.add(key, 0.0) if pa.types.is_floating(key.type) else key
